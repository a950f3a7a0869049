"""Changes of one trial, each guarded by the state that it starts from."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from moopt.errors import SelectionError, StateError
from moopt.store.tables import StudyRow, TrialRow
from moopt.study.trials import TrialState

HANDED_BACK: Mapping[str, str | None] = {
    "state": TrialState.PROPOSED.value,
    "driver": None,
    "lease_ends": None,
}
"""What turns a running trial into a proposed one."""


def study_row(session: Session, name: str) -> StudyRow:
    """Return the row of a study.

    Raises:
        SelectionError: There is no study of that name.
    """
    row = session.scalar(select(StudyRow).where(StudyRow.name == name))
    if row is None:
        raise unknown_study(session, name)
    return row


def unknown_study(session: Session, name: str) -> SelectionError:
    """Return the error that says which studies there are."""
    names = list(session.scalars(select(StudyRow.name).order_by(StudyRow.id)))
    known = f"it has {', '.join(map(repr, names))}" if names else "it is empty"
    return SelectionError(f"the store has no study {name!r}; {known}")


def ended(state: TrialState) -> dict[str, Any]:
    """Return what changes when a trial ends in a state."""
    return {"state": state.value, "ended": datetime.now(UTC), "driver": None, "lease_ends": None}


def change(
    session: Session, name: str, number: int, before: TrialState, values: Mapping[str, Any]
) -> TrialRow:
    """Change a trial that is in a state, and return it as it is then.

    Raises:
        StateError: It is in another state.
        SelectionError: There is no such trial.
    """
    study_id = study_row(session, name).id
    this = select(TrialRow).where(TrialRow.study_id == study_id, TrialRow.number == number)
    # The condition is part of the update: between reading and writing nobody can come.
    changed: TrialRow | None = session.scalar(
        update(TrialRow)
        .where(
            TrialRow.study_id == study_id,
            TrialRow.number == number,
            TrialRow.state == before.value,
        )
        .values({"state": before.value, **values})
        .returning(TrialRow)
    )
    if changed is not None:
        return changed
    found = session.scalar(this)
    if found is None:
        raise SelectionError(f"study {name!r} has no trial {number}; `moopt trials` lists them")
    raise StateError(
        f"trial {number} of study {name!r} needs to be {before.value} for this, it is "
        f"{found.state}; another process was faster, and what it recorded stays"
    )
