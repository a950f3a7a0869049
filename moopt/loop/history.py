"""What a run knows of the record of its study."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from moopt.store.drivers import Watch
from moopt.store.references import with_stored_references
from moopt.store.store import Store
from moopt.store.studies import StopRequest
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

    watch: Watch = field(default_factory=Watch)
    """On the drivers that hold trials."""

    trials: Sequence[Trial] = ()
    stop_asked: StopRequest | None = None
    """What somebody has asked the runs of this study to do since this one began."""

    _first: int | None = None
    _revision: int | None = None
    _looked: float = -_REREAD_SECONDS
    _read: float = -_REREAD_SECONDS

    def changed(self) -> None:
        """Say that the record has changed: it is read again when it is looked at next."""
        self._read = -_REREAD_SECONDS

    def catch_up(self, *, now: bool = False) -> None:
        """Read the record again where it has changed, or may have."""
        if now or time.monotonic() - self._read >= _REREAD_SECONDS:
            self._look_around()
            self.take_in_changes()
            self._read = time.monotonic()

    def _look_around(self) -> None:
        if time.monotonic() - self._looked >= _REREAD_SECONDS:
            self.store.reclaim(self.study.name, self.watch)
            if self._first is None:
                self._first = self.store.revision(self.study.name)
            self.stop_asked = self.store.stop_asked(self.study.name, since=self._first)
            self._looked = time.monotonic()

    def take_in_changes(self) -> None:
        """Read which trials have changed."""
        revision, changed = self.store.changed(self.study.name, since=self._revision)
        if revision == self._revision:
            return
        trials = list(self.trials)
        for trial in changed:
            trials[trial.number : trial.number + 1] = [trial]
        # Another list than before: who kept the earlier one has the trials of that time.
        self.trials, self._revision = tuple(trials), revision
        self.study = with_stored_references(self.store, self.study, self.trials)

    def count(self, states: Collection[TrialState]) -> int:
        """Return how many trials are in one of the states."""
        return sum(trial.state in states for trial in self.trials)
