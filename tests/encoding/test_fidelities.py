from dataclasses import replace

import torch

from moopt.encoding.fidelities import FidelityEncoding
from moopt.encoding.space import SpaceEncoding
from moopt.encoding.training_data import training_data
from moopt.study.objectives import Minimize, Objective
from moopt.study.parameters import Parameters
from moopt.study.trials import Failure, FailureKind, Measurement, Trial, TrialState
from tests.samplers.fidelity_runs import CURVES, EPOCHS, number

ENCODING = FidelityEncoding.of(CURVES, EPOCHS)
FAILURE = Failure(FailureKind.CANDIDATE, "diverged")


def trial(place: int, fidelity: float, state: TrialState = TrialState.COMPLETED) -> Trial:
    measured = state in (TrialState.COMPLETED, TrialState.STOPPED)
    return Trial(
        place,
        {"rate": place / 10, "width": 0.5},
        state=state,
        fidelity=fidelity,
        measurements={
            "score": Measurement(place + fidelity),
            "time": Measurement(1.0),
        }
        if measured
        else {},
        failure=FAILURE if state is TrialState.FAILED else None,
    )


def test_the_fidelity_is_a_logarithmic_last_column() -> None:
    points = torch.tensor([[0.2, 0.8]], dtype=torch.float64)
    columns = [float(ENCODING.at(points, each)[0, 2]) for each in (1.0, 3.0, 9.0, 27.0)]
    assert columns[0] == 0.0
    assert abs(columns[1] - 0.5) < 1e-12
    assert columns[2:] == [1.0, 1.0]
    assert torch.equal(ENCODING.at(points, 3.0)[:, :2], points)


def test_every_result_is_a_row_and_fronts_are_made_of_the_highest_fidelity() -> None:
    trials = [trial(1, 1.0), trial(2, 9.0), trial(3, 3.0, TrialState.STOPPED)]
    data = ENCODING.training_data(CURVES, trials, trials)
    assert data.points[:, -1].tolist() == [0.0, 1.0, 0.5]
    assert data.outcomes[:, 0].tolist() == [2.0, 11.0, 6.0]
    whole = ENCODING.at_high(data)
    assert whole.outcomes[:, 0].tolist() == [11.0]
    assert len(whole.standard_errors) == 1


def test_what_runs_is_pending_at_the_highest_fidelity_and_failures_stay_where_they_were() -> None:
    trials = [
        trial(1, 1.0),
        trial(2, 3.0, TrialState.RUNNING),
        trial(3, 3.0, TrialState.FAILED),
    ]
    data = ENCODING.training_data(CURVES, trials, trials[:1])
    assert data.pending[:, -1].tolist() == [1.0]
    assert data.crashed[:, -1].tolist() == [0.5]


def test_a_formula_is_not_shown_the_fidelity() -> None:
    def size(parameters: Parameters) -> float:
        assert set(parameters) == {"rate", "width"}
        return number(parameters, "width")

    study = replace(
        CURVES, objectives=[CURVES.objectives[0], Objective("size", Minimize, formula=size)]
    )
    encoding = FidelityEncoding.of(study, EPOCHS)
    computed = encoding.space.study.objectives[1].formula
    assert computed is not None
    assert computed({"rate": 0.1, "width": 0.7, "epochs": 3.0}) == 0.7


def test_other_samplers_still_see_the_highest_fidelity_only() -> None:
    trials = [trial(1, 1.0), trial(2, 9.0)]
    data = training_data(CURVES, SpaceEncoding.of(CURVES), trials)
    assert data.points.tolist() == [[0.2, 0.5]]
