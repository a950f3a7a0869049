"""Trust regions of a study, told from its trials: how large they are and where their centres lie.

A candidate's notes name the region that proposed it. So the trials tell how often each region found
something new lately: it grows where it did, shrinks where it did not, and ends when it is small;
another one takes its place. Every region has a direction in objective space of its own, so that
regions spread over the front.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from jaxtyping import Bool, Float

from moopt.study.trials import FailureKind, Trial

REGION = "trust_region:number"
"""The note that names a trial's region."""

REGIONS = 5
"""That are searched in turn."""

LONGEST, SHORTEST = 1.6, 0.5**7
"""Sides of a region, in the unit cube."""

SUCCESSES = 3
"""In a row, after which a region doubles."""

FEWEST_FAILURES, MOST_FAILURES = 4, 25
"""In a row, after which it halves: one for every second column, within these."""

CLEAR = 1e-3
"""By how much of the front's range a trial must be ahead of it to count as something new."""

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Region:
    """A region by number, with what came of its trials."""

    number: int
    length: float
    successes: int = 0
    failures: int = 0
    latest: int = -1
    """How many candidates all regions had proposed when it proposed its last one."""


@dataclass(slots=True)
class Regions:
    """The regions that are searched, and how many there have been."""

    patience: int
    """Failures in a row after which a region halves."""

    length: float
    """With which regions begin."""

    begun: int = REGIONS
    active: dict[int, Region] = field(init=False)

    def __post_init__(self) -> None:
        self.active = {number: Region(number, self.length) for number in range(REGIONS)}

    def count(self, number: int, *, success: bool) -> None:
        """Take in what came of a trial of a region; nothing where it has ended."""
        region = self.active.get(number)
        if region is None:
            return
        region.successes = region.successes + 1 if success else 0
        region.failures = 0 if success else region.failures + 1
        if region.successes >= SUCCESSES:
            region.length, region.successes = min(2 * region.length, LONGEST), 0
        if region.failures >= self.patience:
            region.length, region.failures = region.length / 2, 0
        if region.length < SHORTEST:
            del self.active[number]
            self.active[self.begun] = Region(self.begun, self.length)
            self.begun += 1

    def in_turn(self) -> list[Region]:
        """Return the regions, the one that has waited longest first."""
        return sorted(self.active.values(), key=lambda each: (each.latest, each.number))


def regions_of(
    columns: int, length: float, trials: Sequence[Trial], news: Mapping[int, bool]
) -> Regions:
    """Return the regions of a study.

    Source: Eriksson, Pearce, Gardner, Turner and Poloczek, "Scalable global optimization via local
    Bayesian optimization", NeurIPS (2019), for how they grow and shrink.

    Args:
        columns: Of the space.
        length: With which regions begin.
        trials: In the order in which they were proposed.
        news: Whether it was something new, by the place of each measured trial among them.
    """
    regions = Regions(min(max(columns // 2, FEWEST_FAILURES), MOST_FAILURES), length)
    owners = {place: region_of(trial) for place, trial in enumerate(trials)}
    told = [place for place, trial in enumerate(trials) if place in news or _crashed(trial)]
    for place in sorted(told, key=lambda place: (trials[place].ended or _NEVER, place)):
        number = owners[place]
        if number is not None:
            regions.count(number, success=news.get(place, False))
    for place, number in owners.items():
        if number in regions.active:
            regions.active[number].latest = place
    return regions


def region_of(trial: Trial) -> int | None:
    """Return the number of the region that proposed a trial, or None."""
    number = trial.notes.get(REGION, "")
    return int(number) if number.isdecimal() else None


def news_of(
    values: Float[np.ndarray, "n m"], counts: Bool[np.ndarray, " n"]
) -> Bool[np.ndarray, " n"]:
    """Say which rows were clearly ahead of the front of those before them.

    Args:
        values: Larger is better, in the order in which they were measured.
        counts: Which rows are complete and keep the limits; the others are no news.
    """
    news = np.zeros(len(values), dtype=bool)
    front = np.empty((0, values.shape[1]))
    for row in np.flatnonzero(counts):
        value = values[row]
        if len(front) == 0:
            front, news[row] = value[None], True
            continue
        scale = front.max(axis=0) - front.min(axis=0)
        ahead = value - front
        news[row] = (ahead > CLEAR * scale).any(axis=1).all()
        if (ahead > 0).any(axis=1).all():
            front = np.vstack([front[(ahead < 0).any(axis=1)], value])
    return news


def _crashed(trial: Trial) -> bool:
    return trial.failure is not None and trial.failure.kind is FailureKind.CANDIDATE
