"""Studies and trials made by hand, for tests of what is shown of them."""

from datetime import UTC, datetime, timedelta

from moopt.study.conditions import When
from moopt.study.objectives import Maximize, Minimize, Objective, OutcomeConstraint
from moopt.study.parameters import Categorical, Continuous
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from moopt.study.trials import Failure, FailureKind, Measurement, Trial, TrialState

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def two_objectives() -> Study:
    return Study(
        "skills",
        parameters=[
            Continuous("rate", 1e-6, 1e-3, log=True),
            Categorical("optimizer", ["adamw", "<b>sgd</b>"]),
            Continuous("momentum", 0.0, 0.99, when=When("optimizer", "<b>sgd</b>")),
            Simplex("mixture", ["news", "mail"]),
        ],
        objectives=[
            Objective("accuracy", Maximize, reference=0.5),
            Objective("latency", Minimize, reference=50.0),
        ],
        outcome_constraints=[OutcomeConstraint("toxicity", at_most=0.05)],
    )


def many_objectives(count: int) -> Study:
    return Study(
        "wide",
        parameters=[Continuous("x", 0.0, 1.0)],
        objectives=[Objective(f"y{index}", Maximize) for index in range(count)],
    )


def completed(number: int, accuracy: float, latency: float, *, toxicity: float = 0.01) -> Trial:
    return Trial(
        number,
        {
            "rate": 1e-4 * (number + 1),
            "optimizer": "adamw",
            "mixture": {"news": 0.25, "mail": 0.75},
        },
        state=TrialState.COMPLETED,
        measurements={
            "accuracy": Measurement(accuracy, 0.01),
            "latency": Measurement(latency, 0.5),
            "toxicity": Measurement(toxicity),
        },
        held_out={"accuracy": Measurement(accuracy - 0.02, 0.01)},
        sampler="sobol",
        started=NOON + timedelta(minutes=number),
        ended=NOON + timedelta(minutes=number + 1),
    )


def crashed(number: int, message: str = "RuntimeError: <script>alert(1)</script>") -> Trial:
    return Trial(
        number,
        {"rate": 1e-3, "optimizer": "adamw", "mixture": {"news": 0.5, "mail": 0.5}},
        state=TrialState.FAILED,
        failure=Failure(FailureKind.CANDIDATE, message),
    )


def front_of_three() -> list[Trial]:
    """Return 0, 1 and 2 on the front, 3 dominated, 4 infeasible, 5 failed."""
    return [
        completed(0, 0.9, 40.0),
        completed(1, 0.8, 15.0),
        completed(2, 0.6, 10.0),
        completed(3, 0.7, 45.0),
        completed(4, 0.95, 5.0, toxicity=0.5),
        crashed(5),
    ]


def spread(study: Study, count: int) -> list[Trial]:
    """Return trials whose objectives trade against each other."""
    names = [objective.name for objective in study.objectives]
    return [
        Trial(
            number,
            {"x": number / count},
            state=TrialState.COMPLETED,
            measurements={
                name: Measurement(float((number * (place + 2)) % count))
                for place, name in enumerate(names)
            },
            sampler="sobol",
        )
        for number in range(count)
    ]
