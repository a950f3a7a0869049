"""One thread and one stream of random numbers for torch, and both as they were afterwards."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from linear_operator.utils.warnings import NumericalWarning
from threadpoolctl import ThreadpoolController

_BLAS = ThreadpoolController()


@contextmanager
def reproducible(seed: int, threads: int = 1) -> Iterator[None]:
    """Fix the randomness and the threads of linear algebra, and leave both as they were.

    Args:
        seed: Of torch's own random numbers.
        threads: At the sizes of surrogates more are slower.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with (
            _BLAS.limit(limits=threads),
            torch.random.fork_rng(devices=[]),
            warnings.catch_warnings(),
        ):
            # A near-singular kernel matrix is repaired by jitter; nobody needs to act on it.
            warnings.simplefilter("ignore", NumericalWarning)
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(before)
