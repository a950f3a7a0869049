import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jaxtyping import Float

from moopt.front.dominance import is_nondominated
from moopt.front.ranking import TieBreak, best_first, crowding, epsilon_net, layers
from moopt.study.objectives import Maximize, Minimize, Objective, OutcomeConstraint
from moopt.study.parameters import Continuous
from moopt.study.study import Study
from moopt.study.trials import Measurement, Trial, TrialState

STUDY = Study(
    "ranked",
    parameters=[Continuous("x", 0, 1)],
    objectives=[Objective("gain", Maximize), Objective("loss", Minimize)],
    outcome_constraints=[OutcomeConstraint("size", at_most=1.0)],
)
coarse = hnp.arrays(
    np.float64,
    st.tuples(st.integers(0, 25), st.integers(1, 4)),
    elements=st.integers(0, 5).map(float),
)


def trial(number: int, gain: float, loss: float, size: float | None = 0.5) -> Trial:
    found = {"gain": Measurement(gain), "loss": Measurement(loss)}
    if size is not None:
        found["size"] = Measurement(size)
    return Trial(number, {"x": 0.5}, state=TrialState.COMPLETED, measurements=found)


@given(coarse)
def test_a_layer_is_what_is_nondominated_without_the_layers_before(
    values: Float[np.ndarray, "n m"],
) -> None:
    expected = np.zeros(len(values), dtype=int)
    left, layer = np.arange(len(values)), 0
    while len(left):
        best = is_nondominated(values[left])
        expected[left[best]] = layer
        left, layer = left[~best], layer + 1
    assert layers(values).tolist() == expected.tolist()


@pytest.mark.parametrize("tie_break", [epsilon_net, crowding])
@given(coarse.filter(len))
def test_a_tie_break_orders_every_point_once(
    tie_break: TieBreak, values: Float[np.ndarray, "n m"]
) -> None:
    assert sorted(tie_break(values)) == list(range(len(values)))


def test_the_net_takes_the_balanced_point_then_both_ends() -> None:
    values = np.array([[0.0, 1.0], [0.1, 0.95], [0.6, 0.6], [0.95, 0.1], [1.0, 0.0]])
    assert epsilon_net(values)[0] == 2
    assert set(epsilon_net(values)[1:3]) == {0, 4}


def test_crowding_takes_the_ends_then_the_loneliest_point() -> None:
    values = np.array([[0.0, 1.0], [0.1, 0.9], [0.2, 0.8], [0.6, 0.4], [1.0, 0.0]])
    assert set(crowding(values)[:2]) == {0, 4}
    assert crowding(values)[2] == 3


def test_trials_beyond_a_limit_come_last_the_farthest_at_the_very_end() -> None:
    trials = [
        trial(0, 9.0, 0.0, size=3.0),
        trial(1, 0.0, 9.0),
        trial(2, 1.0, 1.0),
        trial(3, 9.0, 0.0, size=2.0),
        trial(4, 9.0, 0.0, size=None),
    ]
    assert best_first(STUDY, trials) == [[2], [1], [3], [0], [4]]


def test_nothing_is_ranked_where_there_is_nothing() -> None:
    assert best_first(STUDY, []) == []
