from dataclasses import replace
from itertools import combinations

import pytest
import torch
from torch import Tensor

from moopt.acquisition.climbing import heights
from moopt.acquisition.hypervolume import noisy_hypervolume_improvement
from moopt.acquisition.thompson import joint_draws
from moopt.encoding.search_box import SearchBox
from moopt.loop.limits import Limits
from moopt.samplers.auto import AutoSampler
from moopt.samplers.bayesian import BayesianSampler
from moopt.samplers.budgets import told_the_budget
from moopt.samplers.last_trials import LAST, PointSearch, one_by_one, planned, trials_left
from moopt.study.objectives import Fidelity, Maximize, Minimize, Objective
from moopt.study.parameters import Continuous
from moopt.study.study import Study
from moopt.study.trials import Measurement, Trial, TrialState
from moopt.surrogates.outcomes import Outcomes, learn_outcomes
from tests.surrogates.made_outcomes import data_of

STUDY = Study(
    "curves",
    parameters=[Continuous("x", 0.0, 1.0)],
    objectives=[Objective("a", Minimize, reference=2.0), Objective("b", Maximize, reference=0.0)],
)
LINE = torch.linspace(0, 1, 5, dtype=torch.float64)
GRID = torch.cartesian_prod(LINE, LINE)
BRIEF = replace(STUDY, fidelity=Fidelity("epochs", low=1, high=9))


def done(count: int) -> list[Trial]:
    places = [number * 0.37 % 1.0 for number in range(count)]
    return [
        Trial(
            number,
            {"x": place},
            state=TrialState.COMPLETED,
            measurements={"a": Measurement((place - 0.3) ** 2, 0.0), "b": Measurement(place, 0.0)},
        )
        for number, place in enumerate(places)
    ]


def on_a_grid(count: int = 4) -> tuple[PointSearch, Outcomes]:
    """Return the search over some points of a square, and what so many trials tell of it."""
    encoding, data = data_of(1, columns=2, count=count)
    outcomes = learn_outcomes(encoding, data, "matern")
    search = PointSearch(
        noisy_hypervolume_improvement, SearchBox(encoding), GRID[:0], GRID[:0], whole=GRID
    )
    return search, outcomes


def joint_gains(outcomes: Outcomes, grid: Tensor) -> dict[frozenset[int], float]:
    """Return by how much each pair of a grid raises the best value, over many draws."""
    known = len(outcomes.data.points)
    draws = joint_draws(outcomes, torch.cat([outcomes.data.points, grid]), 4096, 1)[..., 0]
    best, there = draws[:, :known].amax(dim=1), draws[:, known:]
    return {
        frozenset(pair): float((there[:, pair].amax(dim=1) - best).clamp_min(0).mean())
        for pair in map(list, combinations(range(len(grid)), 2))
    }


@pytest.mark.parametrize("count", [3, 4, 6, 9])
def test_what_is_planned_together_is_nearly_the_best_pair(count: int) -> None:
    search, outcomes = on_a_grid(count)
    gains = joint_gains(outcomes, GRID)

    def gain(points: list[Tensor]) -> float:
        return gains[frozenset(int((GRID - point).abs().sum(dim=1).argmin()) for point in points)]

    together = gain(planned(search, outcomes, 2, seed=3))

    assert together >= 0.97 * max(gains.values())
    assert together >= 0.97 * gain(one_by_one(search, outcomes, 2, seed=3))


def test_what_adds_most_by_itself_comes_first() -> None:
    search, outcomes = on_a_grid()

    points = planned(search, outcomes, 4, seed=3)

    alone = heights(search.build(outcomes, 3), torch.stack(points))
    assert alone.tolist() == sorted(alone.tolist(), reverse=True)
    assert len({tuple(point.tolist()) for point in points}) == 4


def test_a_space_with_less_than_is_left_is_used_up() -> None:
    search, outcomes = on_a_grid()
    small = replace(search, whole=GRID[:3])

    assert len(planned(small, outcomes, LAST, seed=0)) == 3


def test_running_trials_have_their_share_of_the_budget_and_cancelled_ones_have_none() -> None:
    trials = done(6)
    trials[4] = replace(trials[4], state=TrialState.RUNNING, measurements={})
    trials[5] = replace(trials[5], state=TrialState.CANCELLED, measurements={})

    assert trials_left(STUDY, trials, 8.0) == 3
    assert trials_left(STUDY, trials, 3.0) == 0
    assert trials_left(STUDY, trials, None) is None


def test_only_the_last_trials_are_others_where_the_budget_is_known() -> None:
    trials = done(8)
    unaware = BayesianSampler(initial_trials=5, surrogate="rbf")

    def proposed(left: int, count: int) -> bool:
        aware = unaware.within(len(trials) + left)
        return aware.propose(STUDY, trials, count, 0) == unaware.propose(STUDY, trials, count, 0)

    assert proposed(LAST + 1, 1)
    assert proposed(1, 1)
    assert not proposed(3, 3)


def test_a_sampler_is_told_and_keeps_a_budget_of_its_own() -> None:
    assert told_the_budget(BayesianSampler(), 9.0) == BayesianSampler(budget=9.0)
    assert told_the_budget(BayesianSampler(budget=5.0), 9.0) == BayesianSampler(budget=5.0)
    assert told_the_budget(AutoSampler(), 9.0) == AutoSampler(budget=9.0)
    assert told_the_budget(AutoSampler(budget=5.0), 9.0) == AutoSampler(budget=5.0)


@pytest.mark.parametrize(
    ("limits", "study", "evaluations"),
    [
        (Limits(), STUDY, None),
        (Limits(trials=20), STUDY, 20),
        (Limits(trials=20, budget=12.0), STUDY, 12.0),
        (Limits(budget=12.0), BRIEF, 12.0),
        # Of trials that may be brief nobody knows what they cost.
        (Limits(trials=20), BRIEF, None),
    ],
)
def test_trials_are_a_budget_where_all_are_whole(
    limits: Limits, study: Study, evaluations: float | None
) -> None:
    assert limits.evaluations(study) == evaluations
