"""How far a run goes: so many trials, or so many evaluations' worth of them."""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from moopt.study.costs import cost_of, spent
from moopt.study.study import Study
from moopt.study.trials import ENDED_STATES, Trial, TrialState

_BEGUN = ENDED_STATES | {TrialState.RUNNING}
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Room:
    """How many trials may be added."""

    surely: int
    """Whatever each of them costs."""

    most: int
    """If each is as cheap as can be."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What there shall be of a study in the end, over all its runs."""

    trials: int | None = None
    """That have ended. None: any number."""

    budget: float | None = None
    """In whole evaluations. A trial is begun as long as those before it, the running ones among
    them, cost less: so in the end they cost less than the budget and one trial more. None: no
    limit."""

    def are_reached(self, study: Study, trials: Sequence[Trial]) -> bool:
        """Say whether enough trials have ended."""
        if self.trials is not None:
            ended = sum(trial.state in ENDED_STATES for trial in trials)
            if ended >= self.trials:
                return True
        return self.budget is not None and (
            spent(study, trials, ENDED_STATES) >= self.budget - _ROUNDING
        )

    def first(self, study: Study, trials: Sequence[Trial]) -> list[Trial]:
        """Return the proposed trials that may be begun."""
        waiting = [trial for trial in trials if trial.state is TrialState.PROPOSED]
        if self.trials is not None:
            begun = sum(trial.state in _BEGUN for trial in trials)
            waiting = waiting[: max(0, self.trials - begun)]
        if self.budget is None:
            return waiting
        cost, chosen = spent(study, trials, _BEGUN), []
        for trial in waiting:
            if cost >= self.budget - _ROUNDING:
                break
            chosen.append(trial)
            cost += cost_of(study, trial, trials)
        return chosen

    def room(self, study: Study, trials: Sequence[Trial]) -> Room:
        """Return how many trials may be added to those that there are."""
        counted = _BEGUN | {TrialState.PROPOSED}
        free = sys.maxsize
        if self.trials is not None:
            free = max(0, self.trials - sum(trial.state in counted for trial in trials))
        if self.budget is None:
            return Room(free, free)
        left = self.budget - _ROUNDING - spent(study, trials, counted)
        if left <= 0:
            return Room(0, 0)
        fidelity = study.fidelity
        cheapest = 1.0 if fidelity is None else fidelity.cost(fidelity.low)
        # No trial costs more than a whole evaluation.
        return Room(min(free, math.ceil(left)), min(free, math.ceil(left / cheapest)))
