"""Task arithmetic and the weighted average."""

import numpy as np

from moopt.merging.kernels import CANCELLED
from moopt.merging.methods.method import (
    Base,
    Column,
    Facts,
    Flag,
    Method,
    Number,
    ScaledTerms,
    Settings,
    Table,
)

SCALE = Number(1.0, -10.0, 10.0)
"""Factor of the merged task vector, λ in most papers."""


def task_arithmetic_terms(settings: Settings, facts: Facts) -> ScaledTerms:
    """`base + scale · Σ c_i · d_i`, normalised: divided by `Σ c_i`.

    All zeros give the base, every number of it; a zero loses its sign.

    Source: Ilharco et al., "Editing models with task arithmetic", ICLR 2023.
    """
    del facts
    scalars = settings.of_tensors["scale"][:, None] * settings.coefficients
    if settings.flags["normalize"]:
        scalars = scalars / total_weight(settings.coefficients)[:, None]
    return ScaledTerms(scalars, from_base=True)


def linear_terms(settings: Settings, facts: Facts) -> ScaledTerms:
    """`Σ c_i · θ_i / Σ c_i`, or without the division.

    Source: Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves
    accuracy without increasing inference time", ICML 2022.
    """
    del facts
    scalars = settings.coefficients
    if settings.flags["normalize"]:
        scalars = scalars / total_weight(scalars)[:, None]
    return ScaledTerms(scalars, from_base=False)


def total_weight(coefficients: Table) -> Column:
    """Return the sum of each tensor's coefficients, 1 where they cancel each other."""
    total = coefficients.sum(axis=1)
    return np.where(np.abs(total) > CANCELLED * np.abs(coefficients).sum(axis=1), total, 1.0)


TASK_ARITHMETIC = Method(
    "task_arithmetic",
    "add scaled task vectors to the base",
    Base.REQUIRED,
    task_arithmetic_terms,
    options={"scale": SCALE, "normalize": Flag(default=False)},
)
LINEAR = Method(
    "linear",
    "weighted average of the weights",
    Base.UNUSED,
    linear_terms,
    options={"normalize": Flag(default=True)},
)
