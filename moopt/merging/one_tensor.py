"""Merge one tensor: any method, as a pure function of tensors, or in pieces."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.errors import MergeError
from moopt.merging.methods import METHODS
from moopt.merging.methods.method import Method, Settings
from moopt.merging.passes import run_flat
from moopt.merging.random_bits import mask_keys
from moopt.merging.recipe import MergeRecipe, OptionValue
from moopt.merging.rounding import round_flat
from moopt.merging.settings import settings_of
from moopt.merging.sources import pieces
from moopt.merging.tensor_facts import MaskedTensor, TensorFacts, TensorSource


def merge_tensors(
    method: str,
    experts: Sequence[Float[Tensor, "*shape"]],
    coefficients: Sequence[float] = (),
    *,
    base: Float[Tensor, "*shape"] | None = None,
    options: Mapping[str, OptionValue] | None = None,
    name: str = "tensor",
) -> Float[Tensor, "*shape"]:
    """Return the merge of one tensor, summed in float32 and rounded once to the experts' dtype.

    Args:
        method: A name of `METHODS`, whose docstrings hold formulas and papers.
        experts: The tensor of each expert; they are named "0", "1", ….
        coefficients: One for each expert, where the method takes any.
        base: The tensor of the base, where the method merges task vectors.
        options: What the method has defaults for.
        name: Of the tensor; random masks depend on it.

    Raises:
        MergeError: The method has no such option or is not for these experts.

    Example:
        >>> base, expert = torch.zeros(2), torch.ones(2)
        >>> merge_tensors("task_arithmetic", [expert], [0.5], base=base)
        tensor([0.5000, 0.5000])
    """
    names = [str(index) for index in range(len(experts))]
    if coefficients and len(coefficients) != len(experts):
        raise MergeError(f"got {len(coefficients)} coefficients for {len(experts)} experts")
    recipe = MergeRecipe(
        method,
        dict.fromkeys(names, "in memory"),
        base=None if base is None else "in memory",
        coefficients=dict(zip(names, coefficients, strict=False)),
        options=options or {},
    )
    settings = settings_of(recipe, [name])
    flat = [expert.flatten() for expert in experts]
    start = None if base is None else base.flatten()

    def read(first: int, last: int) -> tuple[Tensor | None, list[Tensor]]:
        return None if start is None else start[first:last], [each[first:last] for each in flat]

    source = TensorSource(tuple(experts[0].shape), len(experts), read, lambda: (None, False))
    keys = mask_keys(settings.seed, name, names)
    parts = merged_pieces(METHODS[method], settings, source, keys, experts[0].dtype)
    return torch.cat([experts[0].new_empty(0), *parts]).view(experts[0].shape)


def merged_pieces(
    method: Method,
    settings: Settings,
    source: TensorSource,
    keys: Sequence[int],
    dtype: torch.dtype,
    *,
    rounding_key: int | None = None,
) -> Iterator[Float[Tensor, " p"]]:
    """Go through the numbers of the merge of one tensor.

    Args:
        method: How to merge.
        settings: Of this tensor.
        source: Base and experts.
        keys: A random key for each expert's mask.
        dtype: What the sums are rounded to.
        rounding_key: Rounds to bfloat16 at random. None: to the nearest.
    """
    if method.terms is None:
        yield from _whole(method, settings, source, dtype, rounding_key)
        return
    masked = None if method.mask is None else MaskedTensor(source, method.mask, settings, keys)
    terms = method.terms(settings, TensorFacts(source, masked))
    parts = (
        source.weights()
        if masked is None
        else ((piece.base, piece.experts, piece.start) for piece in masked.pieces())
    )
    for base, experts, start in parts:
        out = torch.empty(len(experts[0]), dtype=dtype, device=experts[0].device)
        key = None if rounding_key is None else (rounding_key, start)
        run_flat(out, base, experts, terms, key)
        yield out


def _whole(
    method: Method,
    settings: Settings,
    source: TensorSource,
    dtype: torch.dtype,
    rounding_key: int | None,
) -> Iterator[Float[Tensor, " p"]]:
    merged = method.merge_whole(source.whole(), settings).flatten()
    for start, stop in pieces(source.shape):
        out = torch.empty(stop - start, dtype=dtype, device=merged.device)
        round_flat(out, merged[start:stop], rounding_key, start)
        yield out
