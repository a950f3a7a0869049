"""What workers ask of a Ray cluster, and how many of them it has room for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from moopt.errors import ExecutorError


@dataclass(frozen=True, slots=True)
class Share:
    """What one worker asks for.

    Raises:
        ExecutorError: The GPUs are neither a whole number nor a share below one, or there is no
            CPU.
    """

    cpus: int
    gpus: float

    def __post_init__(self) -> None:
        if self.cpus < 1:
            raise ExecutorError(f"a trial takes at least 1 CPU, got {self.cpus}")
        if self.gpus < 0 or (self.gpus > 1 and self.gpus != int(self.gpus)):
            raise ExecutorError(
                f"a trial takes a whole number of GPUs or a share below 1, got {self.gpus:g}"
            )

    def __str__(self) -> str:
        return f"{_count(self.cpus, 'CPU')} and {_count(self.gpus, 'GPU')}"

    def times_in(self, resources: Mapping[str, float]) -> int:
        """Say how often it fits into what a node has."""
        fits = int(resources.get("CPU", 0) / self.cpus)
        if self.gpus == 0:
            return fits
        gpus = resources.get("GPU", 0)
        # A share of a GPU lies on one GPU.
        room = int(gpus) * int(1 / self.gpus + 1e-9) if self.gpus < 1 else int(gpus / self.gpus)
        return min(fits, room)


@dataclass(frozen=True, slots=True)
class Cluster:
    """What there is, and what of it nobody uses."""

    nodes: Sequence[Mapping[str, float]]
    """Resources of each node that is alive."""

    free: Mapping[str, float]
    """Of all nodes together."""

    def __str__(self) -> str:
        def told(name: str) -> str:
            total = sum(node.get(name, 0) for node in self.nodes)
            return f"{_count(total, name)} ({self.free.get(name, 0):g} free)"

        return f"{_count(len(self.nodes), 'node')} with {told('CPU')} and {told('GPU')}"

    @property
    def has_gpus(self) -> bool:
        """Whether any node has one."""
        return any(node.get("GPU", 0) > 0 for node in self.nodes)

    def can_hold(self, share: Share) -> bool:
        """Say whether a node could hold it if nobody else was there."""
        return any(share.times_in(node) for node in self.nodes)

    def room(self, share: Share) -> int:
        """Return about how many more workers fit in now."""
        return min(self.most(share), share.times_in(self.free))

    def most(self, share: Share) -> int:
        """Return how many workers fit in if nobody else is there."""
        return sum(map(share.times_in, self.nodes))


def _count(number: float, what: str) -> str:
    return f"{number:g} {what}{'' if number == 1 else 's'}"
