"""What an onlooker sees of a study while it runs: measurements that must not be lost any more."""

import json
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from moopt.study.trials import Measurements, Trial, TrialState

Numbers = Mapping[str, tuple[float, float | None]]
"""Mean and standard error by objective."""

JOURNAL = "outcome.json"
"""Where a worker keeps what it measured, in the folder of the trial."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """Finished measurements of one trial, and when they were seen."""

    numbers: Numbers
    moment: float
    """On this machine's monotonic clock."""


@dataclass
class Sightings:
    """Finished measurements that were seen while the study ran, by the number of their trial."""

    recorded: dict[int, Sighting] = field(default_factory=dict)
    journaled: defaultdict[int, list[Sighting]] = field(default_factory=lambda: defaultdict(list))

    def see(self, trials: Sequence[Trial], folder: Path) -> None:
        """Remember what is recorded now and what stands in journals.

        Args:
            trials: The record.
            folder: Has the folders of the trials.
        """
        for trial in trials:
            if trial.number in self.recorded:
                continue
            journaled = _journaled(folder / str(trial.number) / JOURNAL, trial.key)
            if journaled is not None:
                self.journaled[trial.number].append(Sighting(journaled, time.monotonic()))
            if trial.state is TrialState.COMPLETED:
                numbers = numbers_of(trial.measurements)
                self.recorded[trial.number] = Sighting(numbers, time.monotonic())


def numbers_of(measurements: Measurements) -> dict[str, tuple[float, float | None]]:
    """Return measurements as plain pairs of mean and standard error."""
    return {name: (each.mean, each.sem) for name, each in measurements.items()}


def _journaled(file: Path, key: str) -> Numbers | None:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if found["key"] != key:
        return None
    return {name: (mean, sem) for name, (mean, sem) in found["measurements"].items()}
