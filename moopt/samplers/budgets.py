"""Samplers that plan with what a run may spend, such as one that keeps a part of it for the end."""

from typing import Protocol, runtime_checkable

from moopt.protocols import Sampler


@runtime_checkable
class PlansAhead(Protocol):
    """A sampler whose proposals depend on what a run may spend."""

    def within(self, budget: float) -> Sampler:
        """Return the sampler for a run that may spend so much, in whole evaluations."""
        ...


def told_the_budget(sampler: Sampler, budget: float | None) -> Sampler:
    """Return a sampler that knows the budget of its run, where there is one and it asks for it.

    Args:
        sampler: What proposes.
        budget: In whole evaluations. None: no limit.
    """
    if budget is None or not isinstance(sampler, PlansAhead):
        return sampler
    return sampler.within(budget)
