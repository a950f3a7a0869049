"""The record of studies and trials in a database, for many processes at once.

Every change of a trial names the state that it starts from and is refused otherwise, so that no
outcome is counted twice, whoever was killed or late. Drivers hold the trials that they run by a
lease, which they renew.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import delete, func, select, update

from moopt.errors import StateError
from moopt.store.changes import HANDED_BACK, change, ended, study_row, unknown_study
from moopt.store.database import Database
from moopt.store.definitions import check_same, differs, stored_study
from moopt.store.drivers import is_gone
from moopt.store.rows import measurement_rows, new_trial_row, trials_from_rows
from moopt.store.tables import MeasurementRow, StudyRow, TrialRow
from moopt.study.evaluation import Split
from moopt.study.serialization import study_to_json
from moopt.study.study import Study
from moopt.study.trials import (
    Candidate,
    Failure,
    Measurement,
    Trial,
    TrialState,
    evaluation_seed,
)


class Store:
    """Studies and their trials in one database. Threads may share a store.

    Raises:
        StoreError: The database cannot be opened.
    """

    def __init__(self, url: str = "sqlite:///moopt.db") -> None:
        self._database = Database(url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections. A store in memory is gone then."""
        self._database.close()

    def register(self, study: Study, path: Path | None = None) -> None:
        """Enter a study, or check that it is the one that was entered before.

        Starting points may change, and so may the file. While no trial has run, everything may:
        what was only proposed for the earlier definition is dropped.

        Raises:
            StudyError: Another study has this name.
        """
        definition = study_to_json(study)
        file = None if path is None else str(path.resolve())
        with self._database.writing() as session:
            row = session.scalar(select(StudyRow).where(StudyRow.name == study.name))
            if row is None:
                session.add(
                    StudyRow(
                        name=study.name,
                        definition=definition,
                        inferred={},
                        path=file,
                        created=datetime.now(UTC),
                    )
                )
                return
            states = set(session.scalars(select(TrialRow.state).where(TrialRow.study_id == row.id)))
            if states <= {TrialState.PROPOSED.value} and differs(row, study):
                session.execute(delete(TrialRow).where(TrialRow.study_id == row.id))
                row.definition, row.inferred = definition, {}
            check_same(row, study)
            row.definition = {**row.definition, "start_with": definition["start_with"]}
            row.path = file or row.path

    def studies(self) -> list[str]:
        """Return the names of all studies, in the order in which they were entered."""
        with self._database.reading() as session:
            return list(session.scalars(select(StudyRow.name).order_by(StudyRow.id)))

    def study(self, name: str) -> Study:
        """Return a study, with inferred references where it had none.

        Raises:
            SelectionError: There is no study of that name.
        """
        with self._database.reading() as session:
            return stored_study(study_row(session, name))

    def inferred(self, name: str) -> dict[str, float]:
        """Return the references that were inferred, by objective.

        Raises:
            SelectionError: There is no study of that name.
        """
        with self._database.reading() as session:
            return dict(study_row(session, name).inferred)

    def path(self, name: str) -> Path | None:
        """Return the file that defines a study, or None if it was made in a script.

        Raises:
            SelectionError: There is no study of that name.
        """
        with self._database.reading() as session:
            file = study_row(session, name).path
        return None if file is None else Path(file)

    def set_references(self, name: str, references: Mapping[str, float]) -> None:
        """Keep inferred references. One that is there already stays."""
        with self._database.writing() as session:
            row = study_row(session, name)
            session.refresh(row, with_for_update=True)
            row.inferred = {**references, **row.inferred}

    def add(
        self, name: str, candidate: Candidate, seed: int, *, number: int | None = None
    ) -> Trial:
        """Give a candidate the next number.

        Args:
            name: The study.
            candidate: What is to be tried.
            seed: Seed of the run; the trial gets one of its own, made of this and its number.
            number: What the next number has to be. It is not when somebody else has added a trial,
                one that this candidate does not know of. None: any.

        Raises:
            StateError: The next number is another one.
            SelectionError: There is no study of that name.
        """
        with self._database.writing() as session:
            # PostgreSQL needs the lock; in SQLite the transaction has it.
            study = select(StudyRow.id).where(StudyRow.name == name).with_for_update()
            study_id = session.scalar(study)
            if study_id is None:
                raise unknown_study(session, name)
            highest = session.scalar(
                select(func.max(TrialRow.number)).where(TrialRow.study_id == study_id)
            )
            free = 0 if highest is None else highest + 1
            if number not in {None, free}:
                raise StateError(
                    f"the next trial of study {name!r} was to be {number}, it is {free}; another "
                    "process has added trials, propose again"
                )
            row = new_trial_row(study_id, free, candidate, evaluation_seed(seed, free))
            session.add(row)
            session.flush()
            return trials_from_rows([row], [])[0]

    def start(self, name: str, number: int, *, driver: str, lease_seconds: float) -> Trial:
        """Take a proposed trial to run it.

        Raises:
            StateError: It is not proposed: somebody else took it.
            SelectionError: There is no such trial.
        """
        now = datetime.now(UTC)
        changes = {
            "state": TrialState.RUNNING.value,
            "attempts": TrialRow.attempts + 1,
            "started": now,
            "driver": driver,
            "lease_ends": now + timedelta(seconds=lease_seconds),
        }
        with self._database.writing() as session:
            row = change(session, name, number, TrialState.PROPOSED, changes)
            return trials_from_rows([row], [])[0]

    def renew(self, driver: str, lease_seconds: float) -> None:
        """Prolong the leases of all trials that a driver runs."""
        ends = datetime.now(UTC) + timedelta(seconds=lease_seconds)
        with self._database.writing() as session:
            session.execute(
                update(TrialRow)
                .where(TrialRow.driver == driver, TrialRow.state == TrialState.RUNNING.value)
                .values(lease_ends=ends)
            )

    def reclaim(self, name: str) -> list[int]:
        """Propose again what nobody runs any more, and return the numbers.

        That are running trials whose lease ran out or whose driver died on this host.
        """
        now = datetime.now(UTC)
        with self._database.writing() as session:
            running = session.scalars(
                select(TrialRow)
                .where(
                    TrialRow.study_id == study_row(session, name).id,
                    TrialRow.state == TrialState.RUNNING.value,
                )
                .order_by(TrialRow.number)
                .with_for_update()
            )
            lost = [
                row
                for row in running
                if row.lease_ends is None or row.lease_ends < now or is_gone(row.driver or "")
            ]
            for row in lost:
                row.state, row.driver, row.lease_ends = TrialState.PROPOSED.value, None, None
            return [row.number for row in lost]

    def hand_back(self, name: str, number: int) -> None:
        """Propose a running trial again: it was interrupted through no fault of its own.

        Raises:
            StateError: It is not running.
            SelectionError: There is no such trial.
        """
        with self._database.writing() as session:
            change(session, name, number, TrialState.RUNNING, HANDED_BACK)

    def release(self, driver: str) -> None:
        """Propose again all trials that a driver runs: it stops."""
        with self._database.writing() as session:
            session.execute(
                update(TrialRow)
                .where(TrialRow.driver == driver, TrialRow.state == TrialState.RUNNING.value)
                .values(HANDED_BACK)
            )

    def complete(self, name: str, number: int, measurements: Mapping[str, Measurement]) -> None:
        """Record what was measured.

        Raises:
            StateError: The trial is not running: its outcome was recorded, or somebody took it.
            SelectionError: There is no such trial.
        """
        with self._database.writing() as session:
            changes = ended(TrialState.COMPLETED)
            row = change(session, name, number, TrialState.RUNNING, changes)
            session.add_all(measurement_rows(row.id, Split.SEARCH, measurements))

    def fail(self, name: str, number: int, failure: Failure) -> None:
        """Record why there is nothing.

        Raises:
            StateError: The trial is not running: its outcome was recorded, or somebody took it.
            SelectionError: There is no such trial.
        """
        why = {"failure_kind": failure.kind.value, "failure_message": failure.message}
        with self._database.writing() as session:
            change(session, name, number, TrialState.RUNNING, ended(TrialState.FAILED) | why)

    def record_held_out(
        self, name: str, number: int, measurements: Mapping[str, Measurement]
    ) -> None:
        """Record what was measured on held-out data, in place of what was before.

        Raises:
            StateError: The trial is not completed.
            SelectionError: There is no such trial.
        """
        with self._database.writing() as session:
            row = change(session, name, number, TrialState.COMPLETED, {})
            session.execute(
                delete(MeasurementRow).where(
                    MeasurementRow.trial_id == row.id,
                    MeasurementRow.split == Split.HELD_OUT.value,
                )
            )
            session.add_all(measurement_rows(row.id, Split.HELD_OUT, measurements))

    def trials(self, name: str) -> list[Trial]:
        """Return all trials of a study by number.

        Raises:
            SelectionError: There is no study of that name.
        """
        with self._database.reading() as session:
            study_id = study_row(session, name).id
            rows = session.scalars(
                select(TrialRow).where(TrialRow.study_id == study_id).order_by(TrialRow.number)
            ).all()
            measured = session.scalars(
                select(MeasurementRow).join(TrialRow).where(TrialRow.study_id == study_id)
            )
            return trials_from_rows(rows, measured)
