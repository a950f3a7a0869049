"""Candidates across fidelities: what is known of each, how far it was taken, and what is paused."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from moopt.errors import SelectionError
from moopt.samplers.history import key
from moopt.study.objectives import Fidelity
from moopt.study.study import Study
from moopt.study.trials import FailureKind, Measurements, Trial, TrialState
from moopt.study.validation import with_formulas

SLACK = 1e-9
"""Fidelities are equal up to this share of them."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """The trials of the same parameters, one fidelity after the other."""

    trials: tuple[Trial, ...]
    """None was cancelled."""

    @property
    def reached(self) -> float:
        """The highest fidelity that a trial was given, whatever came of it."""
        return max(trial.fidelity or 0.0 for trial in self.trials)

    @property
    def paused(self) -> Trial | None:
        """The trial that can be taken further.

        None: one runs, failed, was never measured, or came no further than the one before it. With
        the same seed it would not the next time either.
        """
        if not all(_is_measured(trial) for trial in self.trials):
            return None
        came_to = {trial.number: trial.fidelity or 0.0 for trial in self.trials}
        for trial in self.trials:
            before = came_to.get(-1 if trial.continues is None else trial.continues)
            if before is not None and (trial.fidelity or 0.0) <= before:
                return None
        return max(self.trials, key=lambda trial: (trial.fidelity or 0.0, trial.number))

    @property
    def failed_at(self) -> float | None:
        """Fidelity at which it failed by its own fault. None: it did not."""
        for trial in self.trials:
            if trial.failure is not None and trial.failure.kind is FailureKind.CANDIDATE:
                return trial.fidelity
        return None

    def results(self, study: Study) -> dict[float, Trial]:
        """Return the trials by the fidelity of what they measured, reports on the way too."""
        found: dict[float, Trial] = {}
        for trial in self.trials:
            for fidelity, measurements in trial.partial.items():
                if measurements:
                    found[fidelity] = _measured_at(study, trial, fidelity, measurements)
            if _is_measured(trial) and trial.fidelity is not None:
                found[trial.fidelity] = trial
        return found

    def between(self, study: Study, low: float, high: float) -> Trial | None:
        """Return the trial with the first measurements from `low` on and below `high`."""
        found = self.results(study)
        inside = [each for each in found if low * (1 - SLACK) <= each < high * (1 - SLACK)]
        return found[min(inside)] if inside else None

    def compared(self, study: Study, levels: Sequence[float]) -> list[Trial]:
        """Return the results to learn from: of trials that ended, and the last below each level.

        More reports than that say little more, and a surrogate's time grows with their cube.
        """
        found = self.results(study)
        kept = {trial.fidelity for trial in self.trials if _is_measured(trial)}
        for level in levels:
            kept.add(max((each for each in found if each <= level * (1 + SLACK)), default=None))
        return [found[each] for each in sorted(found) if each in kept]


def lineages(trials: Sequence[Trial]) -> list[Lineage]:
    """Group trials by their parameters, in the order in which these were first tried."""
    groups: dict[Hashable, list[Trial]] = {}
    for trial in trials:
        if trial.state is not TrialState.CANCELLED:
            groups.setdefault(key(trial.parameters), []).append(trial)
    return [Lineage(tuple(group)) for group in groups.values()]


def fidelity_of(study: Study, sampler: str) -> Fidelity:
    """Return the fidelity of a study.

    Raises:
        SelectionError: It has none.
    """
    if study.fidelity is None:
        raise SelectionError(
            f"sampler {sampler!r} needs a study with a fidelity and study {study.name!r} has none; "
            "add fidelity=Fidelity(...) to the study, or choose another sampler, such as 'auto'"
        )
    return study.fidelity


def _is_measured(trial: Trial) -> bool:
    ended = trial.state in (TrialState.COMPLETED, TrialState.STOPPED)
    return ended and bool(trial.measurements)


def _measured_at(study: Study, trial: Trial, fidelity: float, measurements: Measurements) -> Trial:
    complete = with_formulas(study.objectives, trial.parameters, measurements)
    return replace(trial, fidelity=fidelity, measurements=complete)
