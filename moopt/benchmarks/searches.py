"""Who can take part in a benchmark: moopt's samplers and its peers, behind one protocol.

Here a name is resolved: `bayesian`, `bayesian:matern` (a surrogate of one's choice),
`bayesian:evaluated_ei` (an acquisition function), any other sampler of moopt's, or a peer,
`optuna-gp` or `ax-client`, which keeps its state as its users have it.
"""

from typing import final

from moopt.benchmarks.peer_outcomes import Proposals
from moopt.benchmarks.peers import PEERS, Search, peer_named
from moopt.benchmarks.problem import Found
from moopt.errors import SelectionError
from moopt.optimizer import Optimizer
from moopt.protocols import Sampler
from moopt.samplers.bayesian import ACQUISITIONS, BayesianSampler
from moopt.samplers.registry import sampler_named
from moopt.study.parameters import Parameters
from moopt.study.study import Study
from moopt.study.trials import Failure


@final
class SamplerSearch:
    """A sampler of moopt's, asked through `Optimizer`."""

    def __init__(self, study: Study, sampler: Sampler, seed: int) -> None:
        """Start with no trials."""
        self._optimizer = Optimizer(study, sampler, seed)
        self._proposals: Proposals[int] = Proposals()

    def attach(self, parameters: Parameters, outcome: Found) -> None:
        """Learn from a trial that somebody else proposed."""
        end_trial(self._optimizer, self._optimizer.attach(parameters).number, outcome)

    def ask(self) -> Parameters:
        """Propose a trial.

        Raises:
            SelectionError: Nothing is left to propose.
        """
        proposed = self._optimizer.ask()
        if not proposed:
            raise SelectionError(
                f"nothing is left to propose in study {self._optimizer.study.name!r} after "
                f"{len(self._optimizer.trials)} trials; end the run"
            )
        return self._proposals.add(proposed[0].parameters, proposed[0].number)

    def tell(self, number: int, outcome: Found) -> None:
        """Learn what came of a trial, by how many were asked for before it."""
        end_trial(self._optimizer, self._proposals.take(number)[1], outcome)


def end_trial(optimizer: Optimizer, number: int, outcome: Found) -> None:
    """Tell an optimizer what came of a trial of its own."""
    if isinstance(outcome, Failure):
        optimizer.fail(number, outcome.message)
    else:
        optimizer.tell(number, outcome)


def search_named(
    name: str, study: Study, seed: int, *, initial_trials: int | None = None
) -> Search:
    """Return a new search by name.

    Args:
        name: Of a sampler or a peer.
        study: What to search.
        seed: Of all its randomness.
        initial_trials: Before its first model. None: as many as it takes by itself.

    Raises:
        SelectionError: There is none of that name, or it cannot search the study.
        MissingDependencyError: A peer is not installed.
    """
    if name in PEERS:
        return peer_named(name, study, seed, initial_trials)
    return SamplerSearch(study, _sampler(name, initial_trials), seed)


def _sampler(name: str, initial_trials: int | None) -> Sampler:
    kind, _, chosen = name.partition(":")
    if kind != "bayesian":
        return sampler_named(name)
    if chosen in ACQUISITIONS:
        return BayesianSampler(initial_trials=initial_trials, acquisition=chosen)
    return BayesianSampler(initial_trials=initial_trials, surrogate=chosen or None)
