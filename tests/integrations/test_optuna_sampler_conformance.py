"""The suite that Optuna ships for authors of samplers, whole."""

from collections.abc import Callable

import optuna
import pytest
from optuna.samplers import BaseSampler
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
)

from moopt.integrations.optuna import MooptSampler
from moopt.samplers.auto import AutoSampler

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


class TestBeforeTheModel(
    BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase
):
    """Spaces of every kind, proposals of the initial design."""

    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return lambda: MooptSampler(AutoSampler(initial_trials=1_000), seed=0)


class TestWithTheModel:
    """Those of its cases that have trials enough for one, with a model after seven of them."""

    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return lambda: MooptSampler(AutoSampler(initial_trials=7), seed=0)

    test_single_parameter = BasicSamplerTestCase.test_single_parameter_objective
    test_conditional_parameters = BasicSamplerTestCase.test_conditional_parameter_objective
    test_nan = BasicSamplerTestCase.test_nan_objective_value
    test_threads = RelativeSamplerTestCase.test_trial_relative_params
