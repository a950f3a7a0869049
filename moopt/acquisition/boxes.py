"""The expected hypervolume that independent normal outcomes add, exactly and in log space.

What is not dominated is a set of disjoint boxes. In each box the gain is a product over objectives
of one-dimensional expectations, all of them positive, so that its logarithm never cancels, however
small it is:

    E[gain] = sum_boxes prod_j (H_j(lower_j) - H_j(upper_j)),    H_j(a) = E[max(f_j - a, 0)]

Source: Yang, Emmerich, Deutz and Bäck, "Efficient computation of expected hypervolume improvement
using box decomposition algorithms", Journal of Global Optimization 75 (2019), for the sum over
boxes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import FunctionCtx

from moopt.acquisition.normal_tails import excess_above, log1m_exp, log_excess
from moopt.front.box_decomposition import boxes_of_interest

NOTHING = -1e30
"""Log volume of a box that only fills a row up."""

VANISHING = -600.0
"""Below so small a logarithm of a gain it is computed from logarithms."""

LEAST = 1e-290
"""Gains up to it are none: slopes divide by a gain, and would be infinite for the least numbers."""

ALMOST_EQUAL = -1e-13
"""Nearest that two logarithms of expectations may come to each other."""


@dataclass(frozen=True, slots=True)
class Boxes:
    """Boxes above each of `s` fronts, by the edges that they share."""

    edges: tuple[Float[Tensor, "s _"], ...]
    """By objective: the coordinates that occur in a front, filled up with the last one."""

    lower: tuple[Int[Tensor, " b"], ...]
    upper: tuple[Int[Tensor, " b"], ...]
    """By objective: the edge of each box, counted over all fronts; that of an open box is the
    number of all edges."""

    real: Float[Tensor, " b"]
    """0 for a box, a very negative number for one that only fills up."""

    @classmethod
    def above(
        cls,
        fronts: Sequence[Float[np.ndarray, "_ m"]],
        reference_point: Float[np.ndarray, " m"],
        aspiration_point: Float[np.ndarray, " m"] | None = None,
    ) -> "Boxes":
        """Decompose what is not dominated by each front and lies above the reference point.

        Args:
            fronts: Points, each front with as many as it has.
            reference_point: Where boxes begin.
            aspiration_point: Where they end. None: they are open.
        """
        ends = np.full_like(reference_point, np.inf)
        if aspiration_point is not None:
            ends = aspiration_point
        corners = [boxes_of_interest(front, reference_point, ends) for front in fronts]
        most = max(1, *(len(lower) for lower, _ in corners))
        real = torch.full((len(fronts), most), NOTHING, dtype=torch.float64)
        for row, (lower, _) in enumerate(corners):
            real[row, : len(lower)] = 0.0
        edges, lowers, uppers = [], [], []
        for objective in range(len(reference_point)):
            known = [
                _levels(reference_point[objective], lower[:, objective], upper[:, objective])
                for lower, upper in corners
            ]
            width = max(len(each) for each in known)
            edges.append(
                torch.tensor(np.array([np.pad(e, (0, width - len(e)), "edge") for e in known]))
            )
            lower_index = np.zeros((len(fronts), most), dtype=np.int64)
            upper_index = np.full((len(fronts), most), len(fronts) * width, dtype=np.int64)
            for row, (lower, upper) in enumerate(corners):
                count, values, start = len(lower), known[row], row * width
                lower_index[row] = start
                lower_index[row, :count] += np.searchsorted(values, lower[:, objective])
                closed = np.isfinite(upper[:, objective]).nonzero()[0]
                upper_index[row, closed] = start + np.searchsorted(values, upper[closed, objective])
            lowers.append(torch.from_numpy(lower_index.ravel()))
            uppers.append(torch.from_numpy(upper_index.ravel()))
        return cls(tuple(edges), tuple(lowers), tuple(uppers), real.ravel())

    @property
    def is_empty(self) -> bool:
        """Whether there is no box: every front reaches every aspiration."""
        return bool((self.real < 0.0).all())


def _levels(
    reference: float, lower: Float[np.ndarray, " c"], upper: Float[np.ndarray, " c"]
) -> Float[np.ndarray, " _"]:
    """Return the coordinates at which boxes begin or end; one at least."""
    return np.unique(np.concatenate([[reference], lower, upper[np.isfinite(upper)]]))


def log_expected_gain(
    boxes: Boxes, means: Float[Tensor, "m r s"], deviations: Float[Tensor, "m r s"]
) -> Float[Tensor, "r s"]:
    """Return the log of the hypervolume that a point adds to each front, in expectation.

    Differentiable once by means and deviations. Minus infinity stands for what is too small for a
    floating-point number next to what the same point adds to another front, and for a front that
    has no box beside others that have some.
    """
    gains = cast("_Apply", _Gain.apply)(boxes, means, deviations)
    vanished = (gains.detach().max(dim=1).values < VANISHING).nonzero()[:, 0]
    if len(vanished) == 0:
        return gains
    kept = gains.index_fill(0, vanished, 0.0)
    inside = cast("_Apply", _LogGain.apply)(boxes, means[:, vanished], deviations[:, vanished])
    return kept.index_add(0, vanished, inside)


_Apply = Callable[[Boxes, Tensor, Tensor], Tensor]


class _GainContext(FunctionCtx):
    saved: tuple[Boxes, list[tuple[Tensor, Tensor]], list[Tensor], Tensor]


class _LogGainContext(FunctionCtx):
    saved: tuple[Boxes, Tensor, list[tuple[Tensor, Tensor, Tensor]], Tensor]


class _Gain(torch.autograd.Function):
    """The sum over boxes as it stands, and its logarithm: fast, and 0 up to `LEAST`."""

    @staticmethod
    def forward(ctx: FunctionCtx, boxes: Boxes, means: Tensor, deviations: Tensor) -> Tensor:
        _, rows, fronts = means.shape
        terms, sides = [], []
        for objective, edges in enumerate(boxes.edges):
            deviation = deviations[objective][..., None]
            excess, below, density = excess_above((means[objective][..., None] - edges) / deviation)
            beyond = (excess * deviation).reshape(rows, -1)
            # An open box has no expectation beyond its end.
            beyond = torch.nn.functional.pad(beyond, (0, 1))
            low = beyond.index_select(1, boxes.lower[objective])
            sides.append(low.sub_(beyond.index_select(1, boxes.upper[objective])))
            terms.append((below, density))
        sides[0].mul_(boxes.real.exp())
        sums = _product(sides).reshape(rows, fronts, -1).sum(dim=2)
        gains = torch.nn.functional.threshold(sums, LEAST, 0.0)
        if means.requires_grad or deviations.requires_grad:
            cast("_GainContext", ctx).saved = (boxes, terms, sides, gains)
        return gains.log()

    @staticmethod
    def backward(ctx: FunctionCtx, *slopes: Tensor) -> tuple[None, Tensor, Tensor]:
        boxes, terms, sides, gains = cast("_GainContext", ctx).saved
        by_gain = torch.where(gains > 0, slopes[0] / gains, 0.0)
        count = sides[0].shape[1] // gains.shape[1]
        weights = by_gain.repeat_interleave(count, dim=1)
        by_means, by_deviations = [], []
        for objective, (below, density) in enumerate(terms):
            others = [side for index, side in enumerate(sides) if index != objective]
            pull = _product([weights, *others])
            if objective == 0:
                pull = pull * boxes.real.exp()
            edges = below[0].numel()
            by_edge = pull.new_zeros(len(pull), edges + 1)
            by_edge.index_add_(1, boxes.lower[objective], pull)
            by_edge.index_add_(1, boxes.upper[objective], pull, alpha=-1.0)
            by_edge = by_edge[:, :edges].reshape(below.shape)
            by_means.append((by_edge * below).sum(dim=2))
            by_deviations.append((by_edge * density).sum(dim=2))
        return None, torch.stack(by_means), torch.stack(by_deviations)


def _product(factors: Sequence[Tensor]) -> Tensor:
    product = factors[0]
    for factor in factors[1:]:
        product = product * factor
    return product


class _LogGain(torch.autograd.Function):
    """The logarithm of the sum from the logarithms of its terms: for the far tails."""

    @staticmethod
    def forward(ctx: FunctionCtx, boxes: Boxes, means: Tensor, deviations: Tensor) -> Tensor:
        _, rows, fronts = means.shape
        total = boxes.real.expand(rows, -1).clone()
        terms = []
        for objective, edges in enumerate(boxes.edges):
            deviation = deviations[objective][..., None]
            z = (means[objective][..., None] - edges) / deviation
            log, slope, spread = log_excess(z)
            log = (log + deviation.log()).reshape(rows, -1)
            low = log[:, boxes.lower[objective]]
            # An open box has no expectation beyond its end.
            high = torch.nn.functional.pad(log, (0, 1), value=-torch.inf)[:, boxes.upper[objective]]
            ratio = (high - low).clamp_max(ALMOST_EQUAL)
            total += low + log1m_exp(ratio)
            terms.append((ratio, slope, spread))
        by_front = total.reshape(rows, fronts, -1)
        value = by_front.logsumexp(dim=2)
        if means.requires_grad or deviations.requires_grad:
            shares = (by_front - value[..., None]).exp()
            cast("_LogGainContext", ctx).saved = (boxes, deviations, terms, shares)
        return value

    @staticmethod
    def backward(ctx: FunctionCtx, *slopes: Tensor) -> tuple[None, Tensor, Tensor]:
        boxes, deviations, terms, shares = cast("_LogGainContext", ctx).saved
        weights = (shares * slopes[0][..., None]).reshape(len(shares), -1)
        by_means, by_deviations = [], []
        for objective, (ratio, slope, spread) in enumerate(terms):
            left = weights / -torch.expm1(ratio)
            count = slope[0].numel()
            by_edge = left.new_zeros(len(left), count + 1)
            by_edge.index_add_(1, boxes.lower[objective], left)
            by_edge.index_add_(1, boxes.upper[objective], -left * ratio.exp())
            pull = by_edge[:, :count].reshape(slope.shape) / deviations[objective][..., None]
            by_means.append((pull * slope).sum(dim=2))
            by_deviations.append((pull * spread).sum(dim=2))
        return None, torch.stack(by_means), torch.stack(by_deviations)
