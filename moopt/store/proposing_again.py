"""Trials that are proposed again: their driver was lost or stopped, or somebody asks for them."""

from collections.abc import Mapping, Sequence

from sqlalchemy import select

from moopt.store.changes import MAX_DRIVER_LOSSES, end_failed, propose_again, trial_row
from moopt.store.events import Turn
from moopt.store.tables import DriverRow, TrialRow
from moopt.study.trials import Failure, FailureCause, FailureKind, TrialState


def reclaim(turn: Turn, silent: Mapping[str, tuple[int, str]]) -> list[int]:
    """Propose again what drivers ran that are lost, and return the numbers.

    Args:
        turn: To change the study.
        silent: By driver, how often it had beaten when it was given up, and why it was.
    """
    found = turn.session.execute(
        select(DriverRow.name, DriverRow.beats).where(DriverRow.name.in_(silent))
    )
    beats = {row.name: row.beats for row in found}
    lost = [name for name, (count, _) in silent.items() if beats.get(name, count) == count]
    rows = _held_by(turn, lost)
    for row in rows:
        driver = str(row.driver)
        reason = silent[driver][1]
        row.driver_losses += 1
        if row.driver_losses >= MAX_DRIVER_LOSSES:
            message = f"{reason}, and {MAX_DRIVER_LOSSES - 1} others before it"
            failure = Failure(FailureKind.INFRASTRUCTURE, message, FailureCause.DRIVER_LOST)
            end_failed(row, failure)
        else:
            propose_again(row)
        turn.note(f"lost: {reason}", number=row.number, state=TrialState(row.state), driver=driver)
    return [row.number for row in rows]


def release(turn: Turn, driver: str) -> list[int]:
    """Propose again what a driver runs that stops, and return the numbers."""
    rows = _held_by(turn, [driver])
    for row in rows:
        propose_again(row)
        turn.note(
            "handed back: its driver stopped",
            number=row.number,
            state=TrialState.PROPOSED,
            driver=driver,
        )
    return [row.number for row in rows]


def retry(turn: Turn, name: str, numbers: Sequence[int] | None) -> list[int]:
    """Propose failed trials again, as if no worker had been lost before.

    Raises:
        StateError: One of them has not failed.
        SelectionError: There is no such trial.
    """
    if numbers is None:
        chosen = turn.session.scalars(
            select(TrialRow.number).where(
                TrialRow.study_id == turn.study_id,
                TrialRow.state == TrialState.FAILED.value,
                TrialRow.failure_kind != FailureKind.CANDIDATE.value,
            )
        )
        numbers = sorted(chosen)
    for number in numbers:
        row = trial_row(turn, name, number, {TrialState.FAILED})
        propose_again(row)
        row.ended = None
        row.failure_kind = row.failure_message = row.failure_cause = None
        row.worker_losses = row.driver_losses = 0
        turn.note("asked for again", number=number, state=TrialState.PROPOSED)
    return list(numbers)


def _held_by(turn: Turn, drivers: Sequence[str]) -> Sequence[TrialRow]:
    rows = turn.session.scalars(
        select(TrialRow)
        .where(
            TrialRow.study_id == turn.study_id,
            TrialRow.state == TrialState.RUNNING.value,
            TrialRow.driver.in_(drivers),
        )
        .order_by(TrialRow.number)
    ).all()
    for row in rows:
        row.revision = turn.revision
    return rows
