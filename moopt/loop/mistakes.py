"""A run whose trials all fail by mistakes of the evaluator ends, and saves the others.

At its beginning a few are enough: the evaluator never worked. Later it did, and what fails in the
same way again and again is what it needs: a disk that is full, a folder that is gone.
"""

from contextlib import suppress
from dataclasses import dataclass, field

from moopt.errors import EvaluationError, StateError
from moopt.samplers.history import key
from moopt.store.store import Store
from moopt.study.likeness import likeness
from moopt.study.outcomes import Measured
from moopt.study.trials import Failure, FailureKind, Trial

FIRST = 3
"""Trials of a run after which an evaluator that never worked is taken to need mending."""

IN_A_ROW = 5
"""Candidates that fail alike, and none is measured in between, after which one that worked is."""


@dataclass
class Mistakes:
    """Watches over the trials of one run."""

    store: Store
    study: str
    """Its name."""

    _has_worked: bool = False
    """Some trial was measured."""

    _row: list[Trial] = field(default_factory=list)
    """Trials that have failed by mistakes of the evaluator since the last that was measured."""

    _likeness: str = ""
    """What the messages of these trials have in common, once the evaluator has worked."""

    _given_up: bool = False
    """What still comes in from other workers fails for the same reason."""

    def look_at(self, trial: Trial, came: Measured | Failure) -> None:
        """Take in what became of a trial.

        Raises:
            EvaluationError: So many have failed by mistakes of the evaluator, and none was
                measured. They are proposed again.
        """
        match came:
            case Measured():
                self._has_worked = True
                self._row.clear()
            case Failure(kind=FailureKind.EVALUATOR) if self._given_up:
                self._save([trial])
            case Failure(kind=FailureKind.EVALUATOR, message=message):
                alike = likeness(message)
                if self._has_worked and alike != self._likeness:
                    self._row.clear()
                self._likeness = alike
                self._row.append(trial)
                if self._is_enough():
                    self._give_up(message)
            case _:
                # Says nothing about what the evaluator returns.
                pass

    def _is_enough(self) -> bool:
        if not self._has_worked:
            return len(self._row) >= FIRST
        return len({key(trial.parameters) for trial in self._row}) >= IN_A_ROW

    def _give_up(self, message: str) -> None:
        row, self._row = self._row, []
        self._given_up = True
        self._save(row)
        last = f"the last, trial {row[-1].number}: {message}"
        if not self._has_worked:
            raise EvaluationError(
                f"{len(row)} trials have failed by the evaluator and none was measured in this "
                f"run, {last}. Mend it and run again: they are done then"
            )
        raise EvaluationError(
            f"{len(row)} trials in a row have failed by the evaluator in the same way, {last}. "
            "Mend it, or give it what it needs, and run again: they are done then. If others "
            f"failed so before, `moopt retry {self.study}` first"
        )

    def _save(self, trials: list[Trial]) -> None:
        """Have trials proposed again, as if never begun: to mend the evaluator costs none."""
        with suppress(StateError):
            self.store.retry(self.study, [trial.number for trial in trials])
