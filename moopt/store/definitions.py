"""Does a study say what the store has of it, and may it change?"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from moopt.errors import StudyError
from moopt.store.differences import differences, text
from moopt.store.events import numbers_text, take_turn, unknown_study
from moopt.store.tables import StudyRow, TrialRow
from moopt.study.serialization import study_from_json, study_to_json
from moopt.study.study import Study
from moopt.study.trials import TrialState
from moopt.study.validation import check_parameters


def study_row(session: Session, name: str) -> StudyRow:
    """Return the row of a study.

    Raises:
        SelectionError: There is no study of that name.
    """
    row = session.scalar(select(StudyRow).where(StudyRow.name == name))
    if row is None:
        raise unknown_study(session, name)
    return row


def stored_study(row: StudyRow) -> Study:
    """Return a study with the references that were inferred for it."""
    return study_from_json(row.definition).with_references(row.inferred)


def enter(session: Session, study: Study, path: Path | None, *, accept_changes: bool) -> None:
    """Enter a study, or check that it is the one that was entered before.

    Raises:
        StudyError: Another study has this name, or its trials do not fit the changed one.
    """
    definition = study_to_json(study)
    file = None if path is None else str(path.resolve())
    row = session.scalar(select(StudyRow).where(StudyRow.name == study.name))
    if row is None:
        now = datetime.now(UTC)
        session.add(
            StudyRow(name=study.name, definition=definition, inferred={}, path=file, created=now)
        )
        return
    differing = differs(row, study)
    if differing:
        _change(session, row, study, differing, accept_changes=accept_changes)
    starts = definition["start_with"]
    if text(row.definition["start_with"]) != text(starts):
        row.definition = {**row.definition, "start_with": starts}
    row.path = file or row.path


def _change(
    session: Session, row: StudyRow, study: Study, differing: list[str], *, accept_changes: bool
) -> None:
    """Put a study in the place of the one of its name."""
    turn = take_turn(session, study.name)
    session.refresh(row)
    trials = session.scalars(select(TrialRow).where(TrialRow.study_id == row.id)).all()
    proposed = TrialState.PROPOSED.value
    has_run = any(each.state != proposed for each in trials)
    told = "; ".join(differing)
    if has_run and not accept_changes:
        raise StudyError(
            f"study {study.name!r} differs from the one of that name in the store: {told}. Rename "
            f"the study, take another store, or continue with --accept-changes"
        )
    misfits = {each.number: why for each in trials if (why := _misfit(study, each))}
    if not has_run:
        session.execute(delete(TrialRow).where(TrialRow.study_id == row.id))
    elif kept := [
        each.number for each in trials if each.state != proposed and each.number in misfits
    ]:
        raise StudyError(
            f"study {study.name!r} cannot go on with these changes: of its trials "
            f"{numbers_text(kept)} would be no points of it: {misfits[kept[0]]}. Leave room for "
            "them, rename the study, or take another store"
        )
    else:
        for each in trials:
            if each.number in misfits:
                each.state, each.revision = TrialState.CANCELLED.value, turn.revision
                turn.note(
                    f"cancelled: {misfits[each.number]}",
                    number=each.number,
                    state=TrialState.CANCELLED,
                )
    turn.note(f"the study changed: {told}")
    row.definition, row.inferred = study_to_json(study), _still_inferred(row, study)


def _misfit(study: Study, trial: TrialRow) -> str:
    """Say why a trial is no point of a study; empty where it is one."""
    owner = f"trial {trial.number}"
    try:
        check_parameters(study.parameters, study.linear_constraints, trial.parameters, owner)
    except StudyError as error:
        return str(error)
    if (study.fidelity is None) != (trial.fidelity is None):
        return f"{owner} has {'no' if trial.fidelity is None else 'a'} fidelity"
    return ""


def _still_inferred(row: StudyRow, study: Study) -> dict[str, float]:
    directions = {each["name"]: each["direction"] for each in row.definition["objectives"]}
    kept: Mapping[str, float] = {
        each.name: row.inferred[each.name]
        for each in study.objectives
        if each.name in row.inferred and directions[each.name] == each.direction.value
    }
    return dict(kept)


def differs(row: StudyRow, study: Study) -> list[str]:
    """Return in what a study differs from the one of the same name, a phrase each."""
    asked = study_to_json(study)
    # A study that came out of the store has its inferred references filled in.
    return min(
        differences(row.definition, asked),
        differences(study_to_json(stored_study(row)), asked),
        key=len,
    )
