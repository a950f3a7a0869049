"""Stores with studies of any size, made at once rather than by runs, to see how they are shown."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from moopt.store.database import Database
from moopt.store.rows import new_trial_row
from moopt.store.store import Store
from moopt.store.tables import MeasurementRow, StudyRow, TrialRow
from moopt.study.conditions import When
from moopt.study.evaluation import Split
from moopt.study.objectives import Maximize, Minimize, Objective, OutcomeConstraint
from moopt.study.parameters import Categorical, Continuous, Parameters, Value
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from moopt.study.trials import (
    Candidate,
    Failure,
    FailureCause,
    FailureKind,
    Measurement,
    Measurements,
    Trial,
    TrialState,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECONDS_OF_A_TRIAL = 40
FAILING = 0.8
"""Share of `mixture.chat` from which trials fail."""


def tuning_study(name: str = "tuning") -> Study:
    """Return a study with two objectives, a condition, a simplex and an outcome constraint."""
    return Study(
        name,
        parameters=[
            Continuous("learning_rate", 1e-4, 1.0, log=True),
            Continuous("width", 0.0, 1.0),
            Categorical("optimizer", ["adamw", "sgd"]),
            Continuous("momentum", 0.0, 0.99, when=When("optimizer", "sgd")),
            Simplex("mixture", ["news", "mail", "chat"]),
        ],
        objectives=[
            Objective("accuracy", Maximize, reference=0.0),
            Objective("latency_ms", Minimize, reference=60.0),
        ],
        outcome_constraints=[OutcomeConstraint("toxicity", at_most=0.6)],
    )


def tuning_trials(count: int, seed: int = 0) -> list[Trial]:
    """Return trials of `tuning_study`: most completed, some infeasible, some failed."""
    return [_tuned(number, np.random.default_rng((seed, number))) for number in range(count)]


def wide_study(objectives: int, name: str = "wide") -> Study:
    """Return a study with many objectives, each best at another corner of the space."""
    return Study(
        name,
        parameters=[Continuous(f"x{index}", 0.0, 1.0) for index in range(4)],
        objectives=[Objective(f"skill_{index}", Maximize) for index in range(objectives)],
    )


def wide_trials(objectives: int, count: int, seed: int = 0) -> list[Trial]:
    """Return completed trials of `wide_study`."""
    generator = np.random.default_rng(seed)
    corners = generator.uniform(size=(objectives, 4))
    trials = []
    for number in range(count):
        point = generator.uniform(size=4)
        values = 1 - ((point - corners) ** 2).sum(axis=1)
        measured = {f"skill_{i}": Measurement(float(v), 0.01) for i, v in enumerate(values)}
        parameters = {f"x{i}": float(v) for i, v in enumerate(point)}
        trials.append(_ended(number, parameters, measured))
    return trials


def fill_store(path: Path, study: Study, trials: Sequence[Trial]) -> None:
    """Enter a study with its trials, in one transaction.

    Args:
        path: A SQLite file, made where there is none.
        study: New in the store.
        trials: By number, from 0 on.

    Raises:
        StudyError: Another study has this name.
        StoreError: The store cannot be written.
    """
    with Store(str(path)) as store:
        store.register(study)
    database = Database(str(path))
    try:
        database.write_again(lambda session: _enter(session, study, trials))
    finally:
        database.close()


def _tuned(number: int, generator: np.random.Generator) -> Trial:
    width, momentum = generator.uniform(size=2)
    mixture = generator.dirichlet(np.ones(3))
    rate = 10 ** generator.uniform(-4, 0)
    optimizer = ("adamw", "sgd")[generator.integers(2)]
    parameters: dict[str, Value] = {
        "learning_rate": float(rate),
        "width": float(width),
        "optimizer": optimizer,
        "mixture": dict(zip(("news", "mail", "chat"), map(float, mixture), strict=True)),
    }
    if optimizer == "sgd":
        parameters["momentum"] = float(0.99 * momentum)
    if mixture[2] > FAILING:
        failure = Failure(
            FailureKind.CANDIDATE,
            "RuntimeError: <script>alert(1)</script> chat does not fit",
            FailureCause.ERROR,
        )
        return Trial(
            number,
            parameters,
            state=TrialState.FAILED,
            failure=failure,
            sampler="sobol",
            started=_at(number),
            ended=_at(number + 1),
        )
    luck = generator.normal(size=2)
    off = abs(math.log10(rate) + 2) / 2
    accuracy = 1 - (width - 0.9) ** 2 - 0.2 * off + 0.1 * mixture[0] + 0.02 * luck[0]
    latency = 4 + 50 * width**2 + 5 * mixture[1] + 0.5 * luck[1]
    measured = {
        "accuracy": Measurement(float(accuracy), 0.02),
        "latency_ms": Measurement(float(latency), 0.5),
        "toxicity": Measurement(float(mixture[2])),
    }
    return _ended(number, parameters, measured)


def _ended(number: int, parameters: Parameters, measured: Measurements) -> Trial:
    again = {
        name: Measurement(0.97 * each.mean, each.sem) if each.sem else each
        for name, each in measured.items()
    }
    return Trial(
        number,
        parameters,
        state=TrialState.COMPLETED,
        measurements=measured,
        held_out=again if number % 3 == 0 else {},
        sampler="sobol" if number < 16 else "bayesian",
        started=_at(number),
        ended=_at(number + 1),
    )


def _at(number: int) -> datetime:
    return NOON + timedelta(seconds=SECONDS_OF_A_TRIAL * number)


def _enter(session: Session, study: Study, trials: Sequence[Trial]) -> None:
    study_id = session.scalars(select(StudyRow.id).where(StudyRow.name == study.name)).one()
    rows = [_row(study_id, trial) for trial in trials]
    session.add_all(rows)
    session.flush()
    for split, measured in (
        (Split.SEARCH, [trial.measurements for trial in trials]),
        (Split.HELD_OUT, [trial.held_out for trial in trials]),
    ):
        session.add_all(
            MeasurementRow(
                trial_id=row.id, split=split.value, name=name, mean=each.mean, sem=each.sem
            )
            for row, measurements in zip(rows, measured, strict=True)
            for name, each in measurements.items()
        )
    session.execute(update(StudyRow).where(StudyRow.id == study_id).values(revision=1))


def _row(study_id: int, trial: Trial) -> TrialRow:
    candidate = Candidate(trial.parameters, sampler=trial.sampler)
    row = new_trial_row(study_id, trial.number, candidate, 0)
    row.state, row.started, row.ended = trial.state.value, trial.started, trial.ended
    row.attempts, row.revision = 1, 1
    if trial.failure is not None:
        row.failure_kind = trial.failure.kind.value
        row.failure_message = trial.failure.message
        row.failure_cause = trial.failure.cause.value
    return row
