"""What happened to a study, in order: every change of a state with its time and cause."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from moopt.errors import SelectionError
from moopt.store.tables import EventRow, StudyRow, Table
from moopt.study.trials import TrialState

# Statements on tables rather than on classes: a third of the time where there is no object to keep.
_EVENT = insert(Table.metadata.tables[EventRow.__tablename__])

MEASURED = "measured"
"""Cause of the event by which a trial has measurements."""

STOPPED_EARLY = "measured, stopped early"
"""How that cause begins where the trial ended before its fidelity."""


@dataclass(frozen=True, slots=True)
class Event:
    """A change of a trial, or of the study itself."""

    revision: int
    """Its place in the order of all changes of the study."""

    time: datetime
    number: int | None
    """Of the trial. None: the study itself changed."""

    state: TrialState | None
    """Which the trial has from then on. None: as before."""

    cause: str
    driver: str | None
    """Who ran the trial."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to change one study, from when it was taken to the end of the transaction.

    Whoever wants to change the study meanwhile waits.
    """

    session: Session
    study_id: int
    revision: int

    def note(
        self,
        cause: str,
        *,
        number: int | None = None,
        state: TrialState | None = None,
        driver: str | None = None,
        change: str | None = None,
    ) -> None:
        """Enter an event.

        Args:
            cause: Why, for people.
            number: Of the trial. None: the study itself changed.
            state: Which the trial has from now on. None: as before.
            driver: Who ran the trial.
            change: Name of the change, by which it is found again.
        """
        self.session.execute(
            _EVENT,
            {
                "study_id": self.study_id,
                "revision": self.revision,
                "number": number,
                "time": datetime.now(UTC),
                "state": None if state is None else state.value,
                "cause": cause,
                "driver": driver,
                "change": change,
            },
        )


def take_turn(session: Session, name: str) -> Turn:
    """Wait for all other changes of a study, and keep them waiting until the transaction ends.

    Raises:
        SelectionError: There is no study of that name.
    """
    taken = session.execute(
        update(StudyRow)
        .where(StudyRow.name == name)
        .values(revision=StudyRow.revision + 1)
        .returning(StudyRow.id, StudyRow.revision),
        execution_options={"synchronize_session": False},
    ).one_or_none()
    if taken is None:
        raise unknown_study(session, name)
    return Turn(session, taken.id, taken.revision)


def unknown_study(session: Session, name: str) -> SelectionError:
    """Return the error that says which studies there are."""
    names = list(session.scalars(select(StudyRow.name).order_by(StudyRow.id)))
    known = f"it has {', '.join(map(repr, names))}" if names else "it is empty"
    return SelectionError(f"the store has no study {name!r}; {known}")


def new_change() -> str:
    """Return a name for a change that is about to be made."""
    return secrets.token_hex(16)


def changed_number(session: Session, change: str) -> int | None:
    """Return the number of the trial that a change was made to, or None if it was not made."""
    return session.scalar(select(EventRow.number).where(EventRow.change == change))


def latest_events(
    session: Session, study_id: int, count: int | None, number: int | None
) -> list[Event]:
    """Return the latest events of a study, or of one trial of it, oldest first.

    Args:
        session: To read in.
        study_id: The study.
        count: How many at most. None: all.
        number: Of the trial. None: of all.
    """
    chosen = select(EventRow).where(EventRow.study_id == study_id)
    if number is not None:
        chosen = chosen.where(EventRow.number == number)
    rows = session.scalars(
        chosen.order_by(EventRow.revision.desc(), EventRow.id.desc()).limit(count)
    )
    return [_event(row) for row in reversed(rows.all())]


def _event(row: EventRow) -> Event:
    state = None if row.state is None else TrialState(row.state)
    return Event(row.revision, row.time, row.number, state, row.cause, row.driver)


def numbers_text(numbers: Sequence[int]) -> str:
    """Return numbers of trials for reading, the first ones of many."""
    shown = ", ".join(map(str, sorted(numbers)[:10]))
    return shown if len(numbers) <= 10 else f"{shown} and {len(numbers) - 10} more"
