"""Base and experts in memory, in rows that one pass goes through."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from jaxtyping import Float, Int
from torch import Tensor

from moopt.merging.passes import ROW
from moopt.merging.sources import Sources, pieces, require_finite


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each tensor lies in the rows. What is left of its last row is zero."""

    shapes: Mapping[str, tuple[int, ...]]
    first_rows: Mapping[str, int]
    owner: Int[Tensor, " r"]
    """Index of the tensor that each row belongs to, int32."""

    places: Int[Tensor, " r"]
    """Place in its tensor of each row's first number."""

    @property
    def names(self) -> tuple[str, ...]:
        """The tensors, in the order of the rows."""
        return tuple(self.shapes)

    def numbers(self, rows: Float[Tensor, "r w"], name: str) -> Float[Tensor, " p"]:
        """Return the numbers of one tensor, a view of the rows."""
        count = torch.Size(self.shapes[name]).numel()
        return rows.view(-1).narrow(0, self.first_rows[name] * ROW, count)


def layout_of(shapes: Mapping[str, tuple[int, ...]], device: torch.device) -> Layout:
    """Lay tensors out in rows, each beginning with a row of its own."""
    counts = [-(-torch.Size(shape).numel() // ROW) for shape in shapes.values()]
    firsts = [0, *accumulate(counts)]
    lengths = torch.tensor(counts)
    owner = torch.repeat_interleave(torch.arange(len(counts)), lengths)
    places = (torch.arange(len(owner)) - torch.tensor(firsts)[owner]) * ROW
    return Layout(
        dict(shapes),
        dict(zip(shapes, firsts, strict=False)),
        owner.int().to(device),
        places.to(device),
    )


@dataclass(frozen=True, slots=True)
class Resident:
    """The weights of base and experts in rows, as they are stored or in float32."""

    layout: Layout
    base: Float[Tensor, "r w"] | None
    experts: Sequence[Float[Tensor, "r w"]]
    statistics: Mapping[str, tuple[list[Tensor] | None, bool]]
    """By tensor: the statistic of each expert, and whether the inputs come first."""


def load_resident(sources: Sources, names: Sequence[str], device: torch.device) -> Resident:
    """Load tensors of base and experts to a device.

    bfloat16 is kept where all weights are stored in it, anything else becomes float32, which holds
    float16 exactly.

    Args:
        sources: Where to read from.
        names: The tensors, by the reference's names.
        device: Where they are kept.

    Raises:
        MergeError: A source holds NaN or infinity, or cannot be read.
    """
    layout = layout_of({name: sources.info(name).shape for name in names}, device)
    dtype = sources.stored_dtype
    models = [torch.zeros((len(layout.owner), ROW), dtype=dtype, device=device)]
    models += [torch.zeros_like(models[0]) for _ in range(len(sources.experts))]
    checkpoints = [expert.checkpoint for expert in sources.experts.values()]
    stored = [expert.names for expert in sources.experts.values()]
    for name in names:
        targets = [layout.numbers(rows, name) for rows in models]
        for start, stop in pieces(sources.info(name).shape):
            base, experts = sources.read(name, start, stop)
            if base is not None:
                require_finite(sources.reference, name, base)
                targets[0][start:stop] = base
            for target, checkpoint, own, numbers in zip(
                targets[1:], checkpoints, stored, experts, strict=True
            ):
                require_finite(checkpoint, own[name], numbers)
                target[start:stop] = numbers
    statistics = {}
    for name in names:
        found, inputs_first = sources.load_statistics(name)
        moved = None if found is None else [each.to(device) for each in found]
        statistics[name] = moved, inputs_first
    base_rows = None if sources.base is None else models[0]
    return Resident(layout, base_rows, models[1:], statistics)
