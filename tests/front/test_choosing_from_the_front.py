from collections.abc import Callable

import pytest

from moopt.errors import SelectionError
from moopt.front.front import Front, front_of
from moopt.study.objectives import Maximize, Minimize, Objective
from moopt.study.parameters import Continuous
from moopt.study.study import Study
from moopt.study.trials import Measurement, Trial, TrialState

STUDY = Study(
    "choosing",
    parameters=[Continuous("x", 0, 1)],
    objectives=[
        Objective("accuracy", Maximize, reference=0.0),
        Objective("latency", Minimize, reference=10.0),
    ],
)


def trial(number: int, **measured: float) -> Trial:
    return Trial(
        number,
        {"x": 0.5},
        state=TrialState.COMPLETED,
        measurements={name: Measurement(value) for name, value in measured.items()},
    )


FRONT = front_of(
    STUDY,
    [
        trial(0, accuracy=1.0, latency=9.0),
        trial(1, accuracy=0.95, latency=4.0),
        trial(2, accuracy=0.6, latency=2.0),
        trial(3, accuracy=0.1, latency=0.0),
    ],
)
EMPTY = front_of(STUDY, [])


def test_nash_picks_the_largest_product_of_gains() -> None:
    # Products of the gains over accuracy 0 and latency 10: 1, 5.7, 4.8 and 1.
    assert FRONT.nash().number == 1


def test_egalitarian_picks_the_largest_smallest_gain() -> None:
    # Smallest gains as a share of the best, 1.0 and 10: 0.1, 0.6, 0.6 and 0.1; the first of equals.
    assert FRONT.egalitarian().number == 1


def test_lexicographic_gives_up_no_more_than_the_tolerance() -> None:
    assert FRONT.lexicographic(["accuracy", "latency"]).number == 0
    assert FRONT.lexicographic(["accuracy", "latency"], tolerance={"accuracy": 0.05}).number == 1
    assert FRONT.lexicographic(["latency", "accuracy"], tolerance={"latency": 2.0}).number == 2
    assert FRONT.lexicographic(["latency"]).number == 3


def test_all_good_picks_the_trial_that_misses_no_limit() -> None:
    assert FRONT.all_good({"accuracy": 0.9, "latency": 5.0}).number == 1
    assert FRONT.all_good({"accuracy": 0.5, "latency": 3.0}).number == 2


def test_all_good_leaves_out_what_is_not_named() -> None:
    assert FRONT.all_good({"latency": 5.0}).number == 3
    assert FRONT.all_good({"accuracy": 0.5}).number == 0


def test_a_wide_scale_makes_a_miss_cheap() -> None:
    good = {"accuracy": 0.99, "latency": 3.0}

    assert FRONT.all_good(good, scales={"accuracy": 0.001}).number == 0
    assert FRONT.all_good(good, scales={"accuracy": 10.0}).number == 3


def test_a_single_trial_is_chosen_whatever_is_asked() -> None:
    only = front_of(STUDY, [trial(7, accuracy=0.5, latency=5.0)])

    chosen = [only.nash(), only.egalitarian(), only.all_good({"accuracy": 0.9}), only.alpha_point()]

    assert {each.number for each in chosen} == {7}
    assert only.distance(trial(8, accuracy=0.1, latency=5.3)) == pytest.approx(0.5)


def test_the_alpha_point_goes_from_the_best_in_one_objective_to_the_best_in_the_other() -> None:
    numbers = [FRONT.alpha_point(alpha).number for alpha in (0.0, 0.4, 0.5, 1.0)]

    # Scaled to [0, 1] the ways are 0.56, 1.00 and 1.60 long.
    assert numbers == [0, 1, 2, 3]


def test_the_distance_from_the_alpha_point_is_in_ranges_of_the_front() -> None:
    # From trial 2: 0.3 of 0.9 in accuracy, 4 of 9 in latency, so a third and four ninths.
    assert FRONT.distance(trial(9, accuracy=0.3, latency=6.0)) == pytest.approx(5 / 9)
    assert FRONT.distance(FRONT.alpha_point()) == 0.0


CHOICES: list[Callable[[Front], object]] = [
    Front.nash,
    Front.egalitarian,
    Front.alpha_point,
    lambda front: front.lexicographic(["accuracy"]),
    lambda front: front.all_good({"accuracy": 0.9}),
    lambda front: front.distance(trial(0, accuracy=1.0, latency=1.0)),
]


@pytest.mark.parametrize("choose", CHOICES)
def test_nothing_can_be_chosen_from_an_empty_front(choose: Callable[[Front], object]) -> None:
    with pytest.raises(SelectionError, match="has no front yet"):
        choose(EMPTY)


REFUSED: list[tuple[Callable[[Front], object], str]] = [
    (lambda front: front.lexicographic([]), "name one or more of"),
    (lambda front: front.lexicographic(["latency", "latency"]), "each once"),
    (lambda front: front.lexicographic(["speed"]), "'speed' is no objective"),
    (
        lambda front: front.lexicographic(["latency"], tolerance={"latency": -1.0}),
        "the tolerance of 'latency' needs to be a number >= 0, got -1",
    ),
    (lambda front: front.all_good({}), "say what is good enough for one or more of"),
    (lambda front: front.all_good({"speed": 1.0}), "'speed' is no objective"),
    (
        lambda front: front.all_good({"latency": float("nan")}),
        "the good value of 'latency' needs to be a number, got nan",
    ),
    (lambda front: front.all_good({"latency": 1.0}, scales={"latency": 0.0}), "a scale of 0"),
    (lambda front: front.alpha_point(2.0), "0 <= alpha <= 1, got 2"),
    (lambda front: front.distance(trial(5, accuracy=1.0)), "trial 5 lacks a measurement"),
]


@pytest.mark.parametrize(("choose", "message"), REFUSED)
def test_a_wrong_wish_is_refused(choose: Callable[[Front], object], message: str) -> None:
    with pytest.raises(SelectionError, match=message):
        choose(FRONT)


@pytest.mark.parametrize("choose", [Front.nash, Front.egalitarian])
def test_without_a_gain_in_every_objective_there_is_nothing_to_share(
    choose: Callable[[Front], object],
) -> None:
    front = front_of(STUDY, [trial(0, accuracy=1.0, latency=11.0)])

    with pytest.raises(SelectionError, match="better than the reference in every objective"):
        choose(front)


def test_three_objectives_have_no_alpha_point() -> None:
    study = Study(
        "three",
        parameters=STUDY.parameters,
        objectives=[*STUDY.objectives, Objective("size", Minimize, reference=9.0)],
    )
    front = front_of(study, [trial(0, accuracy=1.0, latency=1.0, size=1.0)])

    with pytest.raises(SelectionError, match="needs two objectives, study 'three' has 3"):
        front.alpha_point()
