"""Conditions under which a candidate is measured one at a time: folds, seeds, workloads.

What counts is a weighted mean over all of them. In a study they are the values of one parameter,
which nobody is free to choose in the end.

Source: Frazier, "A tutorial on Bayesian optimization", arXiv:1807.02811 (2018), section 5.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.encoding.columns import encode_value
from moopt.encoding.space import SpaceEncoding
from moopt.errors import SelectionError
from moopt.study.conditions import Choice
from moopt.study.parameters import Categorical, Integer
from moopt.study.study import Study

MOST = 64
"""Contexts, at most."""


@dataclass(frozen=True, slots=True)
class Contexts:
    """The contexts of a study as columns of points, and how much each counts."""

    columns: slice
    """Of the points, in which the contexts differ."""

    values: Float[Tensor, "c w"]
    """Of these columns."""

    weights: Float[Tensor, " c"]
    """They sum to one."""

    @classmethod
    def of(
        cls, encoding: SpaceEncoding, name: str, weights: Mapping[Choice, float] | None = None
    ) -> "Contexts":
        """Lay out the contexts of a study.

        Args:
            encoding: Of its space.
            name: The parameter whose values are the contexts.
            weights: How much each context counts; one that is left out does not. None: all alike.

        Raises:
            SelectionError: There is no such parameter, it cannot be a context, or a weight is none.
        """
        study = encoding.study
        choices = _choices(study, name)
        chosen = dict.fromkeys(choices, 1.0) if weights is None else dict(weights)
        unknown = [each for each in chosen if each not in choices]
        if unknown:
            raise SelectionError(
                f"the weights name {unknown}, which {name!r} cannot be; it is one of "
                f"{list(choices)}"
            )
        shares = [float(chosen.get(each, 0.0)) for each in choices]
        if not all(math.isfinite(each) and each >= 0 for each in shares) or sum(shares) <= 0:
            raise SelectionError(
                f"the weights of {name!r} are {chosen}; expected numbers from 0 on, one of them "
                "above 0"
            )
        (block,) = [each for each in encoding.blocks if each.parameter.name == name]
        values = [encode_value(block.parameter, each) for each in choices]
        shares_of = torch.tensor(shares, dtype=torch.float64)
        return cls(
            block.columns, torch.tensor(values, dtype=torch.float64), shares_of / shares_of.sum()
        )

    def over(self, points: Float[Tensor, "n d"]) -> Float[Tensor, "n c d"]:
        """Return every point in every context; differentiable in the other columns."""
        rows = points[:, None, :].repeat(1, len(self.values), 1)
        rows[..., self.columns] = self.values
        return rows

    def without(self, points: Float[Tensor, "n d"]) -> Float[Tensor, "k d"]:
        """Return the different candidates among points, in the first context."""
        rows = points.clone()
        rows[:, self.columns] = self.values[0]
        different: Tensor = torch.unique(rows, dim=0)
        return different


def _choices(study: Study, name: str) -> Sequence[Choice]:
    """Return the values of the parameter that is the context."""
    known = {each.name: each for each in study.parameters}
    parameter = known.get(name)
    if parameter is None:
        raise SelectionError(
            f"the context {name!r} is no parameter of study {study.name!r}; add it as "
            f"Categorical({name!r}, [...]) or choose from {list(known)}"
        )
    choices: Sequence[Choice] = ()
    if isinstance(parameter, Categorical):
        choices = tuple(parameter.choices)
    elif isinstance(parameter, Integer):
        choices = range(parameter.low, parameter.high + 1, parameter.step)
    if not 2 <= len(choices) <= MOST:
        raise SelectionError(
            f"the context {name!r} has to be a categorical or integer parameter with 2 to {MOST} "
            f"values, it is {type(parameter).__name__} with {len(choices) or 'other'} ones"
        )
    tied = [each.name for each in known.values() if each.when and each.when.name == name]
    tied += [name] if parameter.when else []
    tied += [name for each in study.linear_constraints if name in each.coefficients]
    if tied or len(known) == 1:
        raise SelectionError(
            f"the context {name!r} has to be a parameter beside others, without conditions or "
            f"linear constraints on it; look at {tied or [name]}"
        )
    return choices
