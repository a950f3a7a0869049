"""The trials of a database, to be read."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from moopt.store import reports, sources
from moopt.store.definitions import study_row
from moopt.store.events import take_turn
from moopt.store.reports import PartialResult
from moopt.store.rows import read_trials
from moopt.store.studies import StudyRecord
from moopt.store.tables import TrialRow
from moopt.study.source import Source
from moopt.study.trials import Trial


class TrialRecord(StudyRecord):
    """What a database has of studies and their trials."""

    def trials(self, name: str) -> list[Trial]:
        """Return all trials of a study by number.

        Raises:
            SelectionError: There is no study of that name.
        """
        return self.changed(name)[1]

    def changed(self, name: str, *, since: int | None = None) -> tuple[int, list[Trial]]:
        """Return the revision of a study, and its trials that changed after an earlier one.

        Args:
            name: The study.
            since: The earlier revision. None: all trials.

        Raises:
            SelectionError: There is no study of that name.
        """

        def work(session: Session) -> tuple[int, list[Trial]]:
            row = study_row(session, name)
            if since is None:
                return row.revision, read_trials(session, TrialRow.study_id == row.id)
            if since == row.revision:
                return since, []
            chosen = (TrialRow.study_id == row.id, TrialRow.revision > since)
            return row.revision, read_trials(session, *chosen)

        return self._database.read(work)

    def source(self, name: str) -> Source:
        """Return a study with its trials, for another one to learn from.

        Raises:
            SelectionError: There is no study of that name.
        """
        return self._database.read(lambda session: sources.read_source(session, name))

    def sources(self, name: str) -> tuple[Source, ...]:
        """Return what a study learns from, as it was when it began to.

        Raises:
            SelectionError: There is no study of that name.
        """
        return self._database.read(lambda session: sources.read_sources(session, name))

    def keep_sources(self, name: str, given: Sequence[Source]) -> tuple[Source, ...]:
        """Copy what a study is to learn from, once and for all, and return the copies.

        Raises:
            StudyError: It learns from other studies already.
            SelectionError: There is no study of that name.
        """
        return self._database.write_again(
            lambda session: sources.keep_sources(take_turn(session, name), name, given)
        )

    def reports(self, name: str) -> list[PartialResult]:
        """Return all partial results of a study, by trial and attempt, in the order of their times.

        Raises:
            SelectionError: There is no study of that name.
        """
        return self._database.read(lambda session: reports.read(session, name))
