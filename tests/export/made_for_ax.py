"""A study with everything that Ax says differently, and trials of every kind."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from moopt.optimizer import Optimizer
from moopt.study.conditions import When
from moopt.study.objectives import (
    Fidelity,
    LinearConstraint,
    Maximize,
    Minimize,
    Objective,
    OutcomeConstraint,
)
from moopt.study.parameters import Categorical, Continuous, Integer
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from moopt.study.trials import Failure, FailureKind, Measurement, Trial, TrialState
from moopt.study.usage import Usage

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MARKED = "<b>sgd</b>"


def everything(objectives: int = 2, *, fidelity: Fidelity | None = None) -> Study:
    """Return a study with conditions, a simplex, log scales and constraints of both kinds."""
    wanted = [
        Objective("accuracy", Maximize, reference=0.2),
        Objective("latency_ms", Minimize, reference=50.0),
        Objective("beta", Minimize, reference=3.0),
        *(Objective(f"y{index}", Maximize, reference=-1.0) for index in range(6)),
    ]
    return Study(
        "everything-1.0",
        parameters=[
            Continuous("learning_rate", 1e-6, 1e-5, log=True),
            Integer("batch_size", 8, 64, log=True),
            Integer("width", 0, 64, step=8),
            Categorical("optimizer", ["adamw", MARKED, "lion"]),
            Continuous("momentum", 0.0, 0.99, when=When("optimizer", [MARKED, "lion"])),
            Categorical("mixed", ["a", 3, 0.5], ordered=True),
            Simplex("mixture", ["news", "mail", "chat"]),
            Continuous("lambda", 0.0, 2.0),
            Integer("b", 0, 5),
        ],
        objectives=wanted[:objectives],
        outcome_constraints=[
            OutcomeConstraint("toxicity", at_most=0.5),
            OutcomeConstraint("accuracy", at_least=0.1),
        ],
        linear_constraints=[LinearConstraint({"lambda": 1.0, "b": 0.3}, at_most=2.5)],
        fidelity=fidelity,
        start_with=[],
    )


def trials_of(study: Study, count: int = 20) -> list[Trial]:
    """Return completed trials with mixed noise, one failed, partial, cancelled and running."""
    asked = Optimizer(study, "sobol").ask(count)
    made = [_completed(study, trial) for trial in asked]
    made[4] = _without_result(
        asked[4],
        TrialState.FAILED,
        Failure(FailureKind.CANDIDATE, "RuntimeError: <script>alert(1)</script>"),
    )
    made[6] = _partly(made[6])
    made[-3] = replace(_without_result(asked[-3], TrialState.PROPOSED, None), attempts=1)
    made[-2] = _without_result(asked[-2], TrialState.CANCELLED, None)
    made[-1] = Trial(
        asked[-1].number,
        asked[-1].parameters,
        state=TrialState.RUNNING,
        fidelity=asked[-1].fidelity,
        partial={1.0: {"accuracy": Measurement(0.3)}, 2.0: {"accuracy": Measurement(0.4, 0.1)}},
        sampler="sobol",
        started=NOON,
    )
    return made


def _completed(study: Study, trial: Trial) -> Trial:
    values = trial.parameters
    shares = values["mixture"]
    distance = math.log10(values["learning_rate"]) + 5.5
    accuracy = math.exp(-(distance**2)) * (0.5 + 0.5 * shares["news"]) + 1e-11 / 3
    measured = {
        "accuracy": accuracy + 0.1 * values.get("momentum", 0.3),
        "latency_ms": 10 + values["width"] / 2 + values["b"] + 5 * values["lambda"],
        "beta": values["lambda"] + shares["chat"],
        "toxicity": shares["chat"],
        **{f"y{index}": math.sin(index + values["lambda"]) for index in range(6)},
    }
    sem = 0.02 / 3 if trial.number % 2 else None
    names = {*study.outcomes}
    return Trial(
        trial.number,
        values,
        state=TrialState.COMPLETED,
        fidelity=trial.fidelity,
        seed=2**32 - 1 - trial.number,
        measurements={
            name: Measurement(value, sem) for name, value in measured.items() if name in names
        },
        held_out={"accuracy": Measurement(accuracy - 0.01, 1e-12 / 7)},
        partial={1.0: {"accuracy": Measurement(accuracy / 2)}},
        usage=Usage(1.5, 1.25, 0.0, 2**40, None, "host", "cpu"),
        sampler="sobol",
        notes={"choice": 'sobol: "why"'},
        attempts=2,
        started=NOON + timedelta(minutes=trial.number),
        ended=NOON + timedelta(minutes=trial.number, microseconds=17),
        key=f"key-{trial.number}",
    )


def _partly(trial: Trial) -> Trial:
    measured = {name: each for name, each in trial.measurements.items() if name != "accuracy"}
    return Trial(
        trial.number,
        trial.parameters,
        state=TrialState.COMPLETED,
        fidelity=trial.fidelity,
        measurements=measured,
        sampler="start_with",
    )


def _without_result(trial: Trial, state: TrialState, failure: Failure | None) -> Trial:
    return Trial(
        trial.number,
        trial.parameters,
        state=state,
        fidelity=trial.fidelity,
        failure=failure,
        sampler="sobol",
        started=NOON,
        ended=NOON + timedelta(seconds=3),
    )
