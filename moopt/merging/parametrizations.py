"""How few search parameters become one coefficient for each expert and block.

Every parametrisation is affine: the coefficients are a design matrix times the parameters, plus
what they are when all parameters are zero. What a search varies is decided here and nowhere else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import assert_never

from moopt.errors import MergeError
from moopt.merging.blocks import AFTER, BEFORE, Blocks, EveryLayer, LayerGroups
from moopt.study.objectives import LinearConstraint
from moopt.study.parameters import Continuous, Parameters
from moopt.study.simplex import Simplex

CAUTIOUS = 0.3
"""The coefficient that task arithmetic is known to do well with where nothing was searched."""

Coefficients = dict[str, dict[str, float]]
"""By expert, then by block."""


@dataclass(frozen=True, slots=True)
class Independent:
    """A coefficient for each expert and block: `<expert>_<block>`, or `<expert>` for one block."""

    low: float = 0.0
    high: float = 1.5
    _: KW_ONLY
    blocks: Blocks = field(default_factory=LayerGroups)


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares of the experts that sum to one, in each block: a simplex `shares`, or `<block>`."""

    _: KW_ONLY
    blocks: Blocks = field(default_factory=LayerGroups)


@dataclass(frozen=True, slots=True)
class Interpolation:
    """The way from the first of two models to the second: `share_<block>`, or `share`.

    With a mean, the shares of the blocks add up to it on average: which blocks go further, while
    the whole goes as far. Lin et al., "Mitigating the Alignment Tax of RLHF", EMNLP 2024 (AMA),
    search the shares under this constraint.
    """

    _: KW_ONLY
    blocks: Blocks = field(default_factory=LayerGroups)
    mean: float | None = None
    """Between 0 and 1. None: every share is free."""


@dataclass(frozen=True, slots=True)
class Knots:
    """A coefficient that changes steadily with depth: `<expert>_knot_<k>`, lowest layer first.

    Between knots at equal distances it is a straight line. What comes before the layers has the
    first knot's, what comes after them the last one's.
    """

    count: int
    low: float = 0.0
    high: float = 1.5
    _: KW_ONLY
    blocks: EveryLayer = field(default_factory=EveryLayer)


Parametrization = Independent | Shares | Interpolation | Knots


def search_parameters(
    how: Parametrization, experts: Sequence[str], blocks: Sequence[str]
) -> list[Continuous | Simplex]:
    """Return the parameters that a study varies.

    Args:
        how: The parametrisation.
        experts: Names of the experts.
        blocks: Names of the blocks; not looked at for `Knots`.

    Raises:
        MergeError: The parametrisation is not for this number of experts or blocks.
    """
    match how:
        case Independent():
            return [
                Continuous(_named(expert, block, blocks), how.low, how.high)
                for expert in experts
                for block in blocks
            ]
        case Shares():
            if len(experts) < 2:
                raise MergeError("shares need at least two experts; use Independent for one")
            return [Simplex(_named("shares", block, blocks), experts) for block in blocks]
        case Interpolation():
            if len(experts) != 2:
                raise MergeError(
                    f"an interpolation goes from one model to another, got {len(experts)} experts: "
                    f"{', '.join(experts)}"
                )
            if how.mean is not None and not (0 < how.mean < 1 and len(blocks) > 1):
                raise MergeError(
                    f"a mean share lies between 0 and 1 and needs at least two blocks, got "
                    f"{how.mean} for {len(blocks)}"
                )
            return [Continuous(_named("share", block, blocks), 0.0, 1.0) for block in blocks]
        case Knots():
            if how.count < 2:
                raise MergeError(f"a coefficient along the depth needs two knots, got {how.count}")
            return [
                Continuous(_knot(expert, index), how.low, how.high)
                for expert in experts
                for index in range(how.count)
            ]
    assert_never(how)


def constraints(how: Parametrization, blocks: Sequence[str]) -> list[LinearConstraint]:
    """Return the linear constraints that a study needs."""
    if not isinstance(how, Interpolation) or how.mean is None:
        return []
    total = how.mean * len(blocks)
    factors = {_named("share", block, blocks): 1.0 for block in blocks}
    return [LinearConstraint(factors, at_least=total, at_most=total)]


def coefficients_of(
    how: Parametrization, experts: Sequence[str], blocks: Sequence[str], values: Parameters
) -> Coefficients:
    """Return the coefficient of each expert in each block.

    Args:
        how: The parametrisation.
        experts: Names of the experts.
        blocks: Names of the blocks of the model.
        values: A candidate's parameters.

    Raises:
        MergeError: A parameter is missing or is not a number.
    """
    match how:
        case Independent():
            return {
                expert: {block: _number(values, _named(expert, block, blocks)) for block in blocks}
                for expert in experts
            }
        case Shares():
            shares = {block: _shares(values, _named("shares", block, blocks)) for block in blocks}
            return {
                expert: {block: shares[block].get(expert, 0.0) for block in blocks}
                for expert in experts
            }
        case Interpolation():
            second = {block: _number(values, _named("share", block, blocks)) for block in blocks}
            first = {block: 1 - share for block, share in second.items()}
            return dict(zip(experts, (first, second), strict=True))
        case Knots():
            return {expert: _along_depth(how, expert, blocks, values) for expert in experts}
    assert_never(how)


def starting_points(
    how: Parametrization, experts: Sequence[str], blocks: Sequence[str]
) -> list[dict[str, object]]:
    """Return points that say what is known before the search.

    They are the base, each expert, the average and task arithmetic with a small coefficient, as far
    as the bounds hold them: the front then starts no worse than what goes in.
    """
    names = [parameter.name for parameter in search_parameters(how, experts, blocks)]
    match how:
        case Independent() | Knots():
            per_expert = len(names) // len(experts)
            levels = [0.0] * len(experts), [1 / len(experts)] * len(experts)
            alone = [[float(each == expert) for each in experts] for expert in experts]
            cautious = [[CAUTIOUS] * len(experts)]
            rows = [levels[0], *alone, levels[1], *cautious]
            points = [
                dict(zip(names, [level for level in row for _ in range(per_expert)], strict=True))
                for row in rows
            ]
            inside = [
                point for point in points if all(how.low <= v <= how.high for v in point.values())
            ]
            return [dict(point) for point in _distinct(inside)]
        case Shares():
            alone = [[float(each == expert) for each in experts] for expert in experts]
            rows = [*alone, [1 / len(experts)] * len(experts)]
            return [{name: dict(zip(experts, row, strict=True)) for name in names} for row in rows]
        case Interpolation():
            levels_of_all = (0.0, 1.0, 0.5) if how.mean is None else (how.mean,)
            return [dict.fromkeys(names, level) for level in levels_of_all]
    assert_never(how)


def _along_depth(
    how: Knots, expert: str, blocks: Sequence[str], values: Parameters
) -> dict[str, float]:
    knots = [_number(values, _knot(expert, index)) for index in range(how.count)]
    layers = sorted(int(block) for block in blocks if block not in {BEFORE, AFTER})
    if not layers:
        raise MergeError(
            "no tensor name holds a layer's number, so there is no depth to vary along"
        )
    along = {BEFORE: knots[0], AFTER: knots[-1]}
    for layer in layers:
        place = layer / max(1, layers[-1]) * (how.count - 1)
        left = min(int(place), how.count - 2)
        along[str(layer)] = knots[left] + (place - left) * (knots[left + 1] - knots[left])
    return {block: along[block] for block in blocks}


def _named(what: str, block: str, blocks: Sequence[str]) -> str:
    return what if len(blocks) == 1 else f"{what}_{block}"


def _knot(expert: str, index: int) -> str:
    return f"{expert}_knot_{index + 1}"


def _number(values: Parameters, name: str) -> float:
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MergeError(
            f"the merge needs a number as parameter {name!r}, got {value!r}; "
            f"the candidate has {', '.join(values)}"
        )
    return float(value)


def _shares(values: Parameters, name: str) -> Mapping[str, float]:
    value = values.get(name)
    if not isinstance(value, Mapping):
        raise MergeError(f"the merge needs shares as parameter {name!r}, got {value!r}")
    return value


def _distinct(points: Sequence[dict[str, float]]) -> list[dict[str, float]]:
    kept: list[dict[str, float]] = []
    for point in points:
        if point not in kept:
            kept.append(point)
    return kept
