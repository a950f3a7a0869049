"""Trials of Ax as a study's."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from ax.core.base_trial import BaseTrial
from ax.core.data import Data
from ax.core.trial import Trial as AxTrial
from ax.core.trial_status import TrialStatus

from moopt.errors import StudyError
from moopt.export.ax_record import RECORD, trial_of_text
from moopt.export.ax_space import AxSpace
from moopt.study.study import Study
from moopt.study.trials import (
    Failure,
    FailureKind,
    Measurement,
    Measurements,
    Trial,
    TrialState,
)
from moopt.study.validation import check_parameters

ROUNDING = 1e-9
"""Ax stores metric values with ten decimals."""

STATES = {
    TrialStatus.CANDIDATE: TrialState.PROPOSED,
    TrialStatus.STAGED: TrialState.RUNNING,
    TrialStatus.RUNNING: TrialState.RUNNING,
    TrialStatus.COMPLETED: TrialState.COMPLETED,
    TrialStatus.FAILED: TrialState.FAILED,
    TrialStatus.EARLY_STOPPED: TrialState.STOPPED,
    # Ax never proposes again what it abandoned, and learns nothing from it.
    TrialStatus.ABANDONED: TrialState.FAILED,
    TrialStatus.STALE: TrialState.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Readings:
    """What an experiment of Ax has measured, in the study's names."""

    last: dict[int, dict[str, Measurement]] = field(default_factory=dict)
    """By trial, what it came to."""

    steps: dict[int, dict[float, dict[str, Measurement]]] = field(default_factory=dict)
    """By trial and step, what it reported."""


def readings(data: Data, metrics: Mapping[str, str]) -> Readings:
    """Return the finite numbers of Ax's data.

    Args:
        data: Of an experiment.
        metrics: The study's name of each metric of Ax; others are left out.
    """
    found = Readings()
    if data.empty:
        return found
    for row in data.df.itertuples(index=False):
        if row.metric_name in metrics and math.isfinite(row.mean):
            last = found.last.setdefault(int(row.trial_index), {})
            last.setdefault(metrics[row.metric_name], _measurement(row.mean, row.sem))
    if "step" in data.full_df.columns:
        for row in data.full_df.itertuples(index=False):
            if row.metric_name in metrics and math.isfinite(row.mean) and math.isfinite(row.step):
                steps = found.steps.setdefault(int(row.trial_index), {})
                at = steps.setdefault(float(row.step), {})
                at.setdefault(metrics[row.metric_name], _measurement(row.mean, row.sem))
    return found


def trial_of_ax(
    study: Study, space: AxSpace, trial: BaseTrial, number: int, read: Readings
) -> Trial:
    """Return a trial of Ax as one of a study.

    Args:
        study: What it belongs to.
        space: How its parameters are named and valued in Ax.
        trial: Of one arm.
        number: That it gets.
        read: What was measured.

    Raises:
        StudyError: It has several arms or none, or is no point of the study.
    """
    if not isinstance(trial, AxTrial) or trial.arm is None:
        raise StudyError(
            f"Ax's trial {trial.index} has {len(trial.arms)} arms; moopt takes trials of one"
        )
    values = trial.arm.parameters
    parameters = check_parameters(
        study.parameters,
        study.linear_constraints,
        space.from_ax(values),
        f"Ax's trial {trial.index}",
    )
    state = STATES[trial.status]
    fidelity = None
    if space.fidelity is not None:
        fidelity = float(values[space.fidelity] or 0)
    last, steps = read.last.get(trial.index, {}), read.steps.get(trial.index, {})
    is_whole = state is TrialState.COMPLETED
    return Trial(
        number,
        parameters,
        state=state,
        fidelity=fidelity,
        measurements=last if is_whole else {},
        partial={step: each for step, each in steps.items() if not is_whole or step < max(steps)},
        failure=_failure(trial) if state is TrialState.FAILED else None,
        sampler="ax",
        attempts=0 if state is TrialState.PROPOSED else 1,
        started=_utc(trial.time_run_started),
        ended=_utc(trial.time_completed),
    )


def recorded_trial(trial: BaseTrial) -> Trial | None:
    """Return the trial that moopt once entered as this one, or None where it did not.

    Raises:
        StudyError: What it wrote was changed.
    """
    text = trial.run_metadata.get(RECORD)
    return None if text is None else trial_of_text(str(text))


def as_changed(recorded: Trial, now: Trial, *, is_moved: bool) -> Trial:
    """Return a trial with what became of it in Ax since it was recorded.

    Args:
        recorded: As moopt had it.
        now: The same trial as Ax has it.
        is_moved: Ax has it in another state since; several of ours are the same one there.
    """
    return replace(
        recorded,
        state=now.state if is_moved else recorded.state,
        measurements=_exact(recorded.measurements, now.measurements),
        partial={
            step: _exact(recorded.partial.get(step, {}), each) for step, each in now.partial.items()
        },
        failure=now.failure if is_moved else recorded.failure,
        attempts=max(recorded.attempts, now.attempts),
        started=recorded.started or now.started,
        ended=now.ended,
    )


def agrees(recorded: Measurement | None, now: Measurement) -> bool:
    """Say whether a measurement is the recorded one, as far as Ax stores it."""
    if recorded is None or (recorded.sem is None) is not (now.sem is None):
        return False
    pairs = [(recorded.mean, now.mean), (recorded.sem or 0.0, now.sem or 0.0)]
    return all(math.isclose(a, b, rel_tol=ROUNDING, abs_tol=ROUNDING) for a, b in pairs)


def _exact(recorded: Measurements, now: Measurements) -> dict[str, Measurement]:
    known = {
        name: each for name, each in recorded.items() if name in now and agrees(each, now[name])
    }
    return {**now, **known}


def _measurement(mean: float, sem: float) -> Measurement:
    return Measurement(float(mean), None if math.isnan(sem) else float(sem))


def _failure(trial: BaseTrial) -> Failure:
    reason = trial.status_reason or ""
    if trial.status is TrialStatus.ABANDONED:
        return Failure(FailureKind.EVALUATOR, f"abandoned in Ax: {reason}".rstrip(": "))
    return Failure(FailureKind.CANDIDATE, reason or "marked as failed in Ax")


def _utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.astimezone(UTC)
