"""Does a database contradict itself?"""

from collections.abc import Iterator

from sqlalchemy import Connection, func, or_, select, text

from moopt.store.database import Database
from moopt.store.events import MEASURED, STOPPED_EARLY, numbers_text
from moopt.store.tables import EventRow, MeasurementRow, StudyRow, TrialRow
from moopt.study.evaluation import Split
from moopt.study.trials import TrialState

_MEASURED = [TrialState.COMPLETED.value, TrialState.STOPPED.value]


def problems(database: Database) -> list[str]:
    """Return what is wrong with a database, a sentence each; nothing where all is well.

    Raises:
        StoreError: It cannot be read.
    """
    with database.connection() as connection:
        found = list(_of_file(connection))
        for study_id, name in connection.execute(select(StudyRow.id, StudyRow.name)):
            found += [f"study {name!r}: {each}" for each in _of_study(connection, study_id)]
    return found


def _of_file(connection: Connection) -> Iterator[str]:
    if connection.dialect.name != "sqlite":
        return
    for (said,) in connection.execute(text("PRAGMA integrity_check")):
        if said != "ok":
            yield f"the file is damaged: {said}"
    for row in connection.execute(text("PRAGMA foreign_key_check")):
        yield f"row {row[1]} of table {row[0]} belongs to nothing"


def _of_study(connection: Connection, study_id: int) -> Iterator[str]:
    of_study = TrialRow.study_id == study_id
    numbers = list(
        connection.scalars(select(TrialRow.number).where(of_study).order_by(TrialRow.number))
    )
    if missing := sorted(set(range(len(numbers))) - set(numbers)):
        yield f"trials {numbers_text(missing)} are missing"
    with_numbers = select(MeasurementRow.trial_id).where(MeasurementRow.split == Split.SEARCH.value)
    bare = connection.scalars(
        select(TrialRow.number).where(
            of_study, TrialRow.state.in_(_MEASURED), TrialRow.id.not_in(with_numbers)
        )
    ).all()
    if bare:
        yield f"trials {numbers_text(bare)} are completed or stopped and have no measurements"
    odd = connection.scalars(
        select(TrialRow.number).where(
            of_study, TrialRow.state.not_in(_MEASURED), TrialRow.id.in_(with_numbers)
        )
    ).all()
    if odd:
        yield f"trials {numbers_text(odd)} have measurements and are not completed or stopped"
    yield from _of_events(connection, study_id)


def _of_events(connection: Connection, study_id: int) -> Iterator[str]:
    of_study = EventRow.study_id == study_id
    doubled = connection.scalars(
        select(EventRow.number)
        .where(of_study, or_(EventRow.cause == MEASURED, EventRow.cause.startswith(STOPPED_EARLY)))
        .group_by(EventRow.number)
        .having(func.count() > 1)
    ).all()
    if doubled:
        yield f"trials {numbers_text([int(n or 0) for n in doubled])} were completed twice"
    latest = (
        select(EventRow.number, func.max(EventRow.id).label("id"))
        .where(of_study, EventRow.state.is_not(None))
        .group_by(EventRow.number)
        .subquery()
    )
    differing = connection.execute(
        select(TrialRow.number, TrialRow.state, EventRow.state)
        .join(latest, latest.c.number == TrialRow.number)
        .join(EventRow, EventRow.id == latest.c.id)
        .where(TrialRow.study_id == study_id, TrialRow.state != EventRow.state)
    )
    for number, state, last in differing:
        yield f"trial {number} is {state}, its last event says {last}"
