from dataclasses import replace

import pytest
import torch

from moopt.encoding.training_data import Limit
from moopt.errors import SurrogateError
from moopt.study.parameters import Categorical, Continuous, Parameter
from moopt.surrogates.formula import Formula
from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.outcomes import CAUTION, LIKELY, Outcomes, learn_outcomes
from tests.surrogates.made_outcomes import data_of, outcomes_of
from tests.surrogates.made_spaces import encoding_of


def success(outcomes: Outcomes) -> GaussianProcess:
    surrogate = outcomes.surrogates[-1]
    assert isinstance(surrogate, GaussianProcess)
    return surrogate


def test_measured_outcomes_are_learned_and_formulas_are_computed() -> None:
    outcomes = outcomes_of(1, formula=True, limit=0.5)

    kinds = [type(each) for each in outcomes.surrogates]
    assert kinds == [GaussianProcess, Formula, GaussianProcess]
    assert outcomes.description == "f0: Matérn-5/2; size: computed; c: Matérn-5/2"


def test_an_outcome_is_learned_from_the_trials_that_have_it() -> None:
    encoding, data = data_of(2)
    data.outcomes[:5, 1] = torch.nan

    first, second = learn_outcomes(encoding, data, "matern").surrogates

    assert isinstance(first, GaussianProcess)
    assert isinstance(second, GaussianProcess)
    assert len(first.alpha) == 14
    assert torch.equal(second.likelihood.observations.points, data.points[5:])


def test_an_outcome_that_nobody_measured_is_an_error() -> None:
    encoding, data = data_of(2)
    data.outcomes[:, 1] = torch.nan

    with pytest.raises(SurrogateError, match="'f1' was not measured in any of the trials"):
        learn_outcomes(encoding, data)


def test_failed_trials_teach_where_success_is_unlikely() -> None:
    encoding, data = data_of(2)
    right = data.points[:, 0] > 0.6
    data = replace(
        data,
        points=data.points[~right],
        outcomes=data.outcomes[~right],
        standard_errors=data.standard_errors[~right],
        crashed=data.points[right],
    )

    outcomes = learn_outcomes(encoding, data, "matern")

    ends = torch.tensor([[0.1, 0.5], [0.9, 0.5]], dtype=torch.float64)
    process = success(outcomes)
    left, far = process.measured(process.predict(ends)[0]).tolist()
    assert left > 0.8
    assert far < 0.5
    assert outcomes.data.limits == (Limit(2, -1.0, -LIKELY, weight=CAUTION),)
    assert outcomes.description.endswith(f"success: {process.description}")


@pytest.mark.parametrize(
    "parameters",
    [
        [Categorical("c", ["a", "b", "d"])],
        [Categorical("c", ["a", "b"]), Continuous("x", 0, 1)],
    ],
)
def test_failures_are_learned_where_parameters_are_choices(parameters: list[Parameter]) -> None:
    encoding = encoding_of(*parameters)
    _, data = data_of(2, columns=encoding.width, crashed=3)

    outcomes = learn_outcomes(encoding, data)

    assert len(outcomes.surrogates) == 3


def test_one_more_pending_trial_leaves_beliefs_as_they_are() -> None:
    before = outcomes_of(2, pending=1)

    after = before.with_pending(torch.tensor([0.25, 0.75], dtype=torch.float64))

    assert after.surrogates is before.surrogates
    assert after.data.pending[1].tolist() == [0.25, 0.75]
    assert len(before.data.pending) == 1
