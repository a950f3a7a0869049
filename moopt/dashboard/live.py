"""A study as it stands in the store, kept and brought up to date by what has changed.

Pages ask every second. Where nothing has changed that costs one row of the database.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from moopt.errors import SelectionError
from moopt.front.front import Front, front_of
from moopt.reports.points import Points, points_of
from moopt.store.store import Store
from moopt.study.study import Study
from moopt.study.trials import Trial


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A study at one revision. What pages show is computed from this and from their controls."""

    revision: int
    trials: tuple[Trial, ...]
    """By number, in any state."""

    front: Front
    points: Points
    inferred: tuple[str, ...]
    """Objectives whose reference the user did not give."""

    path: Path | None
    """The study file. None: it was made by a program."""

    @property
    def study(self) -> Study:
        """The study, with a reference for each objective that has one, given or inferred."""
        return self.front.study

    def trial(self, number: int) -> Trial | None:
        """Return the trial with a number, or None if there is none."""
        return next((each for each in self.trials if each.number == number), None)


def snapshot_of(
    study: Study,
    trials: Sequence[Trial],
    *,
    revision: int = 0,
    inferred: Sequence[str] = (),
    path: Path | None = None,
) -> Snapshot:
    """Return trials of a study with their front.

    Args:
        study: Objectives without a reference get one inferred from the trials.
        trials: In any state and order.
        revision: Which this is.
        inferred: Objectives whose reference the user did not give.
        path: The study file.
    """
    ordered = tuple(sorted(trials, key=lambda trial: trial.number))
    front = front_of(study, ordered)
    return Snapshot(revision, ordered, front, points_of(front, ordered), tuple(inferred), path)


class LiveStudies:
    """The studies of a store. Threads may share it.

    Args:
        store: Read only.
        only: The one study that may be seen. None: all.
    """

    def __init__(self, store: Store, *, only: str | None = None) -> None:
        self.only = only
        self._store = store
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Study, Snapshot]] = {}

    def names(self) -> list[str]:
        """Return the names of the studies that may be seen, in the order of their entry."""
        return [name for name in self._store.studies() if self.only in {None, name}]

    def revision(self, name: str) -> int:
        """Return the revision of a study, which rises with every change.

        Raises:
            SelectionError: There is no study of that name, or it may not be seen.
        """
        self._check_shown(name)
        return self._store.revision(name)

    def snapshot(self, name: str) -> Snapshot:
        """Return a study as it stands now.

        Raises:
            SelectionError: There is no study of that name, or it may not be seen.
            StudyError: It cannot be read, for a newer moopt or another program wrote it.
        """
        self._check_shown(name)
        with self._lock:
            known = self._known.get(name)
            if known is not None and known[1].revision == self._store.revision(name):
                return known[1]
            study = self._store.study(name)
            # Another definition may have dropped trials, which no list of changes tells.
            is_same = known is not None and known[0] == study
            earlier = known[1] if known is not None and is_same else None
            revision, changed = self._store.changed(
                name, since=None if earlier is None else earlier.revision
            )
            trials = {trial.number: trial for trial in earlier.trials} if earlier else {}
            trials |= {trial.number: trial for trial in changed}
            found = snapshot_of(
                study,
                list(trials.values()),
                revision=revision,
                inferred=tuple(self._store.inferred(name)),
                path=self._store.path(name),
            )
            self._known[name] = (study, found)
            return found

    def _check_shown(self, name: str) -> None:
        if self.only not in {None, name}:
            raise SelectionError(f"this server shows study {self.only!r} and not {name!r}")
