"""The two passes over weights that nearly every merge method comes down to.

Weights lie in rows: `experts` is n models of r rows with w numbers each, and every row belongs to
one tensor, whose numbers `owner` looks up. So a whole model is one pass, whatever its blocks are.

Each pass exists twice: here in PyTorch, where it says what is computed, and in
`moopt.merging.cpu_kernels` for the CPU. On a GPU `torch.compile` makes one kernel of the form that
stands here. All of them sum in float32, in the order of the experts; on the CPU both give the same
bits. `moopt.merging.passes` chooses.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

CANCELLED = 1e-6
"""Weights cancel each other where their sum is at most this part of the sum of their absolute
values: what is left of them is rounding, and nothing is divided by it."""


@dataclass(frozen=True, slots=True)
class TrimmedTerms:
    """What the trimmed sum needs to know of each tensor (t) and expert (n)."""

    shares: Float[Tensor, "t n"]
    """Factor of a task vector in the sum."""

    votes: Float[Tensor, "t n"]
    """Factor of a task vector when the sign is elected."""

    weights: Float[Tensor, "t n"]
    """What an expert that agrees adds to the divisor."""

    low: Float[Tensor, "t n"]
    """Smaller numbers of a task vector are left out, by their absolute value."""

    high: Float[Tensor, "t n"]
    """Larger numbers of a task vector are left out, by their absolute value."""

    scale: Float[Tensor, " t"]
    """Factor of the merged task vector."""

    is_elected: bool
    """Whether only the experts that agree with the elected sign are summed."""

    is_normalized: bool
    """Whether the sum is divided by the weights of those experts."""


def scaled_sum(
    base: Float[Tensor, "r w"] | None,
    experts: Sequence[Float[Tensor, "r w"]],
    scalars: Float[Tensor, "t n"],
    owner: Int[Tensor, " r"],
) -> Float[Tensor, "r w"]:
    """Return `base + Σ scalars[i] · (experts[i] − base)`, or `Σ scalars[i] · experts[i]`."""
    of_row = scalars[owner]
    if base is None:
        merged = of_row[:, 0, None] * experts[0].float()
        for index, expert in enumerate(experts[1:], start=1):
            merged = merged + of_row[:, index, None] * expert.float()
        return merged
    start = base.float()
    merged = start
    for index, expert in enumerate(experts):
        merged = merged + of_row[:, index, None] * (expert.float() - start)
    return merged


def trimmed_sum(
    base: Float[Tensor, "r w"],
    experts: Sequence[Float[Tensor, "r w"]],
    terms: TrimmedTerms,
    owner: Int[Tensor, " r"],
) -> Float[Tensor, "r w"]:
    """Return `base + scale · Σ shares[i] · v_i`, of trimmed task vectors that may be elected.

    `v_i` is the task vector of expert i, 0 where its absolute value is outside `low` to `high`.
    With election, the sign of each number is that of `Σ votes[i] · v_i`, plus where this is 0, and
    the sum takes those experts whose `shares[i] · v_i` has this sign. Normalised, it is divided by
    the sum of their weights, unless these cancel each other.
    """
    start = base.float()
    trimmed = []
    for index, expert in enumerate(experts):
        vector = expert.float() - start
        size = vector.abs()
        low, high = (bound[owner][:, index, None] for bound in (terms.low, terms.high))
        trimmed.append(torch.where((size >= low) & (size <= high), vector, 0.0))
    votes = torch.zeros_like(start)
    for index, vector in enumerate(trimmed):
        votes = votes + terms.votes[owner][:, index, None] * vector
    sign = torch.where(votes >= 0, 1.0, -1.0)
    total = torch.zeros_like(start)
    divisor = torch.zeros_like(start)
    weighed = torch.zeros_like(start)
    for index, vector in enumerate(trimmed):
        part = terms.shares[owner][:, index, None] * vector
        counts = sign * part > 0 if terms.is_elected else part != 0
        total = total + torch.where(counts, part, 0.0)
        weight = terms.weights[owner][:, index, None]
        divisor = divisor + torch.where(counts, weight, 0.0)
        weighed = weighed + torch.where(counts, weight.abs(), 0.0)
    if terms.is_normalized:
        total = total / torch.where(divisor.abs() > CANCELLED * weighed, divisor, 1.0)
    return start + terms.scale[owner][:, None] * total
