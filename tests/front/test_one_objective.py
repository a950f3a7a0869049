"""With one objective the front is the best feasible trial."""

from collections.abc import Callable

import pytest

from moopt.errors import SelectionError
from moopt.front.front import Front, front_of, hypervolume_history
from moopt.front.reference_point import infer_references, is_settled
from moopt.study.objectives import Minimize, Objective, OutcomeConstraint
from moopt.study.parameters import Continuous
from moopt.study.study import Study
from moopt.study.trials import Measurement, Trial, TrialState

STUDY = Study(
    "loss",
    parameters=[Continuous("x", 0, 1)],
    objectives=[Objective("loss", Minimize, reference=4.0)],
    outcome_constraints=[OutcomeConstraint("size", at_most=1.0)],
)
FREE = Study(
    "free",
    parameters=STUDY.parameters,
    objectives=[Objective("loss", Minimize)],
    outcome_constraints=STUDY.outcome_constraints,
)


def trial(number: int, loss: float, size: float = 0.5) -> Trial:
    measured = {"loss": Measurement(loss), "size": Measurement(size)}
    return Trial(number, {"x": 0.5}, state=TrialState.COMPLETED, measurements=measured)


TRIALS = [trial(0, 3.0), trial(1, 5.0), trial(2, 1.5), trial(3, 0.1, size=2.0), trial(4, 1.5)]


def numbers(front: Front) -> list[int]:
    return [each.number for each in front.trials]


def test_the_best_feasible_trials_are_the_front() -> None:
    assert numbers(front_of(STUDY, TRIALS[:2])) == [0]
    assert numbers(front_of(STUDY, TRIALS)) == [2, 4]
    assert numbers(front_of(STUDY, TRIALS, include_infeasible=True)) == [3]


def test_the_hypervolume_is_the_distance_of_the_best_value_beyond_the_reference() -> None:
    assert front_of(STUDY, TRIALS).hypervolume() == 2.5
    assert front_of(STUDY, [trial(1, 5.0)]).hypervolume() == 0.0
    assert hypervolume_history(STUDY, TRIALS) == [1.0, 1.0, 2.5, 2.5, 2.5]


CHOICES: list[Callable[[Front], Trial]] = [
    Front.knee,
    Front.nash,
    Front.egalitarian,
    lambda front: front.pick({"loss": 0.3}),
    lambda front: front.lexicographic(["loss"]),
    lambda front: front.all_good({"loss": 1.0}),
]


@pytest.mark.parametrize("choose", CHOICES)
def test_every_choice_is_the_best_trial(choose: Callable[[Front], Trial]) -> None:
    assert choose(front_of(STUDY, TRIALS)).number == 2


def test_there_is_no_way_between_objectives() -> None:
    with pytest.raises(SelectionError, match="needs two objectives, study 'loss' has 1"):
        front_of(STUDY, TRIALS).alpha_point()


def test_the_reference_is_inferred_from_the_worst_trial() -> None:
    # The losses lie between 0.1 and 5; a tenth of that range below the worst is 5.49.
    assert infer_references(FREE, TRIALS) == {"loss": pytest.approx(5.49)}
    # Of one value the range is the value itself.
    assert infer_references(FREE, TRIALS[:1]) == {"loss": pytest.approx(3.3)}
    assert infer_references(FREE, []) == {}


def test_what_infeasible_trials_reach_settles_no_reference() -> None:
    assert not is_settled(FREE, [TRIALS[3]] * 5)
    assert is_settled(FREE, TRIALS)
    assert not is_settled(FREE, TRIALS[:4])
