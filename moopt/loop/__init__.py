"""The loop: propose, start, wait, record, until a study has its trials.

Only here a sampler, an executor and a store are known at once. What is to be remembered lies in the
store, so a loop that was killed at any moment goes on where the record ends.
"""

from moopt.loop.optimization import optimize
from moopt.loop.progress import Ended, Phase, Progress, Run, ignore_progress
from moopt.loop.stopping import StopLevel

__all__ = [
    "Ended",
    "Phase",
    "Progress",
    "Run",
    "StopLevel",
    "ignore_progress",
    "optimize",
]
