import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jaxtyping import Float

from moopt.front.dominance import is_nondominated
from moopt.protocols import StoppingRule
from moopt.samplers.stopping import MoAshaStopping
from moopt.study.trials import Measurement, Measurements, Trial, TrialState
from tests.samplers.fidelity_runs import CURVES

RULE = MoAshaStopping()
seen_at_a_level = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 30), st.just(2)), elements=st.integers(0, 9).map(float)
)


def values(score: float, time: float) -> Measurements:
    return {"score": Measurement(score), "time": Measurement(time)}


def running(number: int, reports: dict[float, Measurements]) -> Trial:
    return Trial(
        number,
        {"rate": number / 100, "width": 0.5},
        state=TrialState.RUNNING,
        fidelity=9.0,
        partial=reports,
    )


def reported(table: Float[np.ndarray, "n 2"], fidelity: float = 1.0) -> list[Trial]:
    return [
        running(number, {fidelity: values(score, time)})
        for number, (score, time) in enumerate(table.tolist())
    ]


def test_a_trial_bad_at_the_first_objective_and_best_at_the_second_survives() -> None:
    good = [[0.5 + 0.01 * number, 5.0 + number] for number in range(20)]
    trials = reported(np.array([*good, [0.01, 0.1], [0.02, 30.0]]))
    assert not RULE.stops(CURVES, trials, trials[20])
    assert RULE.stops(CURVES, trials, trials[21])


@given(seen_at_a_level)
def test_no_nondominated_trial_is_ever_stopped(table: Float[np.ndarray, "n 2"]) -> None:
    trials = reported(table)
    best = is_nondominated(table * np.array([1.0, -1.0]))
    for trial in trials:
        assert not (best[trial.number] and RULE.stops(CURVES, trials, trial))


@given(seen_at_a_level)
def test_at_most_a_third_of_the_dominated_ones_go_on(table: Float[np.ndarray, "n 2"]) -> None:
    trials = reported(table)
    best = int(is_nondominated(table * np.array([1.0, -1.0])).sum())
    going = sum(not RULE.stops(CURVES, trials, trial) for trial in trials)
    if len(trials) >= RULE.fewest:
        assert going == max(best, -(-len(trials) // 3))
    else:
        assert going == len(trials)


def test_nothing_is_stopped_between_levels_or_at_the_highest() -> None:
    trials = reported(np.array([[0.9, 1.0]] * 10 + [[0.1, 2.0]]))
    (*others, worst) = trials
    assert RULE.stops(CURVES, trials, worst)
    later = running(10, {1.0: values(0.1, 2.0), 2.0: values(0.1, 2.0)})
    assert not RULE.stops(CURVES, [*others, later], later)
    last = running(10, {9.0: values(0.1, 2.0)})
    assert not RULE.stops(CURVES, [*others, last], last)


def test_completed_trials_of_a_level_count_there() -> None:
    done = [
        Trial(
            number,
            {"rate": number / 100, "width": 0.5},
            state=TrialState.COMPLETED,
            fidelity=3.0,
            measurements=values(0.9, 1.0),
        )
        for number in range(6)
    ]
    bad = running(6, {3.0: values(0.1, 2.0)})
    assert RULE.stops(CURVES, [*done, bad], bad)
    assert not RULE.stops(CURVES, [*done[:3], bad], bad)


def test_it_is_a_stopping_rule_and_answers_equally() -> None:
    assert isinstance(RULE, StoppingRule)
    trials = reported(np.array([[0.9, 1.0]] * 10 + [[0.1, 2.0]]))
    assert RULE.stops(CURVES, trials, trials[-1]) == RULE.stops(CURVES, trials, trials[-1])
