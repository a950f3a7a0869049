"""The passes of `moopt.merging.kernels`, compiled for the CPU by Numba.

One loop over the numbers of a row, so that each is read once: in PyTorch every operation would be a
pass of its own, which for elected sums takes some fifty times as long. The order of operations is
that of the PyTorch form and nothing is contracted, so the bits are the same.
"""

import typing
from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np
from numba.extending import overload

from moopt.merging.kernels import CANCELLED

Kernel = Callable[..., None]
Array = np.ndarray[Any, np.dtype[Any]]
Number = np.float32 | np.uint16

ZERO = np.float32(0)
ONE = np.float32(1)
PART = np.float32(CANCELLED)


@cache
def scaled_sum_kernel() -> Kernel:
    """Return the kernel of `scaled_sum` with a base: `(out, base, experts, scalars, owner)`.

    Arrays of 16-bit unsigned integers are taken for bfloat16.
    """
    return _compiled(_scaled_sum)


@cache
def plain_sum_kernel() -> Kernel:
    """Return the kernel of `scaled_sum` without a base: `(out, experts, scalars, owner)`."""
    return _compiled(_plain_sum)


@cache
def trimmed_sum_kernel(*, is_elected: bool, is_normalized: bool) -> Kernel:
    """Return the kernel of `trimmed_sum`: `(out, base, experts, terms, (scale, owner))`.

    `terms` holds votes, shares, weights, low and high along the last of three dimensions.
    """
    return _compiled(_trimmed_sum(is_elected=is_elected, is_normalized=is_normalized))


@cache
def random_bits_kernel() -> Kernel:
    """Return the kernel of `moopt.merging.random_bits.random_bits`: `(out, key, start)`.

    It fills an array of 32-bit unsigned integers with the bits of consecutive places.
    """
    return _compiled(_random_bits)


def _compiled(function: Kernel) -> Kernel:
    kernel: Kernel = numba.njit(nogil=True, error_model="numpy")(function)
    return kernel


@typing.no_type_check
def _widened(number: Number) -> np.float32:
    raise NotImplementedError  # Numba puts one of the two below in its place


@typing.no_type_check
def _widening(number: Number) -> Callable[[Number], np.float32]:
    def from_bfloat16(number: Number) -> np.float32:
        return np.uint32(np.uint32(number) << np.uint32(16)).view(np.float32)

    def unchanged(number: Number) -> np.float32:
        return number

    return from_bfloat16 if number == numba.types.uint16 else unchanged


overload(_widened)(_widening)


@typing.no_type_check
def _scaled_sum(
    out: Array, base: Array, experts: tuple[Array, ...], scalars: Array, owner: Array
) -> None:
    for row in range(out.shape[0]):
        factors = scalars[owner[row]]
        for place in range(out.shape[1]):
            start = _widened(base[row, place])
            merged = start
            for index in range(len(experts)):
                merged += factors[index] * (_widened(experts[index][row, place]) - start)
            out[row, place] = merged


@typing.no_type_check
def _plain_sum(out: Array, experts: tuple[Array, ...], scalars: Array, owner: Array) -> None:
    for row in range(out.shape[0]):
        factors = scalars[owner[row]]
        for place in range(out.shape[1]):
            merged = factors[0] * _widened(experts[0][row, place])
            for index in range(1, len(experts)):
                merged += factors[index] * _widened(experts[index][row, place])
            out[row, place] = merged


def _trimmed_sum(*, is_elected: bool, is_normalized: bool) -> Kernel:
    """Return the trimmed sum under given rules; known when it is compiled, they cost nothing."""

    @typing.no_type_check
    def kernel(
        out: Array,
        base: Array,
        experts: tuple[Array, ...],
        terms: Array,
        tensors: tuple[Array, Array],
    ) -> None:
        scale, owner = tensors
        for row in range(out.shape[0]):
            of_tensor = terms[owner[row]]
            factor = scale[owner[row]]
            for place in range(out.shape[1]):
                start = _widened(base[row, place])
                votes = ZERO
                if is_elected:
                    for index in range(len(experts)):
                        # Terms are read before they are needed: a read behind a condition would
                        # keep the loop from being vectorised.
                        vote = of_tensor[index, 0]
                        low, high = of_tensor[index, 3], of_tensor[index, 4]
                        vector = _widened(experts[index][row, place]) - start
                        size = abs(vector)
                        votes += vote * (vector if (size >= low) & (size <= high) else ZERO)
                sign = ONE if votes >= ZERO else -ONE
                total = ZERO
                divisor = ZERO
                weighed = ZERO
                for index in range(len(experts)):
                    share, weight = of_tensor[index, 1], of_tensor[index, 2]
                    low, high = of_tensor[index, 3], of_tensor[index, 4]
                    vector = _widened(experts[index][row, place]) - start
                    size = abs(vector)
                    part = share * (vector if (size >= low) & (size <= high) else ZERO)
                    counts = sign * part > ZERO if is_elected else part != ZERO
                    total += part if counts else ZERO
                    if is_normalized:
                        divisor += weight if counts else ZERO
                        weighed += abs(weight) if counts else ZERO
                if is_normalized:
                    total = total / (divisor if abs(divisor) > PART * weighed else ONE)
                out[row, place] = start + factor * total

    found: Kernel = kernel
    return found


@typing.no_type_check
def _random_bits(out: Array, key: np.uint32, start: np.uint64) -> None:
    for index in range(len(out)):
        place = np.uint32(start + np.uint64(index))
        bits = np.uint32(place * np.uint32(0x9E3779B9) + key)
        for turn in range(2):
            bits = np.uint32(bits ^ (bits >> np.uint32(16)))
            bits = np.uint32(bits * np.uint32(0x7FEB352D))
            bits = np.uint32(bits ^ (bits >> np.uint32(15)))
            bits = np.uint32(bits * np.uint32(0x846CA68B))
            bits = np.uint32(bits ^ (bits >> np.uint32(16)))
            if turn == 0:
                bits = np.uint32(bits ^ key)
        out[index] = bits
