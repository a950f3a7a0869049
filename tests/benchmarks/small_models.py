"""A model of the Llama kind that is merged in milliseconds."""

from pathlib import Path

import torch

from moopt.benchmarks.merge_models import Family, Shapes, make_family, write_random

PARAMETERS = 8 * 16 + 2 * (4 * 16 * 16 + 3 * 16 * 24 + 2 * 16) + 16
"""Embeddings, two layers of attention, MLP and norms, and the last norm."""


def discard(said: str) -> None:
    del said


def small_family(folder: Path, dtype: torch.dtype = torch.float32) -> Family:
    shapes = Shapes(vocabulary=8, layers=2, hidden=16, keys=16, inner=24, dtype=dtype)
    return make_family(
        str(write_random(shapes, folder / "small")), folder, experts=3, report=discard
    )
