"""The facts of all tensors of a resident model, one row of a table each, kept for a search."""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from moopt.errors import MergeError
from moopt.merging.methods.method import (
    Facts,
    Grams,
    Mask,
    Method,
    Settings,
    Table,
    WholeTensor,
)
from moopt.merging.random_bits import mask_keys
from moopt.merging.resident import Resident
from moopt.merging.tensor_facts import MaskedTensor, TensorFacts, TensorSource


@runtime_checkable
class ExpertFacts(Facts, Protocol):
    """Facts together with the experts that they are of."""

    @property
    def experts(self) -> Sequence[Tensor]:
        """The rows of each expert, with a mask on them if the method has one."""
        ...


class ModelFacts:
    """The facts of experts as they are."""

    def __init__(self, resident: Resident) -> None:
        """Remember what is asked about; nothing is computed yet."""
        self._resident = resident
        self._sources = [_source(resident, name) for name in resident.layout.names]
        self._tensors = [TensorFacts(source) for source in self._sources]
        self._counts = np.array([source.count for source in self._sources])
        self._grams: dict[bool, Grams] = {}
        self._masked: dict[bytes, MaskedFacts] = {}

    @property
    def experts(self) -> Sequence[Tensor]:
        """The rows of each expert."""
        return self._resident.experts

    def under(self, method: Method, settings: Settings, names: Sequence[str]) -> ExpertFacts:
        """Return the facts of the experts under a method's masks; the last ones made are kept.

        Args:
            method: Without a mask, these facts themselves are returned.
            settings: Of every tensor.
            names: Of the experts.
        """
        if method.mask is None:
            return self
        numbers = [*settings.of_experts.values(), *settings.of_tensors.values()]
        words = (method.name, sorted(settings.words.items()), settings.seed, list(names))
        key = repr(words).encode() + b"".join(each.tobytes() for each in numbers)
        if key not in self._masked:
            self._masked = {}  # frees the memory before the next masks are made
            self._masked[key] = MaskedFacts(
                self._resident, self._sources, method.mask, settings, names
            )
        return self._masked[key]

    def whole(self, tensor: int) -> WholeTensor:
        """Return a tensor of every expert, with its statistics."""
        return self._sources[tensor].whole()

    def sizes(self) -> Int[np.ndarray, " t"]:
        """Return how many numbers each tensor has."""
        return self._counts

    def expert_count(self) -> int:
        """Return how many experts there are."""
        return len(self.experts)

    def gram(self, *, of_task_vectors: bool) -> Grams:
        """Return the scalar products of each tensor."""
        if of_task_vectors not in self._grams:
            grams = [facts.gram(of_task_vectors=of_task_vectors) for facts in self._tensors]
            self._grams[of_task_vectors] = np.concatenate(grams)
        return self._grams[of_task_vectors]

    def magnitude(self, tensor: int, expert: int, rank: int) -> float:
        """Return an absolute value of a task vector by its rank, 0 for the smallest."""
        return self._tensors[tensor].magnitude(0, expert, rank)

    def mean_squares(self) -> Table:
        """Refuse: there is no mask."""
        raise MergeError("this method has no mask")

    def rescale(self) -> Table:
        """Refuse: there is no mask."""
        raise MergeError("this method has no mask")


class MaskedFacts:
    """The facts of experts under masks, and their masked weights."""

    def __init__(
        self,
        resident: Resident,
        sources: Sequence[TensorSource],
        mask: Mask,
        settings: Settings,
        names: Sequence[str],
    ) -> None:
        """Make the masked experts; what can be asked of them is computed when it is."""
        layout = resident.layout
        self._counts = np.array([source.count for source in sources])
        self.experts: list[Tensor] = [torch.empty(0)] * len(names)
        self._masked: list[MaskedTensor] = []
        self._tables: dict[str, Table] = {}
        for index, (name, source) in enumerate(zip(layout.names, sources, strict=True)):
            keys = mask_keys(settings.seed, name, names)
            masked = MaskedTensor(source, mask, settings.at(index), keys)
            for piece in masked.pieces():
                for place, numbers in enumerate(piece.experts):
                    if self.experts[place].dim() == 1:
                        self.experts[place] = torch.zeros_like(
                            resident.experts[place], dtype=numbers.dtype
                        )
                    target = layout.numbers(self.experts[place], name)
                    target[piece.start : piece.start + len(numbers)] = numbers
            self._masked.append(masked)

    def sizes(self) -> Int[np.ndarray, " t"]:
        """Return how many numbers each tensor has."""
        return self._counts

    def expert_count(self) -> int:
        """Return how many experts there are."""
        return len(self.experts)

    def gram(self, *, of_task_vectors: bool) -> Grams:
        """Refuse: no method asks for it."""
        raise MergeError(f"scalar products of masked experts ({of_task_vectors=}) are not kept")

    def magnitude(self, tensor: int, expert: int, rank: int) -> float:
        """Refuse: no method asks for it."""
        raise MergeError(f"ranks of masked experts ({tensor=}, {expert=}, {rank=}) are not kept")

    def mean_squares(self) -> Table:
        """Return the mean square of each masked task vector."""
        return self._table("mean squares", MaskedTensor.mean_squares)

    def rescale(self) -> Table:
        """Return the factor that makes up for what each mask left out."""
        return self._table("rescale", MaskedTensor.rescale)

    def _table(self, what: str, of_tensor: Callable[[MaskedTensor], Table]) -> Table:
        if what not in self._tables:
            self._tables[what] = np.concatenate([of_tensor(each) for each in self._masked])
        return self._tables[what]


def _source(resident: Resident, name: str) -> TensorSource:
    layout = resident.layout
    own = None if resident.base is None else layout.numbers(resident.base, name)
    vectors = [layout.numbers(rows, name) for rows in resident.experts]

    def read(start: int, stop: int) -> tuple[Tensor | None, list[Tensor]]:
        return None if own is None else own[start:stop], [each[start:stop] for each in vectors]

    return TensorSource(
        layout.shapes[name],
        len(vectors),
        read,
        lambda: resident.statistics.get(name, (None, False)),
    )
