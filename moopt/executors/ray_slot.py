"""One worker on a Ray cluster as the driver sees it: an actor, and its unanswered calls."""

import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, RayError

from moopt.executors.messages import Broken
from moopt.executors.ray_room import Share
from moopt.executors.ray_worker import BEAT_SECONDS, Opened, RayWorker, Setup, Step
from moopt.study.evaluation import Split
from moopt.study.trials import Trial

SILENCE_SECONDS = 6 * BEAT_SECONDS
"""After so long without a word, an actor that measures is given up."""

_THREADS = 6
"""Calls that an actor serves at once: one to stay, one to measure, others to stop."""

_EXIT = re.compile(r"Worker exit type: .*?(?= Some common causes|$)")
_REASON_LENGTH = 300

Answer = Opened | Broken | Step | None


@dataclass(eq=False)
class Slot:
    """A worker, from the request for its actor to the actor's end."""

    setup: Setup
    actor: Any
    opening: "ray.ObjectRef[Answer] | None"
    """None: it has its place."""

    staying: "ray.ObjectRef[Answer]"
    """Is answered when the actor is lost."""

    opened: Opened | None = None
    job: str | None = None
    step: "ray.ObjectRef[Answer] | None" = None
    asked: float = field(default_factory=time.monotonic)
    """When the call for the step was made, on the monotonic clock."""

    @classmethod
    def requested(cls, setup: Setup, share: Share) -> "Slot":
        """Ask the cluster for an actor. It comes when there is room."""
        kind = ray.remote(RayWorker).options(
            num_cpus=share.cpus,
            num_gpus=share.gpus,
            # A trial is given to another worker by the loop, which counts how often.
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=_THREADS,
        )
        actor: Any = kind.remote(setup)
        return cls(setup, actor, actor.open.remote(), actor.stay.remote())

    @property
    def idle(self) -> bool:
        """Whether it has its place and no job."""
        return self.opened is not None and self.job is None

    @property
    def silent(self) -> bool:
        """Whether it has not answered for too long."""
        return self.job is not None and time.monotonic() > self.asked + SILENCE_SECONDS

    @property
    def calls(self) -> "list[ray.ObjectRef[Answer]]":
        """What it has not answered yet."""
        step = self.step if self.job is not None else None
        return [call for call in (self.opening, self.staying, step) if call is not None]

    def give(self, job: str, trial: Trial, split: Split) -> None:
        """Hand it a job."""
        self.job = job
        self.asked = time.monotonic()
        self.step = self.actor.measure.remote(job, trial, split)

    def ask(self) -> None:
        """Ask how its job goes on."""
        self.asked = time.monotonic()
        self.step = self.actor.go_on.remote(self.job)

    def stop_early(self) -> None:
        """Tell the evaluator of its job to come to an end."""
        self.actor.stop_early.remote(self.job)

    def stop(self) -> None:
        """End its job; the next one may be given at once."""
        self.actor.stop.remote(self.job)
        self.job = None

    def kill(self) -> None:
        """End the actor; its worker process ends with it."""
        # It is gone already, or nobody is there to tell.
        with suppress(RayError, ValueError, RuntimeError):
            ray.kill(self.actor)

    def lost(self, error: RayError | None) -> str:
        """Say how it was lost: by an error, or because it is silent."""
        if self.opened is None:
            return f"a Ray worker was lost before it began: {_reason(error)}"
        return f"the Ray worker on {self.opened.host} was lost: {_reason(error)}"


def remarks(opened: Opened, directory: Path) -> list[str]:
    """Return what the user should know of a machine.

    Args:
        opened: A worker on it.
        directory: The driver's folder for the folders of the trials.
    """
    said = []
    if not opened.shares_directory:
        said.append(
            f"{opened.host} does not share {directory} with this machine: what trials write there "
            f"stays there, in {opened.directory}"
        )
    if opened.lacks:
        more = ", ..." if len(opened.lacks) > 3 else ""
        said.append(
            f"{opened.host} lacks {', '.join(opened.lacks[:3])}{more}, too big to ship: put the "
            "folder of the study on shared storage"
        )
    return said


def _reason(error: RayError | None) -> str:
    if error is None:
        return f"it has not answered for {SILENCE_SECONDS:g} s"
    text = " ".join(str(error).split())
    if isinstance(error, ActorUnavailableError) or "node has died" in text:
        return "its machine is gone or cannot be reached"
    told = _EXIT.search(text)
    return f"its process died ({told[0]})" if told else text[:_REASON_LENGTH]
