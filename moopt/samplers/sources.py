"""Samplers that learn from earlier studies, and what they try first."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from moopt.encoding.sources import MatchedSource, match_source
from moopt.encoding.space import SpaceEncoding
from moopt.errors import SelectionError, SurrogateError
from moopt.front.dominance import is_nondominated
from moopt.front.hypervolume import hypervolume
from moopt.protocols import Sampler
from moopt.samplers.history import key, tried_parameters, whole_fidelity
from moopt.study.parameters import Parameters
from moopt.study.source import Source
from moopt.study.study import Study
from moopt.study.trials import Candidate, Trial
from moopt.surrogates.guides import SourceModels, learn_sources

MARGIN = 0.1
"""How far below the worst of the sources' fronts the hypervolume begins that first trials are
chosen by, as a share of the range."""


FIRST = 5
"""Most points of the sources' fronts that are tried first."""

REMEMBERED = 8
NAME = "transfer"


@runtime_checkable
class LearnsFromSources(Protocol):
    """A sampler that can learn from earlier studies."""

    def learning_from(self, sources: Sequence[Source]) -> Sampler:
        """Return the sampler that learns from these studies, too."""
        ...


def require_learner(sampler: Sampler) -> None:
    """See whether a sampler learns from earlier studies.

    Raises:
        SelectionError: It does not.
    """
    if not isinstance(sampler, LearnsFromSources):
        raise SelectionError(
            f"{type(sampler).__name__} does not learn from earlier studies; take the sampler auto "
            "or bayesian, or leave the studies out"
        )


def told_sources(sampler: Sampler, sources: Sequence[Source]) -> Sampler:
    """Return a sampler that learns from earlier studies, where there are some and it can."""
    if not sources or not isinstance(sampler, LearnsFromSources):
        return sampler
    return sampler.learning_from(sources)


@dataclass(frozen=True, slots=True)
class Lessons:
    """What earlier studies teach about one study."""

    study: Study
    sources: tuple[MatchedSource, ...]
    models: SourceModels
    first: tuple[Parameters, ...]
    """Points to try first."""

    def untried(self, trials: Sequence[Trial], count: int) -> list[Candidate]:
        """Return the next of the points to try first."""
        seen = {key(parameters) for parameters in tried_parameters(trials)}
        points = [each for each in self.first if key(each) not in seen]
        fidelity = whole_fidelity(self.study)
        return [Candidate(each, fidelity=fidelity, sampler=NAME) for each in points[:count]]


_KNOWN: deque[tuple[Sequence[Source], Lessons]] = deque(maxlen=REMEMBERED)


def learned_lessons(encoding: SpaceEncoding, sources: Sequence[Source]) -> Lessons:
    """Return what earlier studies teach; what was learned last is remembered.

    Raises:
        StudyError: A source has nothing to do with the study.
        SurrogateError: No Gaussian process fits an outcome of a source.
    """
    study = encoding.study
    for known, lessons in _KNOWN:
        if known is sources and lessons.study == study:
            return lessons
    matched = tuple(match_source(study, each) for each in sources)
    try:
        models = learn_sources(matched)
    except np.linalg.LinAlgError as error:
        raise SurrogateError(
            f"no Gaussian process fits the trials of the sources "
            f"{', '.join(repr(each.name) for each in sources)}: {error}; leave out the one whose "
            "measurements cannot be"
        ) from error
    first = tuple(first_points(encoding, matched, models, FIRST))
    lessons = Lessons(study, matched, models, first)
    _KNOWN.append((sources, lessons))
    return lessons


def first_points(
    encoding: SpaceEncoding, sources: Sequence[MatchedSource], models: SourceModels, count: int
) -> list[Parameters]:
    """Return points of the sources' fronts that are good by all sources together, spread out.

    One after the other, what adds most to the hypervolume of the means of what the sources say.
    Where there are too few measurements for a model, they are taken as they come. Parameters that
    a source lacks are taken from the middle of their range.

    Args:
        encoding: Of the study.
        sources: What they have measured.
        models: What was learned from them.
        count: How many at most.
    """
    points = _fronts(encoding, sources)
    names = [each.name for each in encoding.study.objectives if each.name in models]
    if not names:
        return [encoding.decode(point) for point in points[:count]]
    if not len(points):
        return []
    with torch.no_grad():
        means = torch.stack(
            [torch.stack([model(points) for model in models[name]]).mean(dim=0) for name in names],
            dim=1,
        ).numpy()
    low, high = means.min(axis=0), means.max(axis=0)
    reference = low - MARGIN * (high - low) - 1e-9
    chosen: list[int] = []
    while len(chosen) < min(count, len(points)):
        gains = [hypervolume(means[[*chosen, each]], reference) for each in range(len(points))]
        best = int(np.argmax(gains))
        if best in chosen:
            break
        chosen.append(best)
    return [encoding.decode(points[index]) for index in chosen]


def _fronts(encoding: SpaceEncoding, sources: Sequence[MatchedSource]) -> Float[Tensor, "n d"]:
    """Return the different points of all sources' fronts, as points of the study."""
    found: dict[object, Tensor] = {}
    for source in sources:
        objectives = source.outcomes[:, : len(encoding.study.objectives)]
        known = ~objectives.isnan().all(dim=0)
        complete = ~objectives[:, known].isnan().any(dim=1)
        within = complete & source.feasible
        rows = (within if bool(within.any()) else complete).nonzero()[:, 0]
        if not len(rows) or not bool(known.any()):
            continue
        best = is_nondominated(objectives[rows][:, known].numpy())
        for row in rows[torch.from_numpy(best)].tolist():
            parameters = source.encoding.decode(source.points[row])
            point = encoding.encode(encoding.decode(encoding.encode(parameters)))
            found.setdefault(key(encoding.decode(point)), point)
    return torch.stack(list(found.values())) if found else torch.empty(0, encoding.width)
