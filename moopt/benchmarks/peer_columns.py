"""A flat space as columns of the unit cube, with the discrete ones and the linear constraints.

A choice is no number between 0 and 1 but its place: its column is categorical.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.benchmarks.peer_space import Axis, FlatSpace, Kind
from moopt.study.parameters import Parameters, Value

Row = tuple[Tensor, Tensor, float]
"""Columns, coefficients and a bound, as BoTorch takes a linear constraint."""


@dataclass(frozen=True)
class Columns:
    """One column for each axis of a space."""

    space: FlatSpace

    @cached_property
    def bounds(self) -> Float[Tensor, "2 d"]:
        """The smallest and the largest value of each column."""
        high = [axis.high if axis.kind is Kind.PICK else 1.0 for axis in self.space.axes]
        return torch.tensor([[0.0] * len(high), high], dtype=torch.float64)

    @cached_property
    def choices(self) -> dict[int, list[float]]:
        """The values of categorical columns."""
        return {
            column: [float(place) for place in range(int(axis.high) + 1)]
            for column, axis in enumerate(self.space.axes)
            if axis.kind is Kind.PICK
        }

    @cached_property
    def discrete(self) -> dict[int, list[float]]:
        """The values of columns that stand for whole numbers."""
        return {
            column: [_scaled(axis, value) for value in range(int(axis.low), int(axis.high) + 1)]
            for column, axis in enumerate(self.space.axes)
            if axis.kind is Kind.WHOLE
        }

    @cached_property
    def inequalities(self) -> list[Row]:
        """Linear constraints: coefficients · columns >= bound."""
        return self._rows(equalities=False)

    @cached_property
    def equalities(self) -> list[Row]:
        """Linear constraints over real columns: coefficients · columns = bound."""
        return self._rows(equalities=True)

    def encode(self, parameters: Parameters) -> list[float]:
        """Return the columns of valid parameters."""
        point = self.space.point(parameters, whole=True)
        return [_scaled(axis, point[axis.name]) for axis in self.space.axes]

    def decode(self, columns: Float[Tensor, " d"]) -> dict[str, Value]:
        """Return the valid parameters nearest to columns."""
        values = zip(self.space.axes, columns.tolist(), strict=True)
        return self.space.parameters({axis.name: _unscaled(axis, value) for axis, value in values})

    def spread(self, uniform: Float[Tensor, " d"]) -> dict[str, Value]:
        """Return the parameters of independent uniform numbers; choices are equally likely."""
        point: dict[str, float] = {}
        for axis, number in zip(self.space.axes, uniform.tolist(), strict=True):
            if axis.kind is Kind.REAL or axis.log:
                point[axis.name] = _unscaled(axis, number)
            else:
                place = math.floor(number * (axis.high - axis.low + 1))
                point[axis.name] = min(axis.low + place, axis.high)
        return self.space.parameters(point)

    def _rows(self, *, equalities: bool) -> list[Row]:
        by_name = {axis.name: (place, axis) for place, axis in enumerate(self.space.axes)}
        found: list[Row] = []
        for each in self.space.sums:
            axes = [by_name[name] for name in each.coefficients]
            is_equality = each.at_least == each.at_most
            if is_equality is not equalities:
                continue
            if is_equality and any(axis.kind is not Kind.REAL for _, axis in axes):
                continue
            factors = list(each.coefficients.values())
            shift = math.fsum(
                factor * axis.low for factor, (_, axis) in zip(factors, axes, strict=True)
            )
            slopes = [
                factor * (axis.high - axis.low)
                for factor, (_, axis) in zip(factors, axes, strict=True)
            ]
            if each.at_least is not None:
                found.append(_row(axes, slopes, each.at_least - shift))
            if each.at_most is not None and not is_equality:
                found.append(_row(axes, [-slope for slope in slopes], shift - each.at_most))
        return found


def _row(axes: Sequence[tuple[int, Axis]], slopes: Sequence[float], bound: float) -> Row:
    columns = torch.tensor([column for column, _ in axes])
    return columns, torch.tensor(slopes, dtype=torch.float64), bound


def _scaled(axis: Axis, value: float) -> float:
    if axis.kind is Kind.PICK:
        return float(value)
    low, high = axis.low, axis.high
    if axis.log:
        low, high, value = math.log(low), math.log(high), math.log(value)
    return (value - low) / (high - low) if high > low else 0.0


def _unscaled(axis: Axis, column: float) -> float:
    if axis.kind is Kind.PICK:
        return round(column)
    if axis.log:
        low, high = math.log(axis.low), math.log(axis.high)
        return math.exp(low + column * (high - low))
    return axis.low + column * (axis.high - axis.low)
