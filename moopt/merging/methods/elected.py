"""TIES and breadcrumbs: task vectors trimmed by size, summed with or without an elected sign."""

from collections.abc import Callable

import numpy as np

from moopt.merging.methods.method import (
    Base,
    Choice,
    Facts,
    Flag,
    Method,
    Number,
    Settings,
    Table,
    TrimmedSum,
)
from moopt.merging.methods.sums import SCALE, total_weight

DENSITY = Number(0.2, 0.0, 1.0, is_of_experts=True, excludes_low=True)
"""Share of a task vector that is kept."""

OUTLIERS = Number(0.01, 0.0, 1.0, is_of_experts=True)
"""Share of a task vector that is dropped because it is largest."""

ELECTION = Choice(("weighted", "unweighted"))
"""Whether a vote is a scaled number or a plain one with the sign of its coefficient."""

Kept = tuple[int, int]
"""Ranks by size of the smallest and the largest number that is kept."""


def ties_terms(settings: Settings, facts: Facts) -> TrimmedSum:
    """`base + scale · mean of c_i · v_i over the experts that agree with the elected sign`.

    `v_i` is the task vector trimmed to its `density` largest numbers, tensor by tensor; equals at
    the cut are all kept. The mean is weighted by `c_i`; without normalisation it is the sum. The
    paper elects without weights and trims the model as a whole; mergekit weights the votes. With
    equal coefficients both elect the same sign.

    Source: Yadav et al., "TIES-Merging: Resolving Interference When Merging Models", NeurIPS 2023.
    """
    density = settings.of_experts["density"]
    low, high = kept_sizes(
        facts, lambda size, tensor, expert: _largest(size, density[tensor, expert])
    )
    return _summed(settings, low, high, is_elected=True)


def breadcrumbs_terms(settings: Settings, facts: Facts) -> TrimmedSum:
    """`base + scale · Σ c_i · v_i`, where `v_i` lost its largest and its smallest numbers.

    Of each tensor's task vector the share `density` is kept, below the share `outliers` of the
    largest numbers. A density of 1 keeps everything.

    Source: Davari and Belilovsky, "Model Breadcrumbs: Scaling Multi-Task Model Merging with Sparse
    Masks", ECCV 2024.
    """
    return _summed(settings, *_breadcrumbs(settings, facts), is_elected=False)


def breadcrumbs_ties_terms(settings: Settings, facts: Facts) -> TrimmedSum:
    """The trimming of breadcrumbs with the election of TIES."""
    return _summed(settings, *_breadcrumbs(settings, facts), is_elected=True)


def untrimmed(settings: Settings, facts: Facts, *, is_elected: bool) -> TrimmedSum:
    """Return the terms of experts that a mask has trimmed, or that are taken whole."""
    low = np.zeros_like(settings.coefficients)
    terms = _summed(settings, low, np.full_like(low, np.inf), is_elected=is_elected)
    rescale = facts.rescale()
    return TrimmedSum(
        terms.shares * rescale,
        terms.votes * rescale,
        terms.weights,
        terms.low,
        terms.high,
        terms.scale,
        terms.is_elected,
        terms.is_normalized,
    )


def kept_sizes(facts: Facts, ranks: Callable[[int, int, int], Kept | None]) -> tuple[Table, Table]:
    """Return the smallest and the largest size that is kept, by tensor and expert.

    Args:
        facts: Knows the sizes by rank.
        ranks: Gives the ranks that are kept for a tensor's number of elements, a tensor and an
            expert; None keeps nothing.
    """
    sizes = facts.sizes()
    experts = facts.expert_count()
    low = np.full((len(sizes), experts), np.inf)
    high = np.full((len(sizes), experts), np.inf)
    for tensor, size in enumerate(sizes.tolist()):
        for expert in range(experts):
            kept = ranks(size, tensor, expert) if size else None
            if kept is not None:
                first, last = kept
                low[tensor, expert] = facts.magnitude(tensor, expert, first) if first else 0.0
                if last < size - 1:
                    high[tensor, expert] = facts.magnitude(tensor, expert, last)
    return low, high


def _breadcrumbs(settings: Settings, facts: Facts) -> tuple[Table, Table]:
    density, outliers = settings.of_experts["density"], settings.of_experts["outliers"]
    return kept_sizes(
        facts,
        lambda size, tensor, expert: _between(
            size, density[tensor, expert], outliers[tensor, expert]
        ),
    )


def _largest(size: int, density: float) -> Kept:
    count = size if density >= 1 else max(1, int(density * size))
    return size - count, size - 1


def _between(size: int, density: float, outliers: float) -> Kept | None:
    if density >= 1:
        return 0, size - 1
    count = int(density * size)
    first = max(0, size - count - int(outliers * size))
    return (first, first + count - 1) if count else None


def _summed(settings: Settings, low: Table, high: Table, *, is_elected: bool) -> TrimmedSum:
    coefficients = settings.coefficients
    scale = settings.of_tensors["scale"]
    is_normalized = settings.flags["normalize"]
    if is_normalized and not is_elected:
        scale = scale / total_weight(coefficients)
    is_weighted = settings.words.get("election", "weighted") == "weighted"
    return TrimmedSum(
        shares=coefficients,
        votes=coefficients if is_weighted else np.sign(coefficients),
        weights=coefficients,
        low=low,
        high=high,
        scale=scale,
        is_elected=is_elected,
        is_normalized=is_normalized and is_elected,
    )


TIES = Method(
    "ties",
    "trim to the largest numbers, elect signs, average those who agree",
    Base.REQUIRED,
    ties_terms,
    options={
        "density": DENSITY,
        "scale": SCALE,
        "normalize": Flag(default=True),
        "election": ELECTION,
    },
)
BREADCRUMBS = Method(
    "breadcrumbs",
    "drop the largest and the smallest numbers of each task vector",
    Base.REQUIRED,
    breadcrumbs_terms,
    options={
        "density": Number(0.9, 0.0, 1.0, is_of_experts=True, excludes_low=True),
        "outliers": OUTLIERS,
        "scale": SCALE,
        "normalize": Flag(default=False),
    },
)
BREADCRUMBS_TIES = Method(
    "breadcrumbs_ties",
    "breadcrumbs with elected signs",
    Base.REQUIRED,
    breadcrumbs_ties_terms,
    options={**BREADCRUMBS.options, "election": ELECTION},
)
