"""Ranks, savings and losses of made runs, against what one can count by hand."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from moopt.benchmarks.contest.matches import Match, Run
from moopt.benchmarks.contest.standings import (
    Facts,
    kept_by_workers,
    losses,
    mean_ranks,
    price,
    results,
    savings,
)

FACTS = {
    "ridge": Facts("continuous", "reported", 10.0),
    "table": Facts("tables", "reported", None),
}


def run(problem: str, search: str, seed: int, hypervolumes: Sequence[float]) -> Run:
    count = len(hypervolumes)
    return Run(
        Match(problem, search, seed),
        parameters=({"x": 0.0},) * count,
        hypervolumes=tuple(hypervolumes),
        failed=(False,) * count,
        cpu_seconds=(0.5,) * count,
        wall_seconds=(1.0,) * count,
        repeats=0,
        peak_mib=100.0,
    )


def test_shares_are_of_the_true_front_or_of_the_best_run() -> None:
    found = results(
        [
            run("ridge", "auto", 0, [2.0, 5.0]),
            run("table", "auto", 0, [2.0, 5.0]),
            run("table", "random", 0, [1.0, 4.0]),
        ],
        FACTS,
    )

    assert [result.best for result in found] == [10.0, 5.0]
    np.testing.assert_allclose(found[0].traces["auto"], [[0.2, 0.5]])
    np.testing.assert_allclose(found[1].traces["random"], [[0.2, 0.8]])


def test_a_run_above_the_known_front_becomes_the_best() -> None:
    (result,) = results([run("ridge", "auto", 0, [12.0])], FACTS)

    assert result.best == 12.0


def test_equal_medians_share_a_rank() -> None:
    runs = [
        run("ridge", "auto", 0, [5.0]),
        run("ridge", "a", 0, [5.0]),
        run("ridge", "b", 0, [1.0]),
    ]

    (result,) = results(runs, FACTS)

    assert result.ranks(1) == {"auto": 1.5, "a": 1.5, "b": 3.0}


def test_who_has_not_come_so_far_has_no_rank() -> None:
    runs = [
        run("ridge", "auto", 0, [1.0, 2.0]),
        run("ridge", "slow", 0, [3.0, 4.0]),
        run("ridge", "slow", 1, [3.0]),
        run("table", "auto", 0, [1.0, 2.0]),
        run("table", "slow", 0, [0.5, 1.0]),
    ]

    ranks = mean_ranks(results(runs, FACTS), 2)

    assert ranks == {"auto": (1.0, 2), "slow": (2.0, 1)}


def test_trials_saved_are_counted_to_the_median_of_the_best_peer() -> None:
    runs = [
        *(run("ridge", "auto", seed, [1.0, 4.0, 6.0, 8.0]) for seed in range(3)),
        *(run("ridge", "peer", seed, [1.0, 2.0, 3.0, 4.0]) for seed in range(3)),
        *(run("ridge", "other", seed, [0.0, 0.0, 0.0, 1.0]) for seed in range(3)),
    ]

    saved = savings(results(runs, FACTS), "auto", ["peer", "other"], 4)

    assert saved == {"ridge": ("peer", 0.5)}


def test_what_was_never_reached_is_said() -> None:
    runs = [run("ridge", "auto", 0, [1.0, 2.0]), run("ridge", "peer", 0, [1.0, 3.0])]

    assert savings(results(runs, FACTS), "auto", ["peer"], 2) == {"ridge": ("peer", None)}


@pytest.mark.parametrize(("lead", "is_loss"), [(3.0, True), (0.01, False)])
def test_only_what_exceeds_the_noise_is_a_loss(*, lead: float, is_loss: bool) -> None:
    generator = np.random.default_rng(0)
    noise = generator.normal(size=10)
    runs = [
        *(run("ridge", "auto", seed, [5.0 + noise[seed]]) for seed in range(5)),
        *(run("ridge", "peer", seed, [5.0 + noise[5 + seed] + lead]) for seed in range(5)),
    ]

    behind = losses(results(runs, FACTS), "auto", ["peer"], 1)

    assert bool(behind) == is_loss


def test_what_workers_keep_is_a_share_of_medians() -> None:
    alone = [run("ridge", "auto", seed, [1.0, end]) for seed, end in enumerate([2.0, 4.0, 9.0])]
    crew = [run("ridge", "auto", seed, [1.0, end]) for seed, end in enumerate([1.0, 3.0, 9.0])]
    short = [run("table", "auto", 0, [1.0])]
    nothing = [run("table", "random", 0, [0.0, 0.0])]

    kept = kept_by_workers(
        [*crew, run("table", "auto", 0, [1.0, 2.0]), run("table", "random", 0, [0.0, 1.0])],
        [*alone, *short, *nothing],
        2,
    )

    assert kept == {"auto": {"ridge": 0.75}}


def test_seconds_are_medians_near_a_number_of_trials() -> None:
    seconds = tuple(float(number >= 45) for number in range(60))
    made = replace(run("ridge", "auto", 0, [0.0] * 60), cpu_seconds=seconds, repeats=6)

    cost = price([made], [50, 100])

    assert cost.cpu_seconds == {50: 1.0}
    assert cost.repeats == 0.1
    assert cost.failures == 0.0
