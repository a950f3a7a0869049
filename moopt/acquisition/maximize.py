"""Where is an acquisition function largest? In continuous, discrete, mixed and bounded spaces.

Raw points come from a Sobol sequence and from around the front; the best go uphill by gradient in
the smooth columns and by single steps in the others; what is compared in the end is valid.
"""

import warnings
from collections.abc import Callable
from typing import cast

import torch
from botorch.acquisition.acquisition import AcquisitionFunction
from botorch.generation.gen import gen_candidates_scipy
from jaxtyping import Float
from torch import Tensor

from moopt.encoding.linear_rows import box_inequalities
from moopt.encoding.search_box import SearchBox

Acquisition = Callable[[Tensor], Tensor]
"""Values of `b x 1 x d` points, `b`; differentiable. BoTorch's acquisition functions are such."""

RAW_POINTS = 128
AROUND_FRONT = 128
STARTS = 5
CLIMBS = 12
ITERATIONS = 20
CHUNK = 128
SAME = 1e-6
"""Points closer than this in every column are one point."""


def maximize(
    acquisition: Acquisition,
    box: SearchBox,
    *,
    front: Float[Tensor, "f d"],
    tried: Float[Tensor, "t d"],
    seed: int,
) -> Float[Tensor, " d"] | None:
    """Return the best valid point that was not tried, or None where none was found.

    Args:
        acquisition: Takes points as `batch x 1 x d`.
        box: The space.
        front: Good points, around which to look as well.
        tried: Points that are not to be proposed again.
        seed: Of the raw points.
    """

    def value(rows: Tensor) -> Tensor:
        return _values(acquisition, box.to_points(rows))

    raw = torch.cat([box.sobol(RAW_POINTS, seed=seed), _around(box, front, seed)])
    order = value(raw).argsort(descending=True)
    starts = raw[order[:STARTS]]
    uphill = torch.cat([starts, box.snap(_by_gradient(acquisition, box, starts))])
    climbed = _by_steps(box, uphill[value(uphill).argmax()], value)
    rows = torch.cat([climbed, uphill, raw[order[: 4 * STARTS]]])
    best = best_untried(acquisition, _valid(box, rows), tried)
    if best is None:
        # All roads lead to what was tried.
        best = best_untried(acquisition, _valid(box, raw), tried)
    return best


def _valid(box: SearchBox, rows: Float[Tensor, "n k"]) -> Float[Tensor, "n d"]:
    decode = box.encoding.decode
    return box.encoding.encode_all([decode(point) for point in box.to_points(rows)])


def best_untried(
    acquisition: Acquisition, points: Float[Tensor, "n d"], tried: Float[Tensor, "t d"]
) -> Float[Tensor, " d"] | None:
    """Return the best of the points that was not tried, or None."""
    fresh = points[_distance(points, tried) > SAME]
    if len(fresh) == 0:
        return None
    return fresh[_values(acquisition, fresh).argmax()]


def _values(acquisition: Acquisition, points: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
    with torch.no_grad():
        values: list[Tensor] = [acquisition(chunk[:, None, :]) for chunk in points.split(CHUNK)]
    return torch.cat(values)


def _distance(points: Float[Tensor, "n d"], tried: Float[Tensor, "t d"]) -> Float[Tensor, " n"]:
    if len(tried) == 0:
        return torch.full((len(points),), torch.inf)
    return torch.cdist(points, tried, p=torch.inf).min(dim=1).values


def _around(box: SearchBox, front: Float[Tensor, "f d"], seed: int) -> Float[Tensor, "n k"]:
    """Perturb a few columns of front points, a little or a lot.

    Source: Regis and Shoemaker, "Combining radial basis function surrogates and dynamic coordinate
    search in high-dimensional expensive black-box optimization", Engineering Optimization (2013).
    """
    if len(front) == 0:
        return torch.empty(0, box.width, dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    centres = box.from_points(front)
    rows = centres[(uniform(AROUND_FRONT) * len(front)).long()]
    fresh = box.sobol(AROUND_FRONT, seed=seed + 1)
    scale = 10 ** (-2.0 + 1.5 * uniform(AROUND_FRONT, 1))
    noise = torch.randn(AROUND_FRONT, box.width, generator=generator, dtype=torch.float64)
    moved = rows + scale * noise
    share = min(1.0, 3.0 / box.width)
    changed = uniform(AROUND_FRONT, box.width) < torch.maximum(
        torch.tensor(share), uniform(AROUND_FRONT, 1)
    )
    smooth = box.smooth()
    # A discrete column is drawn afresh now and then; snapping keeps one-hot groups whole.
    redrawn = uniform(AROUND_FRONT, box.width) < 0.2
    rows = torch.where(smooth & changed, moved, rows)
    return box.snap(torch.where(~smooth & redrawn, fresh, rows))


def _by_gradient(
    acquisition: Acquisition, box: SearchBox, starts: Float[Tensor, "s k"]
) -> Float[Tensor, "s k"]:
    smooth = box.smooth()
    if not smooth.any():
        return starts
    fixed = {column: starts[:, column] for column in (~smooth).nonzero()[:, 0].tolist()}
    inequalities = box_inequalities(box)
    options: dict[str, int] = {"maxiter": ITERATIONS}
    if inequalities:
        options["max_optimization_problem_aggregation_size"] = 1

    def value(rows: Tensor) -> Tensor:
        return acquisition(box.to_points(rows))

    # A start that ends early is one among several; BoTorch's warning of it passes every filter.
    with warnings.catch_warnings(record=True):
        rows, _ = gen_candidates_scipy(
            starts[:, None, :],
            cast("AcquisitionFunction", value),
            lower_bounds=0.0,
            upper_bounds=1.0,
            inequality_constraints=inequalities or None,
            fixed_features=fixed or None,
            options=options,
        )
    return rows[:, 0, :].detach()


def _by_steps(
    box: SearchBox, row: Float[Tensor, " k"], value: Callable[[Tensor], Tensor]
) -> Float[Tensor, "n k"]:
    """Climb to the best neighbour while there is a better one; return all that was passed."""
    passed = row[None]
    here = float(value(passed)[0])
    for _ in range(CLIMBS):
        neighbours = box.neighbours(passed[0])
        if len(neighbours) == 0:
            break
        values = value(neighbours)
        if float(values.max()) <= here:
            break
        here = float(values.max())
        passed = torch.cat([neighbours[values.argmax()][None], passed])
    return passed
