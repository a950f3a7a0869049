"""Is there anything left to find? A run may end when its models say that there is not."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from moopt.acquisition.left_to_gain import left_to_gain
from moopt.encoding.search_box import SearchBox
from moopt.errors import SelectionError, SurrogateError
from moopt.protocols import Sampler
from moopt.samplers.starting_points import LooksFirst
from moopt.study.study import Study
from moopt.study.trials import Candidate, Trial
from moopt.surrogates.reproducible import reproducible
from moopt.surrogates.study_model import learn_study
from moopt.surrogates.suitable_kernels import ANYWHERE

EACH, EARLIEST, LATEST = 4, 10, 40
"""Looks begin at so many trials for each parameter, within these: early models are too sure."""

IN_A_ROW = 3
"""Looks, each after further trials, that have to agree: one may be a model's whim."""


@dataclass
class StagnationWatch:
    """Looks after trials have ended whether the models leave anything to gain.

    Args:
        percent: Of hypervolume: no more is to be left.

    Raises:
        SelectionError: It is not above zero.
    """

    percent: float
    bound: float | None = None
    """Percent that are left at most, at the last look."""

    below: int = 0
    """Looks in a row that found no more than what is asked."""

    _ended: int = 0

    def __post_init__(self) -> None:
        if not (self.percent > 0 and math.isfinite(self.percent)):
            raise SelectionError(
                f"a search stagnates below a percentage above 0, such as 1; got {self.percent}"
            )

    @property
    def is_stagnant(self) -> bool:
        """Whether the last looks found too little left to gain."""
        return self.below >= IN_A_ROW

    def look(self, study: Study, trials: Sequence[Trial]) -> None:
        """Look again, if trials have ended since the last time and there is enough to learn from.

        Args:
            study: What is searched.
            trials: All of them.
        """
        ended = sum(trial.ended is not None for trial in trials)
        enough = min(max(EACH * len(study.parameters), EARLIEST), LATEST)
        if ended == self._ended or ended < enough:
            return
        self._ended = ended
        bound = percent_left(study, trials)
        self.bound = bound if bound is not None and math.isfinite(bound) else None
        self.below = self.below + 1 if bound is not None and bound <= self.percent else 0


def percent_left(study: Study, trials: Sequence[Trial]) -> float | None:
    """Return how much hypervolume the models leave to gain at most, in percent of what is reached.

    Asked are the models that the search has, and rougher ones: a kernel that was chosen for being
    smooth takes what is rough for noise, and is too sure that nothing is left. The larger bound
    counts. None where there is too little to learn from.
    """
    bounds = []
    for surrogate in (None, ANYWHERE):
        try:
            model = learn_study(study, trials, surrogate=surrogate)
        except SurrogateError:
            return None
        with reproducible(len(trials)):
            left = left_to_gain(model.outcomes, SearchBox(model.encoding), len(trials))
        bounds.append(left.bound)
    return 100.0 * max(bounds)


@dataclass
class Watched:
    """A sampler that proposes nothing more when a watch says that nothing is left to gain."""

    sampler: Sampler
    watch: StagnationWatch

    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        """Return candidates; none where the search stagnates."""
        self.watch.look(study, trials)
        return [] if self.watch.is_stagnant else self.sampler.propose(study, trials, count, seed)


@dataclass
class WatchedLooksFirst(Watched):
    """The same of a sampler that looks at every candidate briefly first."""

    first: LooksFirst

    def first_fidelity(self, study: Study) -> float:
        """Return the fidelity to begin at."""
        return self.first.first_fidelity(study)


def watched(sampler: Sampler, watch: StagnationWatch | None) -> Sampler:
    """Return a sampler that ends when its watch says so. None: the sampler itself."""
    if watch is None:
        return sampler
    if isinstance(sampler, LooksFirst):
        return WatchedLooksFirst(sampler, watch, sampler)
    return Watched(sampler, watch)
