"""Ax's client, as its documentation uses it; the rest is at its default."""

import logging
from typing import final

from ax.api.client import Client
from ax.api.configs import RangeParameterConfig

from moopt.benchmarks.peers import continuous_parameters
from moopt.benchmarks.problem import Found
from moopt.errors import SelectionError
from moopt.study.objectives import Direction
from moopt.study.parameters import Parameters
from moopt.study.study import Study
from moopt.study.trials import Failure
from moopt.study.validation import check_measurements


@final
class AxSearch:
    """Ax's `Client`, with the references as limits of what is of interest."""

    def __init__(self, study: Study, seed: int, *, initial_trials: int | None = None) -> None:
        """Start with no trials.

        Raises:
            SelectionError: A parameter is not continuous.
        """
        logging.getLogger("ax.api.client").setLevel(logging.WARNING)
        self._client = Client(random_seed=seed)
        self._client.configure_experiment(
            parameters=[
                RangeParameterConfig(
                    name=each.name,
                    bounds=(each.low, each.high),
                    parameter_type="float",
                    scaling="log" if each.log else "linear",
                )
                for each in continuous_parameters(study)
            ],
            name=study.name,
        )
        minimized = {each.name: each.direction is Direction.MINIMIZE for each in study.objectives}
        self._client.configure_optimization(
            objective=", ".join(f"-{name}" if low else name for name, low in minimized.items()),
            outcome_constraints=[
                f"{each.name} {'<=' if minimized[each.name] else '>='} {each.reference!r}"
                for each in study.objectives
                if each.reference is not None
            ],
        )
        self._client.configure_generation_strategy(
            initialization_budget=initial_trials, initialization_random_seed=seed
        )
        self._running: int | None = None

    def attach(self, parameters: Parameters, outcome: Found) -> None:
        """Learn from a trial that somebody else proposed."""
        self._running = self._client.attach_trial(parameters=dict(parameters))
        self.tell(outcome)

    def ask(self) -> Parameters:
        """Propose a trial."""
        ((self._running, parameters),) = self._client.get_next_trials(max_trials=1).items()
        return parameters

    def tell(self, outcome: Found) -> None:
        """Learn what came of the trial proposed last."""
        if self._running is None:
            raise SelectionError("there is no trial to tell about; ask for one first")
        if isinstance(outcome, Failure):
            self._client.mark_trial_failed(self._running)
            return
        measured = check_measurements(outcome)
        self._client.complete_trial(
            self._running, raw_data={name: each.mean for name, each in measured.items()}
        )
