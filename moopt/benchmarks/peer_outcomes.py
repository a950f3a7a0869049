"""What peers are told of a trial, in their terms: smaller is better, limits are at zero."""

from collections.abc import Mapping
from typing import Generic, TypeVar

from moopt.benchmarks.problem import Found
from moopt.errors import SelectionError
from moopt.study.parameters import Parameters
from moopt.study.study import Study
from moopt.study.trials import Failure, Measurements
from moopt.study.validation import check_measurements, with_formulas

Handle = TypeVar("Handle")
"""What a peer knows a proposed trial by."""


class Proposals(Generic[Handle]):
    """The trials that a search has proposed, by number, until it is told what came of them."""

    def __init__(self) -> None:
        """Start with none."""
        self._count = 0
        self._open: dict[int, tuple[Parameters, Handle]] = {}

    def add(self, parameters: Parameters, handle: Handle) -> Parameters:
        """Keep a proposal under the next number, and return its parameters."""
        self._open[self._count] = parameters, handle
        self._count += 1
        return parameters

    def take(self, number: int) -> tuple[Parameters, Handle]:
        """Return a proposal, of which nobody will be told again.

        Raises:
            SelectionError: There is no such proposal, or it was told of before.
        """
        if number not in self._open:
            raise SelectionError(
                f"proposal {number} is not open; {self._count} were asked for, counted from 0, and "
                f"{sorted(self._open)} are not told of yet"
            )
        return self._open.pop(number)

    @property
    def handles(self) -> list[Handle]:
        """Of what is still open, the oldest first."""
        return [handle for _, handle in self._open.values()]


def measured(study: Study, parameters: Parameters, outcome: Found) -> Measurements | None:
    """Return what was measured, with formulas computed; None for a trial that failed."""
    if isinstance(outcome, Failure):
        return None
    return with_formulas(study.objectives, parameters, check_measurements(outcome))


def wholly_measured(study: Study, parameters: Parameters, outcome: Found) -> Measurements | None:
    """Return what was measured; None unless that is every objective and every limited outcome.

    Most peers know no trial with a part of its measurements: to them it failed.
    """
    found = measured(study, parameters, outcome)
    needed = {each.name for each in study.objectives}
    needed |= {each.name for each in study.outcome_constraints}
    if found is None or not needed <= set(found):
        return None
    return found


def losses(study: Study, values: Measurements) -> list[float]:
    """Return the objectives, smaller is better."""
    return [-each.direction.sign * values[each.name].mean for each in study.objectives]


def excesses(study: Study, values: Measurements) -> dict[str, float]:
    """Return by how much each limit is exceeded; at most 0 where it holds."""
    found: dict[str, float] = {}
    for each in study.outcome_constraints:
        mean = values[each.name].mean
        if each.at_most is not None:
            found[f"{each.name} at_most"] = mean - each.at_most
        if each.at_least is not None:
            found[f"{each.name} at_least"] = each.at_least - mean
    return found


def limit_count(study: Study) -> int:
    """Return how many limits there are."""
    limits = [(each.at_most, each.at_least) for each in study.outcome_constraints]
    return sum(limit is not None for both in limits for limit in both)


def worst_losses(study: Study) -> list[float] | None:
    """Return the reference point, smaller is better; None unless the study gives all of it."""
    found = [
        -each.direction.sign * each.reference
        for each in study.objectives
        if each.reference is not None
    ]
    return found if len(found) == len(study.objectives) else None


def standard_errors(study: Study, values: Measurements) -> Mapping[str, float | None]:
    """Return the standard error of each measurement; None: not known.

    One that comes without takes what the study says of its objective.
    """
    usual = {each.name: each.noise for each in study.objectives}
    return {
        name: usual.get(name) if each.sem is None else each.sem for name, each in values.items()
    }
