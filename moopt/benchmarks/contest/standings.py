"""Who did how well: shares of the best known hypervolume, ranks, trials saved, seconds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

import numpy as np
from jaxtyping import Float
from scipy.stats import mannwhitneyu, rankdata

from moopt.benchmarks.contest.matches import Run

NOISE = 0.05
"""Probability below which a difference between seeds is not taken for chance."""

NEAR = 10
"""Proposals before and after a number of trials whose median time is that of a proposal there."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a problem beforehand."""

    family: str
    use: str
    best: float | None
    """Hypervolume of the true front. None: nobody knows it."""


@dataclass(frozen=True, slots=True)
class Result:
    """What all searches reached on one problem."""

    problem: str
    family: str
    use: str
    best: float
    """The best known hypervolume: of the true front, or the largest that a run has reached."""

    traces: Mapping[str, Float[np.ndarray, "s n"]]
    """By search: the share of it after each trial, one row for each seed. As many columns as the
    shortest of the runs has trials."""

    def shares(self, search: str, trials: int) -> Float[np.ndarray, " s"] | None:
        """Return the share of each seed after so many trials. None: not all have come so far."""
        found = self.traces.get(search)
        return None if found is None or found.shape[1] < trials else found[:, trials - 1]

    def ranks(self, trials: int) -> dict[str, float]:
        """Return the rank of each search that came so far, by its median; 1 is best."""
        medians = {
            search: float(np.median(shares))
            for search in self.traces
            if (shares := self.shares(search, trials)) is not None
        }
        ranks = rankdata([-value for value in medians.values()])
        return dict(zip(medians, ranks.tolist(), strict=True))

    def leader(self, searches: Iterable[str], trials: int) -> str | None:
        """Return which of some searches has the best median. None: nobody came so far."""
        ranks = self.ranks(trials)
        there = [search for search in searches if search in ranks]
        return min(there, key=ranks.__getitem__, default=None)

    def trials_to(self, search: str, share: float) -> int | None:
        """Return after how many trials the median of the seeds was that large. None: never."""
        found = self.traces.get(search)
        if found is None or found.shape[1] == 0:
            return None
        reached = np.flatnonzero(np.median(found, axis=0) >= share)
        return int(reached[0]) + 1 if len(reached) else None

    def is_worse(self, search: str, other: str, trials: int) -> bool:
        """Say whether a search is behind another by more than the noise of the seeds."""
        mine, others = self.shares(search, trials), self.shares(other, trials)
        if mine is None or others is None or np.median(mine) >= np.median(others):
            return False
        return bool(mannwhitneyu(mine, others, alternative="less").pvalue < NOISE)


def results(runs: Sequence[Run], facts: Mapping[str, Facts]) -> list[Result]:
    """Return the result of each problem, in the order in which they come."""
    found = []
    for problem in dict.fromkeys(run.match.problem for run in runs):
        here = [run for run in runs if run.match.problem == problem]
        reached = [run.hypervolumes[-1] for run in here if run.hypervolumes]
        known = facts[problem]
        best = max([*reached, known.best or 0.0])
        searches = dict.fromkeys(run.match.search for run in here)
        traces = {
            search: _traces([run for run in here if run.match.search == search], best)
            for search in searches
        }
        found.append(Result(problem, known.family, known.use, best, traces))
    return found


def mean_ranks(found: Sequence[Result], trials: int) -> dict[str, tuple[float, int]]:
    """Return the mean rank of each search, and on how many problems it has one."""
    ranks: dict[str, list[float]] = {}
    for result in found:
        for search, rank in result.ranks(trials).items():
            ranks.setdefault(search, []).append(rank)
    return {search: (fmean(each), len(each)) for search, each in ranks.items()}


def savings(
    found: Sequence[Result], ours: str, peers: Sequence[str], trials: int
) -> dict[str, tuple[str, float | None]]:
    """Return by problem the best peer, and which share of its trials ours took to where it ended.

    None: ours has not come there.
    """
    table: dict[str, tuple[str, float | None]] = {}
    for result in found:
        leader = result.leader(peers, trials)
        if leader is None or ours not in result.traces:
            continue
        shares = result.shares(leader, trials)
        target = 0.0 if shares is None else float(np.median(shares))
        took = result.trials_to(ours, target)
        table[result.problem] = leader, None if took is None else took / trials
    return table


def losses(found: Sequence[Result], ours: str, peers: Sequence[str], trials: int) -> dict[str, str]:
    """Return on which problems which best peer is ahead by more than noise."""
    leaders = {result.problem: result.leader(peers, trials) for result in found}
    return {
        result.problem: leader
        for result in found
        if (leader := leaders[result.problem]) is not None and result.is_worse(ours, leader, trials)
    }


def kept_by_workers(
    side_by_side: Sequence[Run], one_by_one: Sequence[Run], trials: int
) -> dict[str, dict[str, float]]:
    """Return by search and problem which share of the hypervolume several workers keep.

    Medians over seeds, of problems on which all runs came to so many trials, and of which something
    was found one by one.
    """
    crew, alone = (_ends(runs, trials) for runs in (side_by_side, one_by_one))
    kept: dict[str, dict[str, float]] = {}
    for (search, problem), reached in crew.items():
        if alone.get((search, problem), 0.0) > 0:
            kept.setdefault(search, {})[problem] = reached / alone[search, problem]
    return kept


def _ends(runs: Sequence[Run], trials: int) -> dict[tuple[str, str], float]:
    grouped: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        grouped.setdefault((run.match.search, run.match.problem), []).append(run)
    traces = {name: _traces(each, best=1.0) for name, each in grouped.items()}
    return {
        name: float(np.median(found[:, trials - 1]))
        for name, found in traces.items()
        if found.shape[1] >= trials
    }


@dataclass(frozen=True, slots=True)
class Price:
    """What proposals of a search cost, over all its runs."""

    cpu_seconds: Mapping[int, float]
    """Median of a proposal, by how many trials were known."""

    wall_seconds: Mapping[int, float]
    peak_mib: float | None
    """Median of the runs."""

    failures: float
    """Share of all trials."""

    repeats: float
    """Share of all trials."""

    ended_early: int
    """Runs that did not come to their end."""


def price(runs: Sequence[Run], places: Sequence[int]) -> Price:
    """Return what the runs of one search cost.

    Args:
        runs: Of one search.
        places: Numbers of known trials at which a proposal is timed.
    """
    trials = sum(len(run.failed) for run in runs) or 1
    peaks = [run.peak_mib for run in runs if run.peak_mib is not None]
    return Price(
        cpu_seconds=_typical([run.cpu_seconds for run in runs], places),
        wall_seconds=_typical([run.wall_seconds for run in runs], places),
        peak_mib=median(peaks) if peaks else None,
        failures=sum(sum(run.failed) for run in runs) / trials,
        repeats=sum(run.repeats for run in runs) / trials,
        ended_early=sum(bool(run.ended) for run in runs),
    )


def _typical(seconds: Sequence[Sequence[float]], places: Sequence[int]) -> dict[int, float]:
    near = {
        place: [
            each
            for row in seconds
            if len(row) > place
            for each in row[max(0, place - NEAR) : place + NEAR + 1]
        ]
        for place in places
    }
    return {place: median(each) for place, each in near.items() if each}


def _traces(runs: Sequence[Run], best: float) -> Float[np.ndarray, "s n"]:
    length = min(len(run.hypervolumes) for run in runs)
    rows = [run.hypervolumes[:length] for run in runs]
    return np.asarray(rows, dtype=np.float64).reshape(len(rows), length) / (best or 1.0)
