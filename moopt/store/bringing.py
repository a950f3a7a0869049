"""Trials of another record, entered as they are."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moopt.errors import StateError, StudyError
from moopt.store.definitions import differs, enter, study_row
from moopt.store.events import take_turn
from moopt.store.rows import keep_measurements, keep_usage, new_trial_row
from moopt.store.tables import ReportRow, StudyRow, TrialRow
from moopt.study.evaluation import Split
from moopt.study.study import Study
from moopt.study.trials import Candidate, Trial, TrialState


def bring(
    session: Session, study: Study, trials: Sequence[Trial], inferred: Mapping[str, float]
) -> None:
    """Enter a study and its trials; running ones are proposed again.

    Raises:
        StudyError: Another study has this name.
        StateError: The study has trials.
    """
    name = study.name
    if session.scalar(select(StudyRow.id).where(StudyRow.name == name)) is None:
        enter(session, study, None, accept_changes=False)
        session.flush()
    turn = take_turn(session, name)
    row = study_row(session, name)
    session.refresh(row)
    same = TrialRow.study_id == turn.study_id
    known = session.scalar(select(func.count()).select_from(TrialRow).where(same))
    if known:
        raise StateError(
            f"study {name!r} has {known} trials in this store, and trials can be brought to a "
            "study without any only; take another store"
        )
    if differing := differs(row, study):
        raise StudyError(
            f"study {name!r} differs from the one of that name in the store: "
            f"{'; '.join(differing)}; take another store"
        )
    row.inferred = dict(inferred)
    for trial in trials:
        new = _row(turn.study_id, trial)
        new.revision = turn.revision
        session.add(new)
        session.flush()
        keep_measurements(session, new.id, Split.SEARCH, trial.measurements)
        keep_measurements(session, new.id, Split.HELD_OUT, trial.held_out)
        keep_usage(session, new.id, Split.SEARCH, trial.usage)
        session.add_all(_reports(new.id, trial))
        turn.note("brought from another record", number=new.number, state=TrialState(new.state))


def _row(study_id: int, trial: Trial) -> TrialRow:
    """Return a row with a key of its own: what lies in the trial's folder is the other record's."""
    candidate = Candidate(
        trial.parameters,
        fidelity=trial.fidelity,
        continues=trial.continues,
        sampler=trial.sampler,
        notes=trial.notes,
    )
    row = new_trial_row(study_id, trial.number, candidate, trial.seed)
    if trial.state is not TrialState.RUNNING:
        row.state = trial.state.value
    row.attempts, row.started, row.ended = trial.attempts, trial.started, trial.ended
    if trial.failure is not None:
        row.failure_kind, row.failure_message = trial.failure.kind.value, trial.failure.message
        row.failure_cause = trial.failure.cause.value
    return row


def _reports(trial_id: int, trial: Trial) -> list[ReportRow]:
    time = trial.ended or trial.started or datetime.now(UTC)
    return [
        ReportRow(
            trial_id=trial_id,
            attempt=trial.attempts,
            time=time,
            fidelity=fidelity,
            name=name,
            mean=each.mean,
            sem=each.sem,
        )
        for fidelity, measured in trial.partial.items()
        for name, each in measured.items()
    ]
