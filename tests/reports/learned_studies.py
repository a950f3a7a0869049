"""A study of cheap functions with every kind of parameter, tried at random."""

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np

from moopt.study.conditions import When
from moopt.study.objectives import Minimize, Objective, OutcomeConstraint
from moopt.study.parameters import Categorical, Continuous, Integer
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from moopt.study.trials import Failure, FailureKind, Measurement, Trial, TrialState
from tests.reports.made_trials import NOON

SEM = 0.01
REFERENCES = {"y0": 0.8, "y1": 1.0}


def every_kind(objectives: int = 2) -> Study:
    return Study(
        "every_kind",
        parameters=[
            Continuous("rate", 1e-5, 1e-1, log=True),
            Continuous("dropout", 0.0, 1.0),
            Integer("layers", 1, 8),
            Categorical("optimizer", ["sgd", "<i>adam</i>"]),
            Continuous("momentum", 0.0, 0.99, when=When("optimizer", "sgd")),
            Simplex("mixture", ["news", "mail", "chat"]),
        ],
        objectives=[Objective(f"y{index}", Minimize) for index in range(objectives)],
        outcome_constraints=[OutcomeConstraint("toxicity", at_most=0.8)],
    )


def truth(parameters: Mapping[str, Any], objectives: int) -> list[float]:
    rate = (math.log10(parameters["rate"]) + 5) / 4
    dropout, layers = parameters["dropout"], parameters["layers"] / 8
    first = (rate - 0.6) ** 2 + 0.3 * dropout + 0.2 * (1 - layers)
    first += 0.1 * (parameters.get("momentum", 0.5) - 0.9) ** 2
    second = 0.2 + layers * dropout + 0.3 * (rate - 0.2) ** 2 + 0.2 * parameters["mixture"]["news"]
    more = [(rate - k / 9) ** 2 + (dropout - k * 0.37 % 1) ** 2 for k in range(2, objectives)]
    return [first, second, *more][:objectives]


def tried(
    count: int, *, objectives: int = 2, seed: int = 0, failing: bool = True
) -> tuple[Study, list[Trial]]:
    """Return a study and random trials of it, some of which failed where the rate is large."""
    study = every_kind(objectives)
    generator = np.random.default_rng(seed)
    return study, [
        _trial(study, number, _at_random(generator), generator, failing=failing)
        for number in range(count)
    ]


def _at_random(generator: np.random.Generator) -> dict[str, Any]:
    shares = generator.dirichlet(np.ones(3))
    optimizer = ["sgd", "<i>adam</i>"][int(generator.integers(2))]
    return {
        "rate": float(10 ** generator.uniform(-5, -1)),
        "dropout": float(generator.uniform()),
        "layers": int(generator.integers(1, 9)),
        "optimizer": optimizer,
        **({"momentum": float(generator.uniform(0, 0.99))} if optimizer == "sgd" else {}),
        "mixture": dict(zip(["news", "mail", "chat"], shares.tolist(), strict=True)),
    }


def _trial(
    study: Study,
    number: int,
    parameters: Mapping[str, Any],
    generator: np.random.Generator,
    *,
    failing: bool,
) -> Trial:
    names = [each.name for each in study.objectives]
    values = truth(parameters, len(names)) + SEM * generator.standard_normal(len(names))
    measurements = {
        name: Measurement(float(value), SEM) for name, value in zip(names, values, strict=True)
    }
    measurements["toxicity"] = Measurement(
        parameters["dropout"] + 0.3 * parameters["mixture"]["mail"]
    )
    started = NOON + timedelta(minutes=number)
    ended = started + timedelta(minutes=1)
    if failing and parameters["rate"] > 0.02:
        return Trial(
            number,
            parameters,
            state=TrialState.FAILED,
            failure=Failure(FailureKind.CANDIDATE, "<b>diverged</b>"),
            sampler="random",
            started=started,
            ended=ended,
        )
    return Trial(
        number,
        parameters,
        state=TrialState.COMPLETED,
        measurements=measurements,
        sampler="random",
        started=started,
        ended=ended,
    )
