"""Optuna's Gaussian-process sampler, as its documentation uses it; the rest is at its default."""

from typing import final

import optuna
from optuna.distributions import FloatDistribution
from optuna.samplers import GPSampler
from optuna.trial import TrialState, create_trial

from moopt.benchmarks.peers import continuous_parameters
from moopt.benchmarks.problem import Found
from moopt.errors import SelectionError
from moopt.study.parameters import Parameters
from moopt.study.study import Study
from moopt.study.trials import Failure
from moopt.study.validation import check_measurements

OPTUNA_INITIAL = 10
"""Trials before Optuna's first model, by its own default."""


@final
class OptunaSearch:
    """Optuna's `GPSampler`, asked through a study in memory."""

    def __init__(self, study: Study, seed: int, *, initial_trials: int | None = None) -> None:
        """Start with no trials.

        Raises:
            SelectionError: A parameter is not continuous.
        """
        initial = OPTUNA_INITIAL if initial_trials is None else initial_trials
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._names = [objective.name for objective in study.objectives]
        self._distributions = {
            each.name: FloatDistribution(each.low, each.high, log=each.log)
            for each in continuous_parameters(study)
        }
        self._study = optuna.create_study(
            directions=[objective.direction.value for objective in study.objectives],
            sampler=GPSampler(seed=seed, n_startup_trials=initial),
        )
        self._running: int | None = None

    def attach(self, parameters: Parameters, outcome: Found) -> None:
        """Learn from a trial that somebody else proposed."""
        values = self._values(outcome)
        self._study.add_trial(
            create_trial(
                state=TrialState.FAIL if values is None else TrialState.COMPLETE,
                params=dict(parameters),
                distributions=dict(self._distributions),
                values=values,
            )
        )

    def ask(self) -> Parameters:
        """Propose a trial."""
        trial = self._study.ask(dict(self._distributions))
        self._running = trial.number
        return trial.params

    def tell(self, outcome: Found) -> None:
        """Learn what came of the trial proposed last."""
        values = self._values(outcome)
        if self._running is None:
            raise SelectionError("there is no trial to tell about; ask for one first")
        state = TrialState.FAIL if values is None else TrialState.COMPLETE
        self._study.tell(self._running, values, state=state)

    def _values(self, outcome: Found) -> list[float] | None:
        if isinstance(outcome, Failure):
            return None
        measured = check_measurements(outcome)
        return [measured[name].mean for name in self._names]
