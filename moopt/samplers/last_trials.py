"""The last trials of a budget: a plan for all of them, of which the next one is carried out.

What adds most by itself is not what leaves most to those after it. With one trial left it is; with
a few, they are chosen together, each the best beside all others, and the next is planned anew with
what was measured meanwhile.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.acquisition.climbing import heights
from moopt.acquisition.maximize import Acquisition, best_untried, maximize
from moopt.encoding.search_box import SearchBox
from moopt.study.costs import spent
from moopt.study.study import Study
from moopt.study.trials import Trial, TrialState
from moopt.surrogates.outcomes import Outcomes

LAST = 5
"""Trials that are planned together."""

SWEEPS = 2
"""How often each of them is chosen again beside the others."""

_COUNTED = frozenset(TrialState) - {TrialState.CANCELLED}


@dataclass(frozen=True, slots=True)
class PointSearch:
    """Where is the acquisition function of some outcomes largest?"""

    build: Callable[[Outcomes, int], Acquisition]
    """Of outcomes and a seed."""

    box: SearchBox
    front: Float[Tensor, "f d"]
    tried: Float[Tensor, "t d"]
    whole: Float[Tensor, "w d"] | None
    """Every point of a small discrete space."""

    def best(self, acquisition: Acquisition, seed: int) -> Float[Tensor, " d"] | None:
        """Return the best point that was not tried; None where all were."""
        if self.whole is not None:
            return best_untried(acquisition, self.whole, self.tried)
        return maximize(acquisition, self.box, front=self.front, tried=self.tried, seed=seed)

    def apart_from(self, points: Sequence[Float[Tensor, " d"]]) -> "PointSearch":
        """Return the search for a point that is none of these."""
        return replace(self, tried=torch.cat([self.tried, *(each[None] for each in points)]))


def trials_left(study: Study, trials: Sequence[Trial], budget: float | None) -> int | None:
    """Return how many whole evaluations a budget still allows; None where there is none.

    Args:
        study: What the trials belong to.
        trials: All of them; those that run have their share.
        budget: In whole evaluations.
    """
    if budget is None:
        return None
    return max(0, round(budget - spent(study, trials, _COUNTED)))


def one_by_one(
    search: PointSearch, outcomes: Outcomes, count: int, seed: int
) -> list[Float[Tensor, " d"]]:
    """Return points, each the one that adds most beside those before it.

    Args:
        search: Where points are looked for.
        outcomes: What is believed.
        count: How many; fewer are returned where all else was tried.
        seed: Of acquisition functions and of what they are climbed from.
    """
    chosen: list[Tensor] = []
    for later in range(seed, seed + count):
        acquisition = search.build(outcomes, later)
        point = search.apart_from(chosen).best(acquisition, later)
        if point is None:
            break
        chosen.append(point)
        outcomes = outcomes.with_pending(point)
    return chosen


def planned(
    search: PointSearch, outcomes: Outcomes, count: int, seed: int
) -> list[Float[Tensor, " d"]]:
    """Return points that together add most, that which adds most by itself first.

    They are chosen one after the other, then each again with all others pending, and kept where the
    new one is better.

    Source: Jiang, Chai, Gonzalez and Garnett, "BINOCULARS for efficient, nonmyopic sequential
    experimental design", ICML (2020).

    Args:
        search: Where points are looked for.
        outcomes: What is believed.
        count: How many.
        seed: Of acquisition functions and of what they are climbed from.
    """
    chosen = one_by_one(search, outcomes, count, seed)
    if len(chosen) < count:
        return chosen
    for turn in range(SWEEPS * count):
        place = turn % count
        others = chosen[:place] + chosen[place + 1 :]
        later = seed + 100 + turn
        believed = outcomes
        for other in others:
            believed = believed.with_pending(other)
        acquisition = search.build(believed, later)
        point = search.apart_from(others).best(acquisition, later)
        if point is not None:
            pair = torch.stack([chosen[place], point])
            chosen[place] = pair[int(heights(acquisition, pair).argmax())]
    alone = heights(search.build(outcomes, seed), torch.stack(chosen))
    return [chosen[place] for place in alone.argsort(descending=True, stable=True)]
