"""The studies of a database: what they are, where they come from, what happened to them."""

import enum
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from moopt.errors import StoreError
from moopt.store.attendance import Attendance
from moopt.store.database import Database
from moopt.store.definitions import enter, stored_study, study_row
from moopt.store.events import Event, Turn, latest_events, take_turn
from moopt.store.tables import StudyRow
from moopt.study.study import Study


class StopRequest(enum.Enum):
    """What drivers are asked to do with the trials that run."""

    WHEN_TRIALS_END = "when running trials have ended"
    AT_ONCE = "at once"


class StudyRecord:
    """What a database has of studies, apart from their trials.

    Args:
        database: Where it lies.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.drivers = Attendance(database)
        """Who runs trials."""

    def register(
        self, study: Study, path: Path | None = None, *, accept_changes: bool = False
    ) -> None:
        """Enter a study, or check that it is the one that was entered before.

        Starting points may change, and so may the file. While no trial has run, everything may:
        what was only proposed for the earlier definition is dropped.

        Args:
            study: What to enter.
            path: The file that defines it.
            accept_changes: Put it in the place of another one of its name, if the trials of that
                are points of this. Trials that were only proposed are cancelled where they are not.

        Raises:
            StudyError: Another study has this name, or its trials do not fit.
        """
        tries = 2
        while tries:
            tries -= 1
            try:
                self._database.write_again(
                    lambda session: enter(session, study, path, accept_changes=accept_changes)
                )
            except StoreError as error:
                # Another process has entered it at this moment.
                if not (tries and isinstance(error.__cause__, IntegrityError)):
                    raise
            else:
                return

    def studies(self) -> list[str]:
        """Return the names of all studies, in the order in which they were entered."""
        names = select(StudyRow.name).order_by(StudyRow.id)
        return self._database.read(lambda session: list(session.scalars(names)))

    def study(self, name: str) -> Study:
        """Return a study, with inferred references where it had none.

        Raises:
            SelectionError: There is no study of that name.
        """
        return self._database.read(lambda session: stored_study(study_row(session, name)))

    def inferred(self, name: str) -> dict[str, float]:
        """Return the references that were inferred, by objective.

        Raises:
            SelectionError: There is no study of that name.
        """
        return self._database.read(lambda session: dict(study_row(session, name).inferred))

    def path(self, name: str) -> Path | None:
        """Return the file that defines a study, or None if it was made in a script.

        Raises:
            SelectionError: There is no study of that name.
        """
        file = self._database.read(lambda session: study_row(session, name).path)
        return None if file is None else Path(file)

    def set_references(self, name: str, references: Mapping[str, float]) -> None:
        """Keep inferred references. One that is there already stays.

        Raises:
            SelectionError: There is no study of that name.
        """

        def change(turn: Turn) -> None:
            row = study_row(turn.session, name)
            if not references.keys() <= row.inferred.keys():
                row.inferred = {**references, **row.inferred}
                turn.note(f"the reference point was inferred: {row.inferred}")

        self._database.write_again(lambda session: change(take_turn(session, name)))

    def events(
        self, name: str, *, count: int | None = None, number: int | None = None
    ) -> list[Event]:
        """Return the latest events of a study, or of one of its trials, oldest first.

        Args:
            name: The study.
            count: How many at most. None: all.
            number: Of the trial. None: of all, and of the study itself.

        Raises:
            SelectionError: There is no study of that name.
        """
        return self._database.read(
            lambda session: latest_events(session, study_row(session, name).id, count, number)
        )

    def ask_to_stop(self, name: str, *, at_once: bool) -> None:
        """Ask all drivers of a study to stop.

        Args:
            name: The study.
            at_once: Hand running trials back, rather than finish them.

        Raises:
            SelectionError: There is no study of that name.
        """

        def change(turn: Turn) -> None:
            row = study_row(turn.session, name)
            row.stop_revision, row.stop_at_once = turn.revision, at_once
            turn.note("asked to stop at once" if at_once else "asked to stop")

        self._database.write_again(lambda session: change(take_turn(session, name)))

    def revision(self, name: str) -> int:
        """Return a number that goes up whenever a study or a trial of it changes.

        Raises:
            SelectionError: There is no study of that name.
        """
        return self._database.read(lambda session: study_row(session, name).revision)

    def stop_asked(self, name: str, *, since: int) -> StopRequest | None:
        """Return whether drivers were asked to stop after a revision.

        Raises:
            SelectionError: There is no study of that name.
        """
        row = self._database.read(lambda session: study_row(session, name))
        if row.stop_revision is None or row.stop_revision <= since:
            return None
        return StopRequest.AT_ONCE if row.stop_at_once else StopRequest.WHEN_TRIALS_END
