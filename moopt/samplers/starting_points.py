"""What comes next in a study: its own starting points, then what a sampler proposes."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from moopt.protocols import Sampler
from moopt.samplers.history import starting_points, whole_fidelity
from moopt.study.study import Study
from moopt.study.trials import Candidate, Trial, TrialState


@runtime_checkable
class LooksFirst(Protocol):
    """A sampler that looks at every candidate briefly, a study's own starting points among them."""

    def first_fidelity(self, study: Study) -> float:
        """Return the fidelity to begin at."""
        ...


def next_candidates(
    sampler: Sampler, study: Study, trials: Sequence[Trial], count: int, seed: int
) -> list[Candidate]:
    """Return the next candidates; fewer than `count` only when the space is exhausted."""
    fidelity = whole_fidelity(study)
    if isinstance(sampler, LooksFirst):
        fidelity = sampler.first_fidelity(study)
    first = starting_points(study, trials, count, fidelity)
    if len(first) == count:
        return first
    known = [*trials, *map(announced, first)]
    return first + sampler.propose(study, known, count - len(first), seed)


def announced(candidate: Candidate) -> Trial:
    """Return a candidate as the trial that it will be, which has no number yet."""
    return Trial(
        -1,
        candidate.parameters,
        state=TrialState.PROPOSED,
        fidelity=candidate.fidelity,
        continues=candidate.continues,
        sampler=candidate.sampler,
        notes=candidate.notes,
    )
