"""One thread and one stream of random numbers for torch, and both as they were afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread(seed: int) -> Iterator[None]:
    """Compute reproducibly: at the sizes of benchmarks more threads are slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(before)
