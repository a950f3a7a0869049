import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moopt.errors import SelectionError
from moopt.front.dominance import is_nondominated
from moopt.front.front import front_of, hypervolume_history
from moopt.front.hypervolume import hypervolume
from moopt.front.reference_point import infer_references
from moopt.study.objectives import Maximize, Minimize, Objective, OutcomeConstraint
from moopt.study.parameters import Continuous
from moopt.study.study import Study
from moopt.study.trials import Measurement, Trial, TrialState
from tests.strategies import Points, point_sets

STUDY = Study(
    "front",
    parameters=[Continuous("x", 0, 1)],
    objectives=[
        Objective("accuracy", Maximize, reference=0.0),
        Objective("latency", Minimize, reference=10.0),
    ],
    outcome_constraints=[OutcomeConstraint("toxicity", at_most=0.5)],
)


def trial(number: int, accuracy: float, latency: float, toxicity: float = 0.0) -> Trial:
    measured = {"accuracy": accuracy, "latency": latency, "toxicity": toxicity}
    return Trial(
        number,
        {"x": 0.5},
        state=TrialState.COMPLETED,
        measurements={name: Measurement(value) for name, value in measured.items()},
    )


def inclusion_exclusion(points: Points) -> float:
    """Return the hypervolume above the origin of a few points, from first principles."""
    total = 0.0
    for size in range(1, len(points) + 1):
        for chosen in itertools.combinations(points, size):
            total += (-1) ** (size + 1) * float(np.prod(np.min(chosen, axis=0)))
    return total


def test_a_point_better_in_each_objective_dominates() -> None:
    points = np.array([[1.0, 1.0], [2.0, 2.0], [0.0, 3.0]])

    assert is_nondominated(points).tolist() == [False, True, True]


def test_equal_points_do_not_dominate_each_other() -> None:
    assert is_nondominated(np.array([[1.0, 1.0], [1.0, 1.0]])).all()


@given(point_sets())
def test_the_front_of_a_front_is_itself(points: Points) -> None:
    assert is_nondominated(points[is_nondominated(points)]).all()


@given(point_sets(count=4))
def test_hypervolume_equals_inclusion_and_exclusion(points: Points) -> None:
    assert hypervolume(points, np.zeros(3)) == pytest.approx(inclusion_exclusion(points))


@given(point_sets(), st.integers(0, 7))
def test_a_dominated_point_adds_no_hypervolume(points: Points, index: int) -> None:
    below = points[index % len(points)] - 1.0

    assert hypervolume(np.vstack([points, below]), np.zeros(3)) == pytest.approx(
        hypervolume(points, np.zeros(3))
    )


def test_trials_that_are_beaten_or_break_a_constraint_are_not_on_the_front() -> None:
    trials = [trial(0, 0.9, 5), trial(1, 0.8, 6), trial(2, 0.7, 1), trial(3, 1.0, 1, toxicity=0.9)]

    front = front_of(STUDY, trials)

    assert [each.number for each in front.trials] == [0, 2]
    # By hand: 0.9 x (10 - 5) + 0.7 x (5 - 1).
    assert front.hypervolume() == pytest.approx(7.3)


def test_infeasible_trials_are_on_the_front_when_asked_for() -> None:
    trials = [trial(0, 0.9, 5), trial(3, 1.0, 1, toxicity=0.9)]

    assert [t.number for t in front_of(STUDY, trials, include_infeasible=True).trials] == [3]


def test_the_knee_is_furthest_above_the_line_between_the_ends() -> None:
    trials = [trial(0, 1.0, 9), trial(1, 0.9, 3), trial(2, 0.5, 2), trial(3, 0.0, 1)]

    assert front_of(STUDY, trials).knee().number == 1


def test_the_knee_within_limits_keeps_the_scale_of_the_whole_front() -> None:
    trials = [trial(0, 1.0, 9), trial(1, 0.9, 4), trial(2, 0.5, 3), trial(3, 0.0, 1)]

    knee = front_of(STUDY, trials).knee(within=lambda each: each.number >= 2)

    # Heights over the whole front: 0.5 + 6/8 for trial 2 and 0 + 1 for trial 3.
    assert knee.number == 2


def test_a_preference_for_one_objective_picks_its_best_trial() -> None:
    front = front_of(STUDY, [trial(0, 1.0, 9), trial(1, 0.9, 3), trial(2, 0.0, 1)])

    assert front.pick({"accuracy": 1.0}).number == 0
    assert front.pick({"latency": 1.0}).number == 2
    assert front.pick({"accuracy": 0.5, "latency": 0.5}).number == 1


@pytest.mark.parametrize(
    ("preferences", "message"),
    [
        ({"speed": 1.0}, "'speed' is no objective"),
        ({"accuracy": -1.0}, "needs to be a number >= 0"),
        ({"accuracy": 0.0}, "positive importance for at least one"),
    ],
)
def test_a_wrong_preference_is_refused(preferences: dict[str, float], message: str) -> None:
    with pytest.raises(SelectionError, match=message):
        front_of(STUDY, [trial(0, 1.0, 9)]).pick(preferences)


def test_an_empty_front_has_no_knee_and_no_volume() -> None:
    front = front_of(STUDY, [])

    assert front.hypervolume() == 0.0
    with pytest.raises(SelectionError, match="has no front yet"):
        front.knee()


def test_references_are_inferred_only_where_there_are_none() -> None:
    study = Study(
        "inferred",
        parameters=STUDY.parameters,
        objectives=[STUDY.objectives[0], Objective("latency", Minimize)],
    )
    trials = [trial(0, 1.0, 9), trial(1, 0.5, 4), trial(2, 0.4, 100)]

    # The front's latencies lie between 4 and 9; a tenth of the range below the worst is 9.5.
    assert infer_references(study, trials) == {"latency": pytest.approx(9.5)}


def test_inferred_references_leave_room_below_an_aspiration_that_all_trials_reach() -> None:
    study = Study(
        "aspiring",
        parameters=STUDY.parameters,
        objectives=[
            Objective("accuracy", Maximize, aspiration=0.3),
            Objective("latency", Minimize, aspiration=5.0),
        ],
    )
    trials = [trial(0, 1.0, 9), trial(1, 0.5, 4), trial(2, 0.4, 100)]

    references = infer_references(study, trials)

    # Counted up to the aspirations, trial 1 has all there is, (0.3, 5); no accuracy tells a scale.
    # For latency it is the range of all trials, 5 to 100.
    assert references == {"accuracy": pytest.approx(0.2), "latency": pytest.approx(14.5)}
    assert study.with_references(references).objectives[0].reference == references["accuracy"]


def test_an_inferred_reference_is_worse_than_an_aspiration_that_is_next_to_all_values() -> None:
    objectives = [Objective("accuracy", Maximize, aspiration=1.0), Objective("latency", Minimize)]
    study = Study("aspiring", parameters=STUDY.parameters, objectives=objectives)
    trials = [trial(0, 1.0, 9), trial(1, np.nextafter(1.0, 0.0), 10)]

    assert infer_references(study, trials)["accuracy"] < 1.0


def test_the_reported_hypervolume_counts_what_is_beyond_an_aspiration() -> None:
    aspiring = Objective("accuracy", Maximize, reference=0.0, aspiration=0.5)
    study = Study("a", parameters=STUDY.parameters, objectives=[aspiring, STUDY.objectives[1]])

    assert front_of(study, [trial(0, 1.0, 9)]).hypervolume() == pytest.approx(1.0)


def test_hypervolume_never_falls_over_a_run() -> None:
    trials = [trial(n, a, b) for n, (a, b) in enumerate([(0.2, 5), (0.1, 9), (0.9, 2), (0.3, 1)])]

    history = hypervolume_history(STUDY, trials)

    assert history == sorted(history)
    assert history[-1] == pytest.approx(front_of(STUDY, trials).hypervolume())
