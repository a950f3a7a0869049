from dataclasses import replace

import pytest
import torch

from moopt.encoding.fidelities import LOWEST, FidelityEncoding
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


def test_the_fidelity_is_a_logarithmic_last_column_that_ends_at_the_highest() -> None:
    points = torch.tensor([[0.2, 0.8]], dtype=torch.float64)
    columns = [float(ENCODING.at(points, each)[0, 2]) for each in (1.0, 3.0, 9.0, 27.0)]
    assert columns == pytest.approx([LOWEST, (1 + LOWEST) / 2, 1.0, 1.0])
    assert columns[2:] == [1.0, 1.0]
    assert torch.equal(ENCODING.at(points, 3.0)[:, :2], points)


def test_an_unbiased_fidelity_hardly_changes_a_point() -> None:
    unbiased = FidelityEncoding.of(CURVES, replace(EPOCHS, unbiased=True))
    points = torch.tensor([[0.2, 0.8]], dtype=torch.float64)
    columns = [float(unbiased.at(points, each)[0, 2]) for each in (1.0, 3.0, 9.0)]
    assert columns == pytest.approx([1.0, 1.0, 1.0], abs=2e-3)
    assert columns[0] < columns[1] < columns[2] == 1.0


@pytest.mark.parametrize("unbiased", [False, True])
def test_longer_evaluations_are_worth_as_many_repeats_as_they_are_longer(*, unbiased: bool) -> None:
    encoding = FidelityEncoding.of(CURVES, replace(EPOCHS, unbiased=unbiased))
    points = torch.rand(1, 2, dtype=torch.float64)
    for fidelity in (1.0, 3.0, 9.0):
        assert float(encoding.repeats(encoding.at(points, fidelity))) == pytest.approx(fidelity)


def test_every_result_is_a_row_and_fronts_are_made_of_the_highest_fidelity() -> None:
    trials = [trial(1, 1.0), trial(2, 9.0), trial(3, 3.0, TrialState.STOPPED)]
    data = ENCODING.training_data(CURVES, trials, trials)
    assert data.points[:, -1].tolist() == [ENCODING.column(each) for each in (1.0, 9.0, 3.0)]
    assert data.outcomes[:, 0].tolist() == [2.0, 11.0, 6.0]
    whole = ENCODING.at_high(data)
    assert whole.outcomes[:, 0].tolist() == [11.0]
    assert len(whole.standard_errors) == 1


def test_what_was_taken_further_is_learned_from_at_both_fidelities_unless_these_are_alike() -> None:
    brief = trial(1, 1.0)
    further = replace(trial(2, 9.0), parameters=brief.parameters, continues=1)
    data = ENCODING.training_data(CURVES, [brief, further], [brief, further])
    assert data.outcomes[:, 0].tolist() == [2.0, 11.0]
    assert torch.equal(data.points[0, :2], data.points[1, :2])
    unbiased = FidelityEncoding.of(CURVES, replace(EPOCHS, unbiased=True))
    data = unbiased.training_data(CURVES, [brief, further], [brief, further])
    assert data.outcomes[:, 0].tolist() == [11.0]


def test_what_runs_is_pending_at_the_highest_fidelity_and_failures_stay_where_they_were() -> None:
    trials = [
        trial(1, 1.0),
        trial(2, 3.0, TrialState.RUNNING),
        trial(3, 3.0, TrialState.FAILED),
    ]
    data = ENCODING.training_data(CURVES, trials, trials[:1])
    assert data.pending[:, -1].tolist() == [1.0]
    assert data.crashed[:, -1].tolist() == [ENCODING.column(3.0)]


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
