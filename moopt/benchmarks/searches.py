"""Who can take part in a benchmark: moopt's samplers and its peers, behind one protocol.

Here a name is resolved: `bayesian`, `bayesian:matern` (a surrogate of one's choice), any other
sampler of moopt's, or a peer, `optuna-gp` or `ax-client`, which keeps its state as its users have
it.
"""

from typing import final

from moopt.benchmarks.peers import PEERS, Search, peer_named
from moopt.benchmarks.problem import Found
from moopt.optimizer import Optimizer
from moopt.protocols import Sampler
from moopt.samplers.bayesian import BayesianSampler
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

    def attach(self, parameters: Parameters, outcome: Found) -> None:
        """Learn from a trial that somebody else proposed."""
        self._optimizer.attach(parameters)
        self.tell(outcome)

    def ask(self) -> Parameters:
        """Propose a trial."""
        (trial,) = self._optimizer.ask()
        return trial.parameters

    def tell(self, outcome: Found) -> None:
        """Learn what came of the trial proposed last."""
        number = len(self._optimizer.trials) - 1
        if isinstance(outcome, Failure):
            self._optimizer.fail(number, outcome.message)
        else:
            self._optimizer.tell(number, outcome)


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
        SelectionError: There is none of that name.
        MissingDependencyError: A peer is not installed.
    """
    if name in PEERS:
        return peer_named(name, study, seed, initial_trials)
    return SamplerSearch(study, _sampler(name, initial_trials), seed)


def _sampler(name: str, initial_trials: int | None) -> Sampler:
    kind, _, surrogate = name.partition(":")
    if kind != "bayesian":
        return sampler_named(name)
    return BayesianSampler(initial_trials=initial_trials, surrogate=surrogate or None)
