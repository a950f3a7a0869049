"""Run the passes over weights: fused on every device, rounded once to the result's dtype."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from inspect import unwrap
from itertools import pairwise
from typing import Any, assert_never

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from moopt.merging.cpu_kernels import plain_sum_kernel, scaled_sum_kernel, trimmed_sum_kernel
from moopt.merging.kernels import TrimmedTerms, scaled_sum, trimmed_sum
from moopt.merging.methods.method import ScaledTerms, Terms, TrimmedSum
from moopt.merging.rounding import StochasticRounding, round_into

ROW = 1024
"""Numbers in a row. A tensor begins with a row of its own, so that one pass serves all of them."""

ROWS_AT_ONCE = 512
"""Rows that are summed before they are rounded to less than float32: they stay in the cache."""

Rows = Float[Tensor, "r w"]
Part = Callable[[Tensor, slice], None]
"""Writes the float32 result of some rows."""


def run_terms(
    out: Rows,
    base: Rows | None,
    experts: Sequence[Rows],
    terms: Terms,
    owner: Int[Tensor, " r"],
    *,
    rounding: StochasticRounding | None = None,
) -> None:
    """Write the merge into `out`.

    Args:
        out: Of any floating-point dtype.
        base: None where the terms do not ask for it.
        experts: Weights as they are stored.
        terms: Of every tensor in the rows.
        owner: The tensor of each row.
        rounding: How to round to the dtype of `out`. None: to the nearest.
    """
    start = None if base is None else _summable([base])[0]
    vectors = _summable(experts)
    match terms:
        case ScaledTerms():
            scalars = torch.from_numpy(terms.scalars).float().to(out.device)
            used = start if terms.from_base else None
            if out.device.type == "cpu":
                part = _scaled_part(used, vectors, scalars, owner)
                _in_parts(out, owner, part, rounding)
            else:
                run_compiled(out, scaled_sum, (used, vectors, scalars), owner, rounding)
        case TrimmedSum():
            if start is None:
                raise ValueError("a trimmed sum needs the base")
            if out.device.type == "cpu":
                _in_parts(out, owner, _trimmed_part(start, vectors, terms, owner), rounding)
            else:
                arguments = (start, vectors, on_device(terms, out))
                run_compiled(out, trimmed_sum, arguments, owner, rounding)
        case _:
            assert_never(terms)


def run_compiled(
    out: Rows,
    function: Callable[..., Tensor],
    arguments: tuple[object, ...],
    owner: Int[Tensor, " r"],
    rounding: StochasticRounding | None,
) -> None:
    """Write a pass into `out` as `torch.compile` makes it, which is how GPUs run it.

    Args:
        out: Of any floating-point dtype.
        function: `scaled_sum` or `trimmed_sum`.
        arguments: What the function takes before the owner.
        owner: The tensor of each row.
        rounding: How to round to the dtype of `out`. None: to the nearest.
    """
    if rounding is None:
        _compiled_writing(function)(out, *arguments, owner)
    else:
        round_into(out, _compiled(function)(*arguments, owner), owner, rounding)


def run_flat(
    out: Float[Tensor, " p"],
    base: Float[Tensor, " p"] | None,
    experts: Sequence[Float[Tensor, " p"]],
    terms: Terms,
    rounding: tuple[int, int] | None = None,
) -> None:
    """Write the merge of consecutive numbers of one tensor into `out`.

    Args:
        out: Of any floating-point dtype.
        base: None where the terms do not ask for it.
        experts: Weights as they are stored.
        terms: Of this tensor alone.
        rounding: The tensor's random key and the place of the first number, for stochastic
            rounding. None: to the nearest.
    """
    whole = len(out) // ROW * ROW
    for start, stop, width in ((0, whole, ROW), (whole, len(out), len(out) - whole)):
        if start == stop:
            continue
        target = out[start:stop].view(-1, width)
        owner = torch.zeros(len(target), dtype=torch.int32, device=out.device)
        keys = None
        if rounding is not None:
            key, place = rounding
            keys = StochasticRounding(
                torch.tensor([key], device=out.device),
                place + start + width * torch.arange(len(target), device=out.device),
            )
        run_terms(
            target,
            None if base is None else base[start:stop].view(-1, width),
            [expert[start:stop].view(-1, width) for expert in experts],
            terms,
            owner,
            rounding=keys,
        )


def on_device(terms: TrimmedSum, like: Tensor) -> TrimmedTerms:
    """Return the terms as float32 tensors on a tensor's device."""

    def moved(table: np.ndarray[Any, np.dtype[Any]]) -> Tensor:
        return torch.from_numpy(table).float().to(like.device)

    return TrimmedTerms(
        shares=moved(terms.shares),
        votes=moved(terms.votes),
        weights=moved(terms.weights),
        low=moved(terms.low),
        high=moved(terms.high),
        scale=moved(terms.scale),
        is_elected=terms.is_elected,
        is_normalized=terms.is_normalized,
    )


def _scaled_part(
    base: Rows | None, experts: Sequence[Rows], scalars: Tensor, owner: Tensor
) -> Part:
    factors, owners = scalars.numpy(), owner.numpy()

    def part(target: Tensor, rows: slice) -> None:
        vectors = tuple(_numbers(expert[rows]) for expert in experts)
        if base is None:
            plain_sum_kernel()(target.numpy(), vectors, factors, owners[rows])
        else:
            start = _numbers(base[rows])
            scaled_sum_kernel()(target.numpy(), start, vectors, factors, owners[rows])

    return part


def _trimmed_part(base: Rows, experts: Sequence[Rows], terms: TrimmedSum, owner: Tensor) -> Part:
    columns = (terms.votes, terms.shares, terms.weights, terms.low, terms.high)
    table = np.stack(columns, axis=-1).astype(np.float32)
    scale = terms.scale.astype(np.float32)
    owners = owner.numpy()
    kernel = trimmed_sum_kernel(is_elected=terms.is_elected, is_normalized=terms.is_normalized)

    def part(target: Tensor, rows: slice) -> None:
        kernel(
            target.numpy(),
            _numbers(base[rows]),
            tuple(_numbers(expert[rows]) for expert in experts),
            table,
            (scale, owners[rows]),
        )

    return part


def _in_parts(out: Rows, owner: Tensor, part: Part, rounding: StochasticRounding | None) -> None:
    """Split the rows among the threads that PyTorch may use."""
    count = min(torch.get_num_threads(), max(1, len(out) // ROWS_AT_ONCE))
    bounds = [len(out) * index // count for index in range(count + 1)]

    def run(rows: slice) -> None:
        if out.dtype == torch.float32:
            part(out[rows], rows)
            return
        for low in range(rows.start, rows.stop, ROWS_AT_ONCE):
            some = slice(low, min(low + ROWS_AT_ONCE, rows.stop))
            merged = torch.empty((some.stop - some.start, out.shape[1]))
            part(merged, some)
            keys = None
            if rounding is not None:
                keys = StochasticRounding(rounding.keys, rounding.starts[some])
            round_into(out[some], merged, owner[some], keys)

    shares = [slice(low, high) for low, high in pairwise(bounds)]
    if count == 1:
        run(shares[0])
    else:
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(run, shares))


def _summable(models: Sequence[Rows]) -> tuple[Rows, ...]:
    """Return float32 unless the kernels read all models as they are: one dtype for each kernel."""
    kinds = {each.dtype for each in models}
    as_stored = kinds in ({torch.float32}, {torch.bfloat16})
    return tuple(models) if as_stored else tuple(each.float() for each in models)


def _numbers(tensor: Tensor) -> np.ndarray[Any, np.dtype[Any]]:
    """Return the same memory for Numba, which knows no bfloat16."""
    bits = tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor
    array: np.ndarray[Any, np.dtype[Any]] = bits.numpy()
    return array


@cache
def _compiled(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    # What checks the annotations in tests is around the function and cannot be compiled.
    return torch.compile(unwrap(function), dynamic=True)


@cache
def _compiled_writing(function: Callable[..., Tensor]) -> Callable[..., None]:
    """Round within the pass: a sum that is written in float32 first takes nearly twice as long."""
    plain = unwrap(function)

    def write(out: Tensor, *arguments: object) -> None:
        out.copy_(plain(*arguments))

    return torch.compile(unwrap(write), dynamic=True)
