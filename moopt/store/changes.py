"""Changes of trials. Each takes a turn, checks the state that it starts from and says why.

The first measurement of a trial that arrives counts, whoever brings it: a driver that was taken for
lost may come back with one. A failure counts only from the attempt that holds the trial.
"""

import math
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from sqlalchemy import delete, func, select

from moopt.errors import SelectionError, StateError
from moopt.store.differences import text as json_text
from moopt.store.events import Turn
from moopt.store.rows import keep_measurements, keep_usage, new_trial_row
from moopt.store.tables import (
    EvaluationRow,
    MeasurementRow,
    TrialRow,
)
from moopt.study.evaluation import Split
from moopt.study.outcomes import Measured
from moopt.study.trials import (
    Candidate,
    Failure,
    FailureKind,
    Measurement,
    TrialState,
    evaluation_seed,
)
from moopt.study.usage import Usage

MAX_WORKER_LOSSES = 3
"""How many workers may die under a trial before it has failed."""

MAX_DRIVER_LOSSES = 10
"""How many drivers may. Mostly it is not the trial that ends a driver."""

_WITHOUT_RESULT = frozenset({TrialState.PROPOSED, TrialState.RUNNING})


def add(
    turn: Turn,
    name: str,
    candidate: Candidate,
    seed: int,
    *,
    expected: int | None,
    driver: str | None,
) -> TrialRow:
    """Give a candidate the next number, and start it where there is a driver.

    Raises:
        StateError: The next number is not the expected one.
        SelectionError: The trial that the candidate takes further is not there, or is not one of
            its parameters at a lower fidelity.
    """
    highest = turn.session.scalar(
        select(func.max(TrialRow.number)).where(TrialRow.study_id == turn.study_id)
    )
    free = 0 if highest is None else highest + 1
    if expected not in {None, free}:
        raise StateError(
            f"the next trial of study {name!r} was to be {expected}, it is {free}; another "
            "process has added trials, propose again"
        )
    row = new_trial_row(turn.study_id, free, candidate, evaluation_seed(seed, free))
    if candidate.continues is not None:
        row.seed = _continued(turn, name, candidate.continues, row).seed
    row.revision = turn.revision
    turn.session.add(row)
    if driver is not None:
        turn.note(proposed_by(candidate), number=free, state=TrialState.PROPOSED)
        _run(row, driver)
    return row


def _continued(turn: Turn, name: str, number: int, row: TrialRow) -> TrialRow:
    """Return the trial that another one takes further."""
    earlier = turn.session.scalar(
        select(TrialRow).where(TrialRow.study_id == turn.study_id, TrialRow.number == number)
    )
    if earlier is None:
        raise unknown_trial(name, number)
    same = json_text(earlier.parameters) == json_text(row.parameters)
    if not same or (earlier.fidelity or math.inf) >= (row.fidelity or 0.0):
        raise SelectionError(
            f"trial {number} of study {name!r} is taken further with its own parameters to a "
            f"higher fidelity: it has {earlier.parameters} at {earlier.fidelity}, got "
            f"{row.parameters} at {row.fidelity}"
        )
    return earlier


def proposed_by(candidate: Candidate) -> str:
    """Return the cause of a trial, for people."""
    return f"proposed by {candidate.sampler}" if candidate.sampler else "proposed"


def start(turn: Turn, name: str, number: int, driver: str) -> TrialRow:
    """Take a proposed trial to run it.

    Raises:
        StateError: It is not proposed.
        SelectionError: There is no such trial.
    """
    row = trial_row(turn, name, number, {TrialState.PROPOSED})
    _run(row, driver)
    return row


def hand_back(turn: Turn, name: str, number: int, attempt: int | None) -> TrialRow:
    """Propose a running trial again.

    Raises:
        StateError: It is not running, or as another attempt.
        SelectionError: There is no such trial.
    """
    row = trial_row(turn, name, number, {TrialState.RUNNING})
    _check_attempt(row, name, attempt)
    propose_again(row)
    return row


def complete(
    turn: Turn,
    name: str,
    number: int,
    measured: Measured,
    usage: Usage | None,
) -> TrialRow:
    """Record what was measured; a trial that was stopped early is one of the fidelity it came to.

    Raises:
        StateError: The trial has an outcome.
        SelectionError: There is no such trial.
    """
    row = trial_row(turn, name, number, None)
    is_lost = row.failure_kind == FailureKind.INFRASTRUCTURE.value
    if not row.attempts or not (TrialState(row.state) in _WITHOUT_RESULT or is_lost):
        raise _wrong_state(name, row, {TrialState.RUNNING})
    row.failure_kind = row.failure_message = row.failure_cause = None
    if measured.reached is None:
        _end(row, TrialState.COMPLETED)
    else:
        _end(row, TrialState.STOPPED)
        row.fidelity = measured.reached
    keep_measurements(turn.session, row.id, Split.SEARCH, measured.measurements)
    keep_usage(turn.session, row.id, Split.SEARCH, usage)
    return row


def fail(
    turn: Turn,
    name: str,
    number: int,
    failure: Failure,
    *,
    attempt: int | None,
    usage: Usage | None,
) -> TrialRow:
    """Record why there is nothing.

    Raises:
        StateError: The trial is not running, or as another attempt.
        SelectionError: There is no such trial.
    """
    row = trial_row(turn, name, number, {TrialState.RUNNING})
    _check_attempt(row, name, attempt)
    end_failed(row, failure)
    keep_usage(turn.session, row.id, Split.SEARCH, usage)
    return row


def lose(turn: Turn, name: str, number: int, failure: Failure, attempt: int | None) -> TrialRow:
    """Propose a trial again whose worker was lost, or end it where that happened too often.

    Raises:
        StateError: The trial is not running, or as another attempt.
        SelectionError: There is no such trial.
    """
    row = trial_row(turn, name, number, {TrialState.RUNNING})
    _check_attempt(row, name, attempt)
    row.worker_losses += 1
    if row.worker_losses >= MAX_WORKER_LOSSES:
        end_failed(row, failure)
    else:
        propose_again(row)
    return row


def measure_again(
    turn: Turn,
    name: str,
    number: int,
    measurements: Mapping[str, Measurement],
    usage: Usage | None,
) -> TrialRow:
    """Record what was measured on held-out data, in place of what was before.

    Raises:
        StateError: The trial is not completed.
        SelectionError: There is no such trial.
    """
    row = trial_row(turn, name, number, {TrialState.COMPLETED})
    held_out = Split.HELD_OUT
    for table in (MeasurementRow, EvaluationRow):
        turn.session.execute(
            delete(table).where(table.trial_id == row.id, table.split == held_out.value)
        )
    keep_measurements(turn.session, row.id, held_out, measurements)
    keep_usage(turn.session, row.id, held_out, usage)
    return row


def propose_again(row: TrialRow) -> None:
    """Make a proposed trial of one that nobody runs any more."""
    row.state, row.driver = TrialState.PROPOSED.value, None


def trial_row(
    turn: Turn, name: str, number: int, states: Collection[TrialState] | None
) -> TrialRow:
    """Return the row of a trial in one of some states, or in any."""
    row = turn.session.scalar(
        select(TrialRow).where(TrialRow.study_id == turn.study_id, TrialRow.number == number)
    )
    if row is None:
        raise unknown_trial(name, number)
    if states is not None and TrialState(row.state) not in states:
        raise _wrong_state(name, row, states)
    row.revision = turn.revision
    return row


def unknown_trial(name: str, number: int) -> SelectionError:
    """Return the error for a number that no trial has."""
    return SelectionError(f"study {name!r} has no trial {number}; `moopt trials` lists them")


def _wrong_state(name: str, row: TrialRow, states: Collection[TrialState]) -> StateError:
    needed = " or ".join(state.value for state in states)
    return StateError(
        f"trial {row.number} of study {name!r} needs to be {needed} for this, it is "
        f"{row.state}; another process was faster, and what it recorded stays"
    )


def _check_attempt(row: TrialRow, name: str, attempt: int | None) -> None:
    if attempt not in {None, row.attempts}:
        raise StateError(
            f"attempt {attempt} of trial {row.number} of study {name!r} was given up, and attempt "
            f"{row.attempts} runs; only a measurement would count now"
        )


def end_failed(row: TrialRow, failure: Failure) -> None:
    """End a trial that has nothing to show."""
    _end(row, TrialState.FAILED)
    row.failure_kind, row.failure_message = failure.kind.value, failure.message
    row.failure_cause = failure.cause.value


def _run(row: TrialRow, driver: str) -> None:
    row.state = TrialState.RUNNING.value
    row.attempts += 1
    row.started, row.driver = datetime.now(UTC), driver


def _end(row: TrialRow, state: TrialState) -> None:
    row.state, row.ended = state.value, datetime.now(UTC)
