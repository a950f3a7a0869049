"""A Sobol sequence over the parameters, and everybody's initial design: the middle, then it."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.encoding.enumeration import all_parameters
from moopt.encoding.search_box import SearchBox
from moopt.encoding.space import SpaceEncoding
from moopt.samplers.history import key, tried_parameters, whole_fidelity
from moopt.study.parameters import Parameters
from moopt.study.study import Study
from moopt.study.trials import Candidate, Trial

ENUMERABLE = 4096
"""Discrete spaces up to this size are known whole, and end when every point was tried."""

CENTRE = "centre"
"""Who proposed the middle of the space."""

DRAWS = 32
"""How many draws a candidate may cost before a constraint is met by moving one."""


@dataclass(frozen=True, slots=True)
class QuasiRandomSampler:
    """Proposes the next points of a scrambled Sobol sequence."""

    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        """Return candidates that cover the space evenly together with the trials before them."""
        box = SearchBox(SpaceEncoding.of(study))
        rows = box.sobol(DRAWS * count, seed=seed, skip=len(trials))
        return fresh_candidates(study, box, rows, trials, count, sampler="sobol", seed=seed)


def initial_design(study: Study, trials: Sequence[Trial], count: int, seed: int) -> list[Candidate]:
    """Return what to try before there is a model: the middle of the space, then the sequence.

    The middle comes where nothing was tried yet. Choices without an order have none: theirs are
    those of the sequence. With many parameters the middle is nearer than most points to wherever
    the front lies.
    """
    spread = QuasiRandomSampler().propose(study, trials, count, seed)
    if trials or not spread:
        return spread
    encoding = SpaceEncoding.of(study)
    middle = encoding.decode(encoding.middle(spread[0].parameters))
    if key(middle) == key(spread[0].parameters):
        return spread
    others = [each for each in spread if key(each.parameters) != key(middle)]
    return [replace(spread[0], parameters=middle, sampler=CENTRE), *others[: count - 1]]


@dataclass(frozen=True, slots=True)
class RandomSampler:
    """Proposes independent uniform points: the baseline that every search has to beat."""

    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        """Return candidates drawn at random."""
        box = SearchBox(SpaceEncoding.of(study))
        generator = torch.Generator().manual_seed(seed * 1_000_003 + len(trials))
        uniform = torch.rand(
            DRAWS * count, box.design_width, generator=generator, dtype=torch.float64
        )
        rows = box.from_uniform(uniform)
        return fresh_candidates(study, box, rows, trials, count, sampler="random", seed=seed)


def fresh_candidates(
    study: Study,
    box: SearchBox,
    rows: Float[Tensor, "n k"],
    trials: Sequence[Trial],
    count: int,
    *,
    sampler: str,
    seed: int,
) -> list[Candidate]:
    """Return the first rows that were not tried, those first that meet every constraint.

    In a small discrete space the untried rest is used up when the rows are; then fewer are left.
    """
    seen = {key(parameters) for parameters in tried_parameters(trials)}
    points = [box.encoding.decode(point) for point in _inside_first(box, rows)]
    chosen = _unseen(points, seen, count)
    if len(chosen) < count:
        chosen += _unseen(_shuffled(all_parameters(study, ENUMERABLE) or [], seed), seen, count)
    fidelity = whole_fidelity(study)
    return [Candidate(each, fidelity=fidelity, sampler=sampler) for each in chosen[:count]]


def _inside_first(box: SearchBox, rows: Float[Tensor, "n k"]) -> Float[Tensor, "n d"]:
    points = box.to_points(rows)
    inside = torch.tensor([box.encoding.is_inside(point) for point in points], dtype=torch.bool)
    return torch.cat([points[inside], points[~inside]])


def _unseen(points: Iterable[Parameters], seen: set[Hashable], count: int) -> list[Parameters]:
    chosen: list[Parameters] = []
    for parameters in points:
        if len(chosen) == count:
            break
        if key(parameters) not in seen:
            seen.add(key(parameters))
            chosen.append(parameters)
    return chosen


def _shuffled(points: Sequence[Parameters], seed: int) -> list[Parameters]:
    order = torch.randperm(len(points), generator=torch.Generator().manual_seed(seed))
    return [points[index] for index in order.tolist()]
