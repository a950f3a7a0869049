import math
from pathlib import Path

import pytest

from moopt import (
    Candidate,
    Continuous,
    Fidelity,
    Maximize,
    Measurement,
    Objective,
    Optimizer,
    Store,
    Study,
    Trial,
    TrialState,
    optimize,
)
from moopt.encoding.training_data import trials_to_learn_from
from moopt.errors import SelectionError
from moopt.samplers.budgets import told_the_budget
from moopt.samplers.racing import RacingSampler
from moopt.study.serialization import study_from_json, study_to_json

EXAMPLES = Fidelity("examples", low=0.125, high=1.0, unbiased=True)


def study(fidelity: Fidelity | None = EXAMPLES) -> Study:
    return Study(
        "race",
        parameters=[Continuous("x", 0.0, 1.0), Continuous("y", 0.0, 1.0)],
        objectives=[Objective(name, Maximize, reference=0.0) for name in ("left", "right")],
        fidelity=fidelity,
        start_with=[{"x": 0.5, "y": 0.5}],
    )


def measured(trial: Trial, context: object = None) -> dict[str, tuple[float, float]]:
    """Measure two hills, on a share of the examples as exactly as the share is large."""
    del context
    x, y = (float(str(trial.parameters[name])) for name in ("x", "y"))
    noise = 0.02 / math.sqrt(trial.fidelity or 1.0)
    luck = noise * math.sin(99 * trial.number)
    return {
        "left": (1 - (x - 0.2) ** 2 - 2 * (y - 0.3) ** 2 + luck, noise),
        "right": (1 - (x - 0.8) ** 2 - 2 * (y - 0.5) ** 2 - luck, noise),
    }


def searched(sampler: RacingSampler, count: int) -> Optimizer:
    optimizer = Optimizer(study(), sampler, seed=0)
    for _ in range(count):
        (trial,) = optimizer.ask()
        optimizer.tell(trial.number, measured(trial))
    return optimizer


@pytest.mark.slow
def test_most_candidates_are_looked_at_briefly_and_the_best_are_taken_further() -> None:
    trials = searched(RacingSampler(begun_for_each=3), 12).trials

    begun = [each for each in trials if each.continues is None]
    further = [each for each in trials if each.continues is not None]
    assert {each.fidelity for each in begun} == {0.125}
    assert {each.fidelity for each in further} == {1.0}
    assert len(further) == 3
    assert [each.parameters for each in further] == [
        trials[each.continues or 0].parameters for each in further
    ]
    assert len({each.continues for each in further}) == len(further)


@pytest.mark.slow
def test_the_end_of_a_budget_is_kept_for_what_is_best_then() -> None:
    trials = searched(RacingSampler(begun_for_each=50, budget=3.0, kept=0.6), 12).trials

    further = [each.number for each in trials if each.continues is not None]
    assert further == [10, 11]


@pytest.mark.slow
def test_a_run_tells_its_budget(tmp_path: Path) -> None:
    sampler = RacingSampler(begun_for_each=50, kept=0.6)
    with Store("sqlite://") as store:
        optimize(study(), measured, budget=3.0, sampler=sampler, store=store, directory=tmp_path)
        trials = store.trials("race")

    further = [each.number for each in trials if each.continues is not None]
    assert further == [10, 11]


def test_a_budget_of_its_own_stands() -> None:
    assert told_the_budget(RacingSampler(budget=5.0), 3.0) == RacingSampler(budget=5.0)
    assert told_the_budget(RacingSampler(), 3.0) == RacingSampler(budget=3.0)
    assert told_the_budget(RacingSampler(), None) == RacingSampler()


@pytest.mark.slow
def test_all_of_the_front_was_measured_on_all_examples() -> None:
    front = searched(RacingSampler(), 16).front()

    assert {each.fidelity for each in front.trials} == {1.0}
    assert front.hypervolume() > 0.8


@pytest.mark.slow
def test_equal_trials_give_equal_candidates() -> None:
    trials = searched(RacingSampler(), 12).trials

    first, second = (RacingSampler().propose(study(), trials, 3, 0) for _ in range(2))

    assert first == second
    assert len({(each.continues, str(each.parameters)) for each in first}) == 3


def ended(number: int, state: TrialState, fidelity: float, continues: int | None = None) -> Trial:
    measured = dict.fromkeys(("left", "right"), Measurement(0.5, 0.1))
    point = {"x": (continues or number) / 10, "y": 0.5}
    return Trial(
        number,
        point,
        state=state,
        fidelity=fidelity,
        continues=continues,
        measurements=measured,
    )


def test_what_was_stopped_on_the_way_is_not_taken_up_again() -> None:
    trials = [
        ended(0, TrialState.COMPLETED, 0.125),
        *(ended(number, TrialState.STOPPED, 0.25) for number in range(1, 8)),
    ]

    found = RacingSampler(begun_for_each=1).propose(study(), trials, 2, 0)

    assert [each.continues for each in found] == [0, None]


def test_every_measurement_of_an_unbiased_fidelity_is_learned_from_once() -> None:
    trials = [
        ended(1, TrialState.COMPLETED, 0.125),
        ended(2, TrialState.STOPPED, 0.5),
        ended(3, TrialState.COMPLETED, 1.0, continues=1),
    ]
    biased = study(Fidelity("examples", low=0.125, high=1.0))

    assert [each.number for each in trials_to_learn_from(study(), trials)] == [2, 3]
    assert [each.number for each in trials_to_learn_from(biased, trials)] == [3]


def test_starting_points_are_looked_at_briefly_too() -> None:
    (first,) = Optimizer(study(), "racing").ask()

    assert (first.sampler, first.fidelity) == ("start_with", 0.125)


def test_a_fidelity_is_stored_as_unbiased() -> None:
    assert study_from_json(study_to_json(study())).fidelity == EXAMPLES


def test_a_fidelity_that_changes_the_number_is_refused() -> None:
    with pytest.raises(SelectionError, match="say unbiased=True for 'epochs' if they are"):
        RacingSampler().propose(study(Fidelity("epochs", low=1, high=9)), [], 1, 0)


def test_a_study_without_a_fidelity_is_refused() -> None:
    with pytest.raises(SelectionError, match="needs a study with a fidelity"):
        RacingSampler().propose(study(None), list[Trial](), 1, 0)


def test_candidates_are_those_of_bayesian_search_at_the_lowest_fidelity() -> None:
    found: list[Candidate] = RacingSampler().propose(study(), [], 3, 0)

    assert [each.fidelity for each in found] == [0.125] * 3
