"""What a study learns from: copies of earlier studies, as they were when it began to.

They may go on, change or be deleted: the proposals of a run that goes on later stay what they would
have been.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from moopt.errors import StudyError
from moopt.store.definitions import stored_study, study_row
from moopt.store.events import Turn
from moopt.store.rows import plain_parameters, read_trials
from moopt.store.tables import SourceRow, TrialRow
from moopt.study.serialization import study_from_json, study_to_json
from moopt.study.source import Source
from moopt.study.trials import Measurement, Trial, TrialState


def read_source(session: Session, name: str) -> Source:
    """Return a study of the store with its trials, for another one to learn from.

    Raises:
        SelectionError: There is no study of that name.
    """
    row = study_row(session, name)
    return Source(stored_study(row), read_trials(session, TrialRow.study_id == row.id))


def read_sources(session: Session, name: str) -> tuple[Source, ...]:
    """Return what a study learns from, in the order in which it was given.

    Raises:
        SelectionError: There is no study of that name.
    """
    rows = session.scalars(
        select(SourceRow)
        .where(SourceRow.study_id == study_row(session, name).id)
        .order_by(SourceRow.position)
    )
    return tuple(
        Source(study_from_json(row.definition), [_trial(each) for each in row.trials])
        for row in rows
    )


def keep_sources(turn: Turn, name: str, sources: Sequence[Source]) -> tuple[Source, ...]:
    """Copy what a study is to learn from, unless it learns from the same already.

    Raises:
        StudyError: It learns from others.
        SelectionError: There is no study of that name.
    """
    kept = read_sources(turn.session, name)
    if kept and [each.name for each in kept] != [each.name for each in sources]:
        raise StudyError(
            f"study {name!r} learns from {', '.join(repr(each.name) for each in kept)} and was "
            f"asked to learn from {', '.join(repr(each.name) for each in sources)}; ask for the "
            "same or for none, which goes on as before, or rename the study"
        )
    if kept or not sources:
        return kept
    for position, source in enumerate(sources):
        turn.session.add(
            SourceRow(
                study_id=turn.study_id,
                position=position,
                name=source.name,
                definition=study_to_json(source.study),
                trials=[_row(each) for each in source.trials],
            )
        )
        turn.note(f"learns from {len(source.trials)} trials of study {source.name!r}")
    turn.session.flush()
    return read_sources(turn.session, name)


def _row(trial: Trial) -> dict[str, Any]:
    """Return a trial as JSON, which writes every digit that tells a number from its neighbours."""
    return {
        "number": trial.number,
        "state": trial.state.value,
        "fidelity": trial.fidelity,
        "parameters": plain_parameters(trial.parameters),
        "measurements": {name: [each.mean, each.sem] for name, each in trial.measurements.items()},
    }


def _trial(row: Mapping[str, Any]) -> Trial:
    return Trial(
        row["number"],
        row["parameters"],
        state=TrialState(row["state"]),
        fidelity=row["fidelity"],
        measurements={name: Measurement(*each) for name, each in row["measurements"].items()},
    )
