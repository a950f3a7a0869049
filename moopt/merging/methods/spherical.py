"""Interpolation on the sphere, between weights or between task vectors."""

import numpy as np

from moopt.merging.methods.method import (
    Base,
    Column,
    Facts,
    Grams,
    Method,
    ScaledTerms,
    Settings,
    Table,
)

NEARLY_PARALLEL = 0.9995
"""From this cosine on, SLERP is a straight line: rounding would eat the sine of the angle."""

NO_SUM = 1e-6
"""Below it the two coefficients of NuSLERP say nothing of the share; both count half."""


def slerp_terms(settings: Settings, facts: Facts) -> ScaledTerms:
    """`sin((1−t)φ)/sin φ · θ_1 + sin(tφ)/sin φ · θ_2` with the angle φ of the two tensors.

    `t = c_2 / (c_1 + c_2)`. A straight line where the tensors are nearly parallel or opposite, and
    where one of them is zero and has no direction.

    Source: Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985.
    """
    gram = facts.gram(of_task_vectors=False)
    return ScaledTerms(
        _on_the_arc(gram, share_of_second(settings), NEARLY_PARALLEL), from_base=False
    )


def nuslerp_terms(settings: Settings, facts: Facts) -> ScaledTerms:
    """The formula of SLERP on the task vectors of two experts, or without a base on the weights."""
    from_base = settings.has_base
    gram = facts.gram(of_task_vectors=from_base)
    return ScaledTerms(_on_the_arc(gram, share_of_second(settings), 1 - 1e-12), from_base=from_base)


def share_of_second(settings: Settings) -> Column:
    """Return where between the two models each tensor is: 0 is the first, 1 the second."""
    total = settings.coefficients.sum(axis=1)
    divisor = np.where(np.abs(total) < NO_SUM, 1.0, total)
    return np.where(np.abs(total) < NO_SUM, 0.5, settings.coefficients[:, 1] / divisor)


def _on_the_arc(
    gram: Grams,
    share: Column,
    parallel: float,
) -> Table:
    norms = np.sqrt(gram[:, 0, 0] * gram[:, 1, 1])
    cosine = np.clip(gram[:, 0, 1] / np.where(norms > 0, norms, 1.0), -1.0, 1.0)
    is_straight = (np.abs(cosine) > parallel) | (norms == 0)
    angle = np.arccos(np.where(is_straight, 0.0, cosine))
    first = np.where(is_straight, 1 - share, np.sin((1 - share) * angle) / np.sin(angle))
    second = np.where(is_straight, share, np.sin(share * angle) / np.sin(angle))
    return np.stack([first, second], axis=1)


SLERP = Method(
    "slerp",
    "interpolation on the sphere between two models",
    Base.UNUSED,
    slerp_terms,
    options={},
    fewest_experts=2,
    most_experts=2,
)
NUSLERP = Method(
    "nuslerp",
    "interpolation on the sphere between two task vectors",
    Base.OPTIONAL,
    nuslerp_terms,
    options={},
    fewest_experts=2,
    most_experts=2,
)
