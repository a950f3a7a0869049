"""What methods ask of one tensor of base and experts, in pieces and each answer once."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from moopt.errors import MergeError
from moopt.merging.methods.method import Grams, Mask, Piece, Settings, Table, WholeTensor
from moopt.merging.ranks import in_order, ranked
from moopt.merging.sources import pieces

Read = Callable[[int, int], tuple[Tensor | None, list[Tensor]]]
"""Gives the numbers of a tensor from one index to another, of the base and of each expert."""

LoadStatistics = Callable[[], tuple[list[Tensor] | None, bool]]
"""Gives the statistic of each expert, if the tensor has any, and whether its inputs come first."""

SORTS_AFTER = 2
"""Ranks asked of one task vector by partition; when more are asked for, it is sorted and kept."""

NO_SUM = 1e-30
"""Below it a sum of absolute values is none, and nothing is divided by it."""


class TensorSource:
    """One tensor of base and experts, read in pieces."""

    def __init__(
        self, shape: tuple[int, ...], experts: int, read: Read, statistics: LoadStatistics
    ) -> None:
        """Remember where the numbers are; nothing is read yet."""
        self.shape = shape
        self.experts = experts
        self.count = torch.Size(shape).numel()
        self._read = read
        self._statistics = statistics

    def weights(self) -> Iterator[tuple[Tensor | None, list[Tensor], int]]:
        """Go through the numbers of base and experts, with the index of each piece's first."""
        for start, stop in pieces(self.shape):
            yield *self._read(start, stop), start

    def whole(self) -> WholeTensor:
        """Load the tensor of every expert, and what is known of it from data."""
        parts = [experts for _, experts, _ in self.weights()]
        experts = [
            torch.cat([each.float() for each in of_expert]).view(self.shape)
            for of_expert in zip(*parts, strict=True)
        ]
        return WholeTensor(experts, *self._statistics())

    def pieces(self) -> Iterator[Piece]:
        """Go through the numbers of models that have a base, in whole rows; a vector is one row."""
        shape = self.shape if len(self.shape) > 1 else (1, self.count)
        for start, stop in pieces(shape):
            base, experts = self._read(start, stop)
            if base is None:
                raise MergeError("task vectors were asked for and there is no base")
            yield Piece(base, experts, start, self.count // shape[0])


class MaskedTensor:
    """A tensor whose experts have a mask on them."""

    def __init__(
        self, source: TensorSource, mask: Mask, settings: Settings, keys: Sequence[int]
    ) -> None:
        """Check the options, and find the cut if the mask needs one."""
        if mask.check is not None:
            mask.check(settings)
        self._source = source
        self._mask = mask
        self._settings = settings
        self._keys = list(keys)
        self._cut = mask.cut(source.pieces, settings) if mask.cut and source.count else 0.0

    def pieces(self) -> Iterator[Piece]:
        """Go through the base and the masked experts."""
        for piece in self._source.pieces():
            masked = self._mask.apply(piece, self._settings, self._keys, self._cut)
            yield Piece(piece.base, masked, piece.start, piece.row)

    def mean_squares(self) -> Table:
        """Return the mean square of each masked task vector."""
        total = np.zeros(self._source.experts)
        for piece in self.pieces():
            start = piece.base.double()
            total += [float((each.double() - start).square().sum()) for each in piece.experts]
        return (total / max(1, self._source.count))[None]

    def rescale(self) -> Table:
        """Return what the masked task vectors have to be multiplied by."""
        rule = self._settings.words.get("rescale", "inverse")
        if rule == "inverse":
            return self._mask.factors(self._settings)
        if rule == "none":
            return np.ones_like(self._settings.coefficients)
        before = _absolute_sums(self._source.pieces(), self._source.experts)
        after = _absolute_sums(self.pieces(), self._source.experts)
        is_open = (before > NO_SUM) & (after > NO_SUM)
        return np.where(is_open, before / np.where(is_open, after, 1.0), 1.0)[None]


class TensorFacts:
    """The facts of one tensor.

    Holds state on purpose: answers are kept, because a search asks for them at every candidate.
    """

    def __init__(self, source: TensorSource, masked: MaskedTensor | None = None) -> None:
        """Remember what is asked about; nothing is read yet."""
        self._source = source
        self._masked = masked
        self._grams: dict[bool, Grams] = {}
        self._sizes: dict[tuple[int, int], float] = {}
        self._sorted: dict[int, Tensor] = {}
        self._asked: dict[int, int] = {}

    def sizes(self) -> Int[np.ndarray, " t"]:
        """Return the number of elements."""
        return np.array([self._source.count])

    def expert_count(self) -> int:
        """Return how many experts there are."""
        return self._source.experts

    def gram(self, *, of_task_vectors: bool) -> Grams:
        """Return the scalar products, summed in float64."""
        if of_task_vectors not in self._grams:
            total = torch.zeros(self._source.experts, self._source.experts, dtype=torch.float64)
            for base, experts, _ in self._source.weights():
                rows = torch.stack([expert.double() for expert in experts])
                if of_task_vectors and base is not None:
                    rows -= base.double()
                total += (rows @ rows.T).cpu()
            self._grams[of_task_vectors] = total.numpy()[None]
        return self._grams[of_task_vectors]

    def mean_squares(self) -> Table:
        """Return the mean square of each masked task vector."""
        return self._required().mean_squares()

    def rescale(self) -> Table:
        """Return what the masked task vectors have to be multiplied by."""
        return self._required().rescale()

    def magnitude(self, tensor: int, expert: int, rank: int) -> float:
        """Return an absolute value of a task vector by its rank, 0 for the smallest."""
        del tensor  # there is one
        if (expert, rank) not in self._sizes:
            self._asked[expert] = self._asked.get(expert, 0) + 1
            if self._asked[expert] > SORTS_AFTER and expert not in self._sorted:
                self._sorted[expert] = in_order(self._absolute(expert))
            if expert in self._sorted:
                found = float(self._sorted[expert][rank])
            else:
                found = ranked(self._absolute(expert), rank)
            self._sizes[expert, rank] = found
        return self._sizes[expert, rank]

    def _required(self) -> MaskedTensor:
        if self._masked is None:
            raise MergeError("this method has no mask")
        return self._masked

    def _absolute(self, expert: int) -> Tensor:
        parts = (
            (piece.start, (piece.experts[expert].float() - piece.base.float()).abs())
            for piece in self._source.pieces()
        )
        found = torch.empty(0)
        for start, part in parts:
            if start == 0:
                found = torch.empty(self._source.count, device=part.device)
            found[start : start + len(part)] = part
        return found


def _absolute_sums(
    parts: Iterator[Piece], experts: int
) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    total = np.zeros(experts)
    for piece in parts:
        start = piece.base.double()
        total += [float((each.double() - start).abs().sum()) for each in piece.experts]
    return total
