"""Random numbers that need no state: a hash of a key and a place.

A mask or a rounding that is drawn from the place of a number in its tensor is the same in whatever
order, in whatever pieces and on whatever device the tensors are gone through. So a search can try
many densities with the same random numbers, and an export makes the bytes that were measured.

The hash is the 32-bit integer mixer of C. Wellons, "Prospecting for Hash Functions", 2018, applied
twice.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from moopt.merging.cpu_kernels import random_bits_kernel

BITS = 0xFFFFFFFF
STRIDE = 0x9E3779B9
"""Odd, so that places below 2^32 stay distinct."""


def mask_keys(seed: int, tensor: str, experts: Sequence[str]) -> list[int]:
    """Return the key of each expert's mask on a tensor."""
    return [_key(seed, "mask", tensor, expert) for expert in experts]


def rounding_key(seed: int, tensor: str) -> int:
    """Return the key for rounding a tensor."""
    return _key(seed, "rounding", tensor)


def random_bits(key: Int[Tensor, "..."], place: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
    """Return 32 random bits for each place, as int64.

    Args:
        key: From `mask_keys` or `rounding_key`; broadcast against the places.
        place: Index of a number in its tensor.
    """
    return _mixed(_mixed((place * STRIDE + key) & BITS) ^ (key & BITS))


def uniforms(key: int, count: int, start: int, device: torch.device) -> Float[Tensor, " p"]:
    """Return numbers in [0, 1) for consecutive places, float64 with 32 random bits.

    Args:
        key: From `mask_keys`.
        count: How many.
        start: The first place.
        device: Where they are needed.
    """
    if device.type == "cpu":
        bits = np.empty(count, dtype=np.uint32)
        random_bits_kernel()(bits, np.uint32(key), np.uint64(start))
        return torch.from_numpy(bits / 2**32)
    places = torch.arange(start, start + count, device=device)
    return random_bits(torch.tensor(key, device=device), places).double() / 2**32


def _key(seed: int, *names: str) -> int:
    """Return 32 bits that tell this seed and these names from others."""
    text = "\0".join((str(seed), *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")


def _mixed(bits: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
    bits = bits ^ (bits >> 16)
    bits = (bits * 0x7FEB352D) & BITS
    bits = bits ^ (bits >> 15)
    bits = (bits * 0x846CA68B) & BITS
    return bits ^ (bits >> 16)
