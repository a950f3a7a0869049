"""The drivers of the studies in a database: who entered, who beats, who left."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from moopt.store.database import Database
from moopt.store.definitions import study_row
from moopt.store.drivers import Beats, Driver, is_gone
from moopt.store.events import take_turn
from moopt.store.proposing_again import release
from moopt.store.tables import DriverRow, TrialRow
from moopt.study.trials import TrialState


@dataclass(frozen=True, slots=True)
class Presence:
    """A driver that runs trials of a study, as far as is known."""

    driver: Driver
    workers: int
    target: int | None
    """Trials that the study is to have in the end. None: not known."""

    entered: datetime
    seen: datetime
    """When it last said that it lives, by its own clock."""


class Attendance:
    """Keeps who runs trials.

    Args:
        database: Where it is kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def enter(self, driver: Driver, study: str, *, workers: int, target: int | None = None) -> None:
        """Enter a driver that is about to run trials of a study.

        Args:
            driver: Who.
            study: Of which.
            workers: How many trials it runs at once.
            target: How many trials the study is to have in the end. None: not known.

        Raises:
            SelectionError: There is no study of that name.
        """
        now = datetime.now(UTC)

        def work(session: Session) -> None:
            session.merge(
                DriverRow(
                    name=driver.name,
                    study_id=study_row(session, study).id,
                    machine=driver.machine,
                    process=driver.process,
                    process_started=driver.process_started,
                    lease_seconds=driver.lease_seconds,
                    beats=0,
                    workers=workers,
                    target=target,
                    entered=now,
                    seen=now,
                )
            )

        self._database.write_again(work)

    def beat(self, driver: Driver) -> None:
        """Say that a driver lives."""
        self._database.write_again(
            lambda session: session.execute(
                update(DriverRow)
                .where(DriverRow.name == driver.name)
                .values(beats=DriverRow.beats + 1, seen=datetime.now(UTC))
            )
        )

    def leave(self, driver: Driver, study: str) -> list[int]:
        """Propose again all trials that a driver runs, for it stops, and return their numbers.

        Raises:
            SelectionError: There is no study of that name.
        """

        def work(session: Session) -> list[int]:
            released = release(take_turn(session, study), driver.name)
            session.execute(
                update(DriverRow)
                .where(DriverRow.name == driver.name)
                .values(left=datetime.now(UTC))
            )
            return released

        return self._database.write_again(work)

    def present(self, study: str) -> list[Presence]:
        """Return the drivers of a study that have not left and are not known dead.

        Raises:
            SelectionError: There is no study of that name.
        """

        def work(session: Session) -> list[DriverRow]:
            of_study = DriverRow.study_id == study_row(session, study).id
            return list(
                session.scalars(
                    select(DriverRow)
                    .where(of_study, DriverRow.left.is_(None))
                    .order_by(DriverRow.entered)
                )
            )

        found = [
            Presence(_driver(row), row.workers, row.target, row.entered, row.seen)
            for row in self._database.read(work)
        ]
        return [each for each in found if not is_gone(each.driver)]

    def holders(self, study: str) -> dict[str, Beats]:
        """Return the drivers that hold trials of a study, by name.

        Raises:
            SelectionError: There is no study of that name.
        """

        def work(session: Session) -> dict[str, Beats]:
            held = (
                select(TrialRow.driver)
                .where(
                    TrialRow.study_id == study_row(session, study).id,
                    TrialRow.state == TrialState.RUNNING.value,
                )
                .distinct()
                .subquery()
            )
            found = session.execute(
                select(held.c.driver, DriverRow).join(
                    DriverRow, DriverRow.name == held.c.driver, isouter=True
                )
            )
            return {str(name): _beats(row) for name, row in found}

        return self._database.read(work)


def _beats(row: DriverRow | None) -> Beats:
    if row is None:
        return Beats(None, 0, left=False)
    return Beats(_driver(row), row.beats, left=row.left is not None)


def _driver(row: DriverRow) -> Driver:
    return Driver(row.name, row.machine, row.process, row.process_started, row.lease_seconds)
