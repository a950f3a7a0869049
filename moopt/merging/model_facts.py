"""The facts of all tensors of a resident model, one row of a table each, kept for a search."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from moopt.merging.methods.method import Grams, Mask, Method, Settings, Table, WholeTensor
from moopt.merging.random_bits import mask_keys
from moopt.merging.resident import Resident
from moopt.merging.tensor_facts import MaskedTensor, TensorFacts, TensorSource


class ModelFacts:
    """The facts of experts, one below the other.

    Holds state on purpose: tables are kept, because a search asks for them at every candidate.
    """

    def __init__(self, experts: Sequence[Tensor], tensors: Sequence[TensorFacts]) -> None:
        """Remember what is asked about; nothing is computed yet.

        Args:
            experts: The rows of each expert, with a mask on them if the facts are of masked ones.
            tensors: The facts of each tensor.
        """
        self.experts = experts
        self._tensors = tensors
        self._sizes = np.concatenate([each.sizes() for each in tensors])
        self._tables: dict[str, Table] = {}
        self._grams: dict[bool, Grams] = {}

    def sizes(self) -> Int[np.ndarray, " t"]:
        """Return how many numbers each tensor has."""
        return self._sizes

    def expert_count(self) -> int:
        """Return how many experts there are."""
        return len(self.experts)

    def gram(self, *, of_task_vectors: bool) -> Grams:
        """Return the scalar products of each tensor."""
        if of_task_vectors not in self._grams:
            grams = [each.gram(of_task_vectors=of_task_vectors) for each in self._tensors]
            self._grams[of_task_vectors] = np.concatenate(grams)
        return self._grams[of_task_vectors]

    def magnitude(self, tensor: int, expert: int, rank: int) -> float:
        """Return an absolute value of a task vector by its rank, 0 for the smallest."""
        return self._tensors[tensor].magnitude(0, expert, rank)

    def mean_squares(self) -> Table:
        """Return the mean square of each masked task vector."""
        return self._table("mean squares", TensorFacts.mean_squares)

    def rescale(self) -> Table:
        """Return the factor that makes up for what each mask left out."""
        return self._table("rescale", TensorFacts.rescale)

    def _table(self, what: str, of_tensor: Callable[[TensorFacts], Table]) -> Table:
        if what not in self._tables:
            self._tables[what] = np.concatenate([of_tensor(each) for each in self._tensors])
        return self._tables[what]


class ResidentFacts:
    """The facts of resident experts as they are, and under the masks that were asked for last."""

    def __init__(self, resident: Resident) -> None:
        """Remember what is asked about; nothing is computed yet."""
        self._resident = resident
        self._sources = [_source(resident, name) for name in resident.layout.names]
        self._plain = ModelFacts(resident.experts, [TensorFacts(each) for each in self._sources])
        self._masked: dict[bytes, ModelFacts] = {}

    def under(self, method: Method, settings: Settings, names: Sequence[str]) -> ModelFacts:
        """Return the facts of the experts under a method's masks; the last ones made are kept.

        Args:
            method: Without a mask, the facts are of the experts as they are.
            settings: Of every tensor.
            names: Of the experts.
        """
        if method.mask is None:
            return self._plain
        numbers = [*settings.of_experts.values(), *settings.of_tensors.values()]
        words = (method.name, sorted(settings.words.items()), settings.seed, list(names))
        key = repr(words).encode() + b"".join(each.tobytes() for each in numbers)
        if key not in self._masked:
            self._masked = {}  # frees the memory before the next masks are made
            self._masked[key] = self._under_mask(method.mask, settings, names)
        return self._masked[key]

    def whole(self, tensor: int) -> WholeTensor:
        """Return a tensor of every expert, with its statistics."""
        return self._sources[tensor].whole()

    def _under_mask(self, mask: Mask, settings: Settings, names: Sequence[str]) -> ModelFacts:
        layout = self._resident.layout
        experts = [torch.empty(0)] * len(names)
        facts = []
        for index, (name, source) in enumerate(zip(layout.names, self._sources, strict=True)):
            keys = mask_keys(settings.seed, name, names)
            masked = MaskedTensor(source, mask, settings.at(index), keys)
            for piece in masked.pieces():
                for place, numbers in enumerate(piece.experts):
                    if experts[place].dim() == 1:  # the masks tell in which dtype they keep experts
                        rows = self._resident.experts[place]
                        experts[place] = torch.zeros_like(rows, dtype=numbers.dtype)
                    target = layout.numbers(experts[place], name)
                    target[piece.start : piece.start + len(numbers)] = numbers
            facts.append(TensorFacts(source, masked))
        return ModelFacts(experts, facts)


def _source(resident: Resident, name: str) -> TensorSource:
    layout = resident.layout
    own = None if resident.base is None else layout.numbers(resident.base, name)
    vectors = [layout.numbers(rows, name) for rows in resident.experts]

    def read(start: int, stop: int) -> tuple[Tensor | None, list[Tensor]]:
        return None if own is None else own[start:stop], [each[start:stop] for each in vectors]

    return TensorSource(layout.shapes[name], len(vectors), read, lambda: resident.statistics[name])
