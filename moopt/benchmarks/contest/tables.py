"""The standings as tables of text: the same on the terminal and on the page."""

from collections.abc import Mapping, Sequence
from statistics import median

import numpy as np

from moopt.benchmarks.contest.matches import Run
from moopt.benchmarks.contest.standings import (
    Result,
    losses,
    mean_ranks,
    price,
    savings,
)
from moopt.reports.formatting import ABSENT, quantity_text
from moopt.reports.tables import Table

OVERALL = "all"


def rank_table(found: Sequence[Result], trials: int) -> Table:
    """Return the mean rank of each search, by family and over all problems.

    The number of problems stands behind a rank where a search has not one on every problem.
    """
    families = list(dict.fromkeys(result.family for result in found))
    columns = {OVERALL: mean_ranks(found, trials)}
    counts = {OVERALL: len(found)}
    for family in families:
        inside = [result for result in found if result.family == family]
        columns[family] = mean_ranks(inside, trials)
        counts[family] = len(inside)
    order = sorted(columns[OVERALL], key=lambda search: columns[OVERALL][search][0])
    rows = []
    for search in order:
        cells = [search]
        for name, ranks in columns.items():
            rank, count = ranks.get(search, (None, 0))
            text = ABSENT if rank is None else f"{rank:.2f}"
            cells.append(text if count in {0, counts[name]} else f"{text} ({count})")
        rows.append(tuple(cells))
    head = [f"{name}, {quantity_text(counts[name], 'problem')}" for name in columns]
    return Table(("search", *head), tuple(rows))


def share_table(result: Result, checkpoints: Sequence[int]) -> Table:
    """Return the shares of the best known hypervolume: median and quartiles of the seeds."""
    last = checkpoints[-1]
    ranks = result.ranks(last)
    order = sorted(result.traces, key=lambda search: ranks.get(search, float("inf")))
    rows = [
        (search, *(_quartiles_text(result.shares(search, trials)) for trials in checkpoints))
        for search in order
    ]
    return Table(("search", *(f"{trials} trials" for trials in checkpoints)), tuple(rows))


def savings_table(found: Sequence[Result], ours: str, peers: Sequence[str], trials: int) -> Table:
    """Return for each problem the best peer, and when ours reaches what that one has in the end."""
    saved = savings(found, ours, peers, trials)
    behind = losses(found, ours, peers, trials)
    rows = []
    for result in found:
        if result.problem not in saved:
            continue
        leader, ratio = saved[result.problem]
        mine, theirs = (_median_text(result.shares(search, trials)) for search in (ours, leader))
        took = "not reached" if ratio is None else f"{ratio:.2f}"
        verdict = "behind" if result.problem in behind else ""
        rows.append((result.problem, leader, theirs, mine, took, verdict))
    columns = ("problem", "best peer", "its share", f"share of {ours}", "share of trials", "")
    return Table(columns, tuple(rows))


def verdict_text(found: Sequence[Result], ours: str, peers: Sequence[str], trials: int) -> str:
    """Return in two sentences how many trials ours saves, and where it is behind."""
    ratios = [ratio for _, ratio in savings(found, ours, peers, trials).values()]
    if not ratios:
        return f"No peer has come to {trials} trials, so there is nobody to compare {ours} with."
    middle = median([float("inf") if each is None else each for each in ratios])
    reached = (
        f"the best peer's hypervolume after {trials} trials in {middle:.2f} times the trials"
        if middle <= 1
        else f"less than the best peer does in {trials} trials"
    )
    behind = losses(found, ours, peers, trials)
    return (
        f"On the median problem {ours} reaches {reached}. It is behind the best peer by more than "
        f"the noise of the seeds on {len(behind)} of {len(ratios)} problems."
    )


def workers_table(kept: Mapping[str, Mapping[str, float]]) -> Table:
    """Return which share of the hypervolume of one trial after the other several workers keep."""
    rows = []
    for search, shares in kept.items():
        worst = min(shares, key=shares.__getitem__)
        quartiles = _quartiles_text(np.array(list(shares.values())))
        rows.append((search, str(len(shares)), quartiles, f"{worst}: {shares[worst]:.3f}"))
    return Table(("search", "problems", "share", "least"), tuple(rows))


def price_table(runs: Sequence[Run], places: Sequence[int]) -> Table:
    """Return what each search costs."""
    rows = []
    for search in dict.fromkeys(run.match.search for run in runs):
        cost = price([run for run in runs if run.match.search == search], places)
        seconds = [
            _seconds_text(times.get(place))
            for times in (cost.cpu_seconds, cost.wall_seconds)
            for place in places
        ]
        memory = ABSENT if cost.peak_mib is None else f"{cost.peak_mib:.0f}"
        rows.append(
            (
                search,
                *seconds,
                memory,
                f"{cost.failures:.1%}",
                f"{cost.repeats:.1%}",
                str(cost.ended_early),
            )
        )
    head = [f"{kind} s at {place}" for kind in ("CPU", "wall") for place in places]
    columns = ("search", *head, "MiB", "failed", "repeated", "ended early")
    return Table(columns, tuple(rows))


def _quartiles_text(shares: np.ndarray[tuple[int], np.dtype[np.float64]] | None) -> str:
    if shares is None:
        return ABSENT
    low, middle, high = np.quantile(shares, (0.25, 0.5, 0.75))
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


def _median_text(shares: np.ndarray[tuple[int], np.dtype[np.float64]] | None) -> str:
    return ABSENT if shares is None else f"{np.median(shares):.3f}"


def _seconds_text(seconds: float | None) -> str:
    return ABSENT if seconds is None else f"{seconds:.3g}"
