"""moopt's peers behind one protocol, each loaded when it is asked for.

They keep their state as their users have it: a study of Optuna's, a client of Ax's. Only
`peer_optuna` and `peer_ax` import them.
"""

import importlib
from typing import Protocol, assert_never, runtime_checkable

from moopt.benchmarks.problem import Found
from moopt.errors import MissingDependencyError, SelectionError
from moopt.study.parameters import Categorical, Continuous, Integer, Parameters
from moopt.study.simplex import Simplex
from moopt.study.study import Study

PEERS = {
    "optuna-gp": ("moopt.benchmarks.peer_optuna", "OptunaSearch", "optuna"),
    "ax-client": ("moopt.benchmarks.peer_ax", "AxSearch", "ax"),
}
"""Module, class and package of each peer. The extra of moopt's is named like the package."""


@runtime_checkable
class Search(Protocol):
    """Proposes one trial after the other and learns what came of each."""

    def attach(self, parameters: Parameters, outcome: Found) -> None:
        """Learn from a trial that somebody else proposed."""
        ...

    def ask(self) -> Parameters:
        """Propose a trial. The one before it has been told."""
        ...

    def tell(self, outcome: Found) -> None:
        """Learn what came of the trial proposed last."""
        ...


def peer_named(name: str, study: Study, seed: int, initial_trials: int | None) -> Search:
    """Return a new search of a peer's.

    Args:
        name: One of `PEERS`.
        study: What to search, by continuous parameters only.
        seed: Of all its randomness.
        initial_trials: Before its first model. None: its own default.

    Raises:
        MissingDependencyError: The peer is not installed.
        SelectionError: It cannot search the study.
    """
    place, kind, package = PEERS[name]
    try:
        module = importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise MissingDependencyError(
            f"the peer {name!r} needs the package {package}, which is not installed; "
            f"pip install 'moopt[{package}]'"
        ) from error
    peer: Search = getattr(module, kind)(study, seed, initial_trials=initial_trials)
    return peer


def continuous_parameters(study: Study) -> list[Continuous]:
    """Return the parameters of a study that has no others.

    Raises:
        SelectionError: A parameter is not continuous.
    """
    found: list[Continuous] = []
    for parameter in study.parameters:
        match parameter:
            case Continuous():
                found.append(parameter)
            case Integer() | Categorical() | Simplex():
                raise SelectionError(
                    f"peers are compared on continuous parameters, and {parameter.name!r} of "
                    f"{study.name!r} is a {type(parameter).__name__}; choose another problem"
                )
            case never:
                assert_never(never)
    return found
