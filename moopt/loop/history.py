"""What a run knows of the record of its study."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from moopt.store.references import with_stored_references
from moopt.store.store import Store
from moopt.study.study import Study
from moopt.study.trials import Trial, TrialState

_REREAD_SECONDS = 2.0
"""After so long another driver may have changed the record."""


@dataclass
class History:
    """The trials of a study as they were when the record was last read."""

    store: Store
    study: Study
    """With the references that were inferred by then."""

    trials: Sequence[Trial] = ()
    _read: float = -_REREAD_SECONDS

    def changed(self) -> None:
        """Say that the record has changed: it is read again when it is looked at next."""
        self._read = -_REREAD_SECONDS

    def catch_up(self, *, now: bool = False) -> None:
        """Read the record again where it has changed, or may have."""
        if now or time.monotonic() - self._read >= _REREAD_SECONDS:
            self.store.reclaim(self.study.name)
            self.trials = tuple(self.store.trials(self.study.name))
            self._read = time.monotonic()
            self.study = with_stored_references(self.store, self.study, self.trials)

    def count(self, states: Collection[TrialState]) -> int:
        """Return how many trials are in one of the states."""
        return sum(trial.state in states for trial in self.trials)
