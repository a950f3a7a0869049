"""moopt's peers behind one protocol, each loaded when it is asked for.

They keep their state as their users have it: a study of Optuna's, a client of Ax's. Those whose
pins contradict moopt's live in environments and processes of their own (`apart`).
"""

import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from moopt.benchmarks.problem import Found
from moopt.errors import MissingDependencyError
from moopt.study.parameters import Parameters
from moopt.study.study import Study


@runtime_checkable
class Search(Protocol):
    """Proposes trials and learns what came of them. Several may be pending at once."""

    def attach(self, parameters: Parameters, outcome: Found) -> None:
        """Learn from a trial that somebody else proposed."""
        ...

    def ask(self) -> Parameters:
        """Propose a trial.

        Raises:
            SelectionError: Nothing is left to propose.
        """
        ...

    def tell(self, number: int, outcome: Found) -> None:
        """Learn what came of a trial.

        Args:
            number: How many were asked for before it.
            outcome: Its measurements, or why there are none.

        Raises:
            SelectionError: It was not asked for, or told of before.
        """
        ...


@runtime_checkable
class Apart(Protocol):
    """A search that computes in a process of its own."""

    @property
    def cpu_seconds(self) -> float:
        """What that process has computed so far."""
        ...

    @property
    def peak_mib(self) -> float | None:
        """Most memory that it held. None: the system does not tell."""
        ...


@dataclass(frozen=True, slots=True)
class Peer:
    """Where a peer is."""

    module: str
    search: str
    """Function or class of the module: of a study, a seed and `initial_trials`."""

    package: str
    """What it needs. The extra of moopt's is named like it."""


PEERS = {
    "optuna-tpe": Peer("moopt.benchmarks.peer_optuna", "tpe", "optuna"),
    "optuna-nsga2": Peer("moopt.benchmarks.peer_optuna", "nsga2", "optuna"),
    "optuna-gp": Peer("moopt.benchmarks.peer_optuna", "gaussian_process", "optuna"),
    "ax-client": Peer("moopt.benchmarks.peer_ax", "AxSearch", "ax"),
    "botorch-qlognehvi": Peer("moopt.benchmarks.peer_botorch", "BotorchSearch", "botorch"),
    "botorch-qlognehvi-front": Peer("moopt.benchmarks.peer_botorch", "from_the_front", "botorch"),
    "pymoo-nsga2": Peer("moopt.benchmarks.peer_pymoo", "PymooSearch", "pymoo"),
    "smac": Peer("moopt.benchmarks.peer_apart", "smac", "smac"),
    "neps": Peer("moopt.benchmarks.peer_apart", "neps", "neps"),
    "hebo": Peer("moopt.benchmarks.peer_apart", "hebo", "hebo"),
}


def peer_named(name: str, study: Study, seed: int, initial_trials: int | None) -> Search:
    """Return a new search of a peer's.

    Args:
        name: One of `PEERS`.
        study: What to search.
        seed: Of all its randomness.
        initial_trials: Before its first model. None: its own default.

    Raises:
        MissingDependencyError: The peer is not installed.
        SelectionError: It cannot search the study.
    """
    peer = PEERS[name]
    try:
        module = importlib.import_module(peer.module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != peer.package:
            raise
        raise MissingDependencyError(
            f"the peer {name!r} needs the package {peer.package}, which is not installed; "
            f"pip install 'moopt[{peer.package}]'"
        ) from error
    new: Callable[..., Search] = getattr(module, peer.search)
    return new(study, seed, initial_trials=initial_trials)


def cpu_seconds(search: Search) -> float:
    """Return the CPU seconds of this process and of the one in which a search computes."""
    return time.process_time() + (search.cpu_seconds if isinstance(search, Apart) else 0.0)
