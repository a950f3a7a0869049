"""DARE, DELLA and SCE: task vectors that a mask thins out before they are summed.

Masks depend on a seed, the tensor's name and the expert's name alone: a recipe makes the same bytes
again, and a search over densities compares them with the same random numbers.
"""

import math
from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from moopt.errors import MergeError
from moopt.merging.methods.elected import DENSITY, ELECTION, untrimmed
from moopt.merging.methods.method import (
    Base,
    Choice,
    Facts,
    Flag,
    Mask,
    Method,
    Number,
    Option,
    Piece,
    Pieces,
    ScaledTerms,
    Seed,
    Settings,
    Table,
    TrimmedSum,
)
from moopt.merging.methods.sums import SCALE, total_weight
from moopt.merging.random_bits import uniforms
from moopt.merging.ranks import ranked

RESCALE = Choice(("inverse", "l1", "none"))
"""How to make up for what a mask dropped: divide by the probability of being kept, restore the sum
of absolute values of the tensor, or not at all."""


def dare_linear_terms(settings: Settings, facts: Facts) -> ScaledTerms:
    """`base + scale · Σ c_i · m_i · d_i / density_i` with random masks `m_i`.

    Each number is kept with the probability `density`. Dividing by it keeps the expectation;
    mergekit restores the tensor's sum of absolute values instead (`rescale="l1"`).

    Source: Yu et al., "Language Models are Super Mario: Absorbing Abilities from Homologous Models
    as a Free Lunch", ICML 2024.
    """
    scalars = settings.of_tensors["scale"][:, None] * settings.coefficients * facts.rescale()
    if settings.flags["normalize"]:
        scalars = scalars / total_weight(settings.coefficients)[:, None]
    return ScaledTerms(scalars, from_base=True)


def elected_terms(settings: Settings, facts: Facts) -> TrimmedSum:
    """The election of TIES over masked task vectors: DARE-TIES and DELLA."""
    return untrimmed(settings, facts, is_elected=True)


def sce_terms(settings: Settings, facts: Facts) -> TrimmedSum:
    """`base + Σ q_i · v_i / Σ q_i` over the experts that agree, `q_i` the mean square of `v_i`.

    `v_i` is the task vector at the positions where the experts differ most. Signs are elected
    without weights. mergekit takes equal `q_i` where they add up to less than 1e-6, which light
    fine-tuning does; here only where all are zero, as in the paper.

    Source: Wan et al., "FuseChat: Knowledge Fusion of Chat Models", 2024: select, calculate, erase.
    """
    squares = facts.mean_squares()
    total = squares.sum(axis=1, keepdims=True)
    share = np.where(total > 0, squares / np.where(total > 0, total, 1.0), 1 / squares.shape[1])
    ones = np.ones_like(share)
    return TrimmedSum(
        shares=share,
        votes=ones,
        weights=share,
        low=np.zeros_like(share),
        high=np.full_like(share, np.inf),
        scale=settings.of_tensors["scale"],
        is_elected=True,
        is_normalized=True,
    )


def dare_mask(piece: Piece, settings: Settings, keys: Sequence[int], cut: float) -> list[Tensor]:
    """Keep each number of a task vector with the probability `density`."""
    del cut
    return [
        _kept(piece, expert, key, density)
        for expert, key, density in zip(
            piece.experts, keys, settings.of_experts["density"][0].tolist(), strict=True
        )
    ]


def della_mask(piece: Piece, settings: Settings, keys: Sequence[int], cut: float) -> list[Tensor]:
    """Keep larger numbers with a larger probability: `density ± window`, linear in the row's rank.

    Each kept number is divided by its own probability, as the authors do; `rescale="l1"` restores
    the tensor's sum of absolute values with one factor, as mergekit does.

    Source: Deep, Bhardwaj and Poria, "DELLA-Merging: Reducing Interference in Model Merging through
    Magnitude-Based Sampling", 2024. `window` is their code's epsilon, half that of the paper.
    """
    del cut
    start = piece.base.float()
    is_divided = settings.words["rescale"] == "inverse"
    masked = []
    for index, (expert, key) in enumerate(zip(piece.experts, keys, strict=True)):
        density = float(settings.of_experts["density"][0, index])
        window = float(settings.of_experts["window"][0, index])
        if density >= 1:
            masked.append(expert.float() if is_divided else expert)  # one dtype for all tensors
            continue
        vector = expert.float() - start
        probability = _by_rank(vector.view(-1, piece.row), density, window).view(-1)
        if is_divided:
            keep = uniforms(key, len(expert), piece.start, expert.device) < probability
            masked.append(start + torch.where(keep, vector / probability.float(), 0.0))
        else:
            masked.append(_kept(piece, expert, key, probability))
    return masked


def della_check(settings: Settings) -> None:
    """Refuse probabilities that are not between 0 and 1.

    Raises:
        MergeError: A density, unless it is 1, is not further from 0 and 1 than its window.
    """
    density, window = settings.of_experts["density"], settings.of_experts["window"]
    is_wrong = (density < 1) & (window >= np.minimum(density, 1 - density))
    for own, wide in zip(density[is_wrong].tolist(), window[is_wrong].tolist(), strict=True):
        raise MergeError(
            "DELLA keeps numbers with probabilities from density - window to density + window, "
            f"which must lie between 0 and 1; got density {own:g} and window {wide:g}; use a "
            f"window below {min(own, 1 - own):g}"
        )


def sce_mask(piece: Piece, settings: Settings, keys: Sequence[int], cut: float) -> list[Tensor]:
    """Keep the positions where the task vectors vary most between the experts."""
    del settings, keys
    if cut == 0:
        return list(piece.experts)
    keep = _variance(piece) >= cut
    return [torch.where(keep, each, piece.base) for each in piece.experts]


def sce_cut(pieces: Pieces, settings: Settings) -> float:
    """Return the smallest variance that is kept, 0 to keep everything.

    `select` is the share of the positions with any variance; equals at the cut are all kept.
    """
    share = float(settings.of_tensors["select"][0])
    if share >= 1:
        return 0.0
    variance = torch.cat([_variance(piece) for piece in pieces()])
    count = int(share * int(torch.count_nonzero(variance)))
    return ranked(variance, len(variance) - count) if count else math.inf


def _kept(piece: Piece, expert: Tensor, key: int, probability: Tensor | float) -> Tensor:
    if isinstance(probability, float) and probability >= 1:
        return expert
    keep = uniforms(key, len(expert), piece.start, expert.device) < probability
    return torch.where(keep, expert, piece.base)  # in the wider dtype: both are exact in it


def _variance(piece: Piece) -> Tensor:
    start = piece.base.float()
    vectors = [each.float() - start for each in piece.experts]
    # One after the other: PyTorch's own sum takes another order where a piece ends.
    mean = reduce(torch.add, vectors) / len(vectors)
    return reduce(torch.add, [(each - mean).square() for each in vectors]) / len(vectors)


def _by_rank(vector: Float[Tensor, "r w"], density: float, window: float) -> Float[Tensor, "r w"]:
    """Return each number's probability of being kept, float64."""
    ranks = vector.abs().argsort(dim=1, stable=True).argsort(dim=1)
    steps = vector.shape[1] - 1
    place = ranks.double() / steps if steps else torch.full(vector.shape, 0.5).double()
    return density - window + 2 * window * place


def _inverse_density(settings: Settings) -> Table:
    return 1 / settings.of_experts["density"]


def _ones(settings: Settings) -> Table:
    return np.ones_like(settings.coefficients)


_OPTIONS: Mapping[str, Option] = {
    "density": DENSITY,
    "rescale": RESCALE,
    "scale": SCALE,
    "normalize": Flag(default=False),
    "seed": Seed(),
}
_WINDOW = Number(0.1, 0.0, 0.5, is_of_experts=True)
DARE_LINEAR = Method(
    "dare_linear",
    "task arithmetic with randomly thinned task vectors",
    Base.REQUIRED,
    dare_linear_terms,
    options=_OPTIONS,
    mask=Mask(dare_mask, _inverse_density),
)
DARE_TIES = Method(
    "dare_ties",
    "randomly thinned task vectors with elected signs",
    Base.REQUIRED,
    elected_terms,
    options={**_OPTIONS, "election": ELECTION},
    mask=Mask(dare_mask, _inverse_density),
)
DELLA = Method(
    "della",
    "task vectors thinned by size with elected signs",
    Base.REQUIRED,
    elected_terms,
    options={
        **_OPTIONS,
        "window": _WINDOW,
        "normalize": Flag(default=True),
        "election": ELECTION,
    },
    mask=Mask(della_mask, _ones, check=della_check),
)
DELLA_LINEAR = Method(
    "della_linear",
    "task arithmetic with task vectors thinned by size",
    Base.REQUIRED,
    dare_linear_terms,
    options={**_OPTIONS, "window": _WINDOW},
    mask=Mask(della_mask, _ones, check=della_check),
)
SCE = Method(
    "sce",
    "select where experts differ, weight them by their change, elect signs",
    Base.REQUIRED,
    sce_terms,
    options={"select": Number(0.2, 0.0, 1.0, excludes_low=True), "scale": SCALE},
    takes_coefficients=False,
    mask=Mask(sce_mask, _ones, sce_cut),
)
