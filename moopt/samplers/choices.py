"""Spaces of choices as rows of whole numbers: all of them, neighbours, random ones."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from moopt.errors import SelectionError
from moopt.study.parameters import Categorical, Parameters, Value
from moopt.study.study import Study
from moopt.study.validation import parents_first


@dataclass(frozen=True, slots=True)
class ChoiceSpace:
    """Parameters that are all categorical; a row has the position of each one's choice.

    A parameter that is not active has the position after its last choice.
    """

    parameters: tuple[Categorical, ...]
    """In the order of the study."""

    @classmethod
    def of(cls, study: Study, sampler: str) -> "ChoiceSpace":
        """Return the space of a study.

        Raises:
            SelectionError: A parameter is not categorical.
        """
        choices = tuple(each for each in study.parameters if isinstance(each, Categorical))
        others = [each.name for each in study.parameters if not isinstance(each, Categorical)]
        if others:
            raise SelectionError(
                f"sampler {sampler!r} searches categorical parameters only, and study "
                f"{study.name!r} has {others}; choose 'auto' or 'bayesian'"
            )
        return cls(choices)

    @property
    def sizes(self) -> Int[np.ndarray, " p"]:
        """The number of choices of each parameter."""
        return np.array([len(each.choices) for each in self.parameters])

    def rows(self, many: Sequence[Parameters]) -> Int[np.ndarray, "n p"]:
        """Return valid parameters as rows."""
        found = np.empty((len(many), len(self.parameters)), dtype=np.int64)
        for column, each in enumerate(self.parameters):
            places = {choice: place for place, choice in enumerate(each.choices)}
            found[:, column] = [
                places[values[each.name]] if each.name in values else len(places) for values in many
            ]
        return found

    def values(self, row: Int[np.ndarray, " p"]) -> dict[str, Value]:
        """Return the parameters of a settled row."""
        return {
            each.name: each.choices[place]
            for each, place in zip(self.parameters, row.tolist(), strict=True)
            if place < len(each.choices)
        }

    def everything(self, limit: int) -> Int[np.ndarray, "n p"] | None:
        """Return every row, or None where there would be more than `limit` without conditions."""
        if math.prod(self.sizes.tolist()) > limit:
            return None
        grid = np.indices(tuple(self.sizes.tolist())).reshape(len(self.sizes), -1).T
        return self.settled(grid) if self._is_conditional else grid

    def drawn(self, count: int, generator: np.random.Generator) -> Int[np.ndarray, "n p"]:
        """Return up to so many different random rows."""
        return self.settled(generator.integers(self.sizes, size=(count, len(self.sizes))))

    def neighbours(self, rows: Int[np.ndarray, "n p"]) -> Int[np.ndarray, "q p"]:
        """Return every row that differs from one of these in the choice of one parameter.

        What becomes active by that takes its first choice.
        """
        moved = [rows[:0]]
        for column, size in enumerate(self.sizes):
            for place in range(size):
                changed = rows[(rows[:, column] < size) & (rows[:, column] != place)].copy()
                changed[:, column] = place
                moved.append(changed)
        return self.settled(np.concatenate(moved))

    def settled(self, rows: Int[np.ndarray, "n p"]) -> Int[np.ndarray, "q p"]:
        """Return the different rows, with what their own choices make active and inactive."""
        settled = rows % self.sizes
        column_of = {each.name: column for column, each in enumerate(self.parameters)}
        for each in parents_first(self.parameters):
            if each.when is None:
                continue
            column, parent = column_of[each.name], column_of[each.when.name]
            accepted = [choice in each.when.allowed for choice in self.parameters[parent].choices]
            active = np.array([*accepted, False])[settled[:, parent]]
            settled[~active, column] = self.sizes[column]
        return np.asarray(np.unique(settled, axis=0))

    @property
    def _is_conditional(self) -> bool:
        return any(each.when is not None for each in self.parameters)
