from collections.abc import Callable, Sequence
from typing import Any

import pytest

from moopt.errors import EvaluationError, StudyError
from moopt.study.conditions import When
from moopt.study.objectives import (
    Fidelity,
    LinearConstraint,
    Maximize,
    Minimize,
    Objective,
    OutcomeConstraint,
)
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter, Parameters
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from moopt.study.trials import Measurement
from moopt.study.validation import Raw, check_measurements, check_parameters, missing_outcomes
from tests.strategies import TWO_OBJECTIVES

X = Continuous("x", 0, 1)
SWITCH = Categorical("optimizer", ["adamw", "sgd"])


NOT_WHOLE: Any = 4.5
NOTHING: Any = None
TEXT: Any = "minimize"
NO_PARAMETER: Any = TWO_OBJECTIVES[0]


def study_of(
    *parameters: Parameter,
    objectives: Sequence[Objective] = TWO_OBJECTIVES,
    linear_constraints: Sequence[LinearConstraint] = (),
    fidelity: Fidelity | None = None,
    start_with: Sequence[Parameters] = (),
) -> Study:
    return Study(
        "made",
        parameters=parameters,
        objectives=objectives,
        linear_constraints=linear_constraints,
        fidelity=fidelity,
        start_with=start_with,
    )


WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "log scale from zero": (
        lambda: Continuous("learning_rate", 0, 1, log=True),
        "'learning_rate' is on a log scale and needs low > 0, got low=0; use a small positive",
    ),
    "bounds in the wrong order": (
        lambda: Continuous("x", 2, 1),
        "'x' needs low < high, got low=2, high=1",
    ),
    "infinite bound": (lambda: Continuous("x", 0, float("inf")), "finite number as high"),
    "name with a space": (lambda: Continuous("learning rate", 0, 1), "starts with a letter or _"),
    "integer on a log scale from zero": (lambda: Integer("n", 0, 4, log=True), "needs low >= 1"),
    "integer that is not whole": (lambda: Integer("n", 1, NOT_WHOLE), "whole number as high"),
    "step that misses the end": (
        lambda: Integer("n", 1, 10, step=4),
        "cannot reach high=10 from low=1 with step=4; use high=9 or high=13",
    ),
    "log scale with a step": (
        lambda: Integer("n", 1, 9, log=True, step=2),
        "log scale and step=2",
    ),
    "one choice": (lambda: Categorical("c", ["a"]), "needs at least two choices"),
    "a choice twice": (lambda: Categorical("c", ["a", "b", "a"]), "lists the choice 'a' twice"),
    "a text as choices": (lambda: Categorical("c", "ab"), "needs a list of choices"),
    "an object as choice": (lambda: Categorical("c", [NOTHING, "a"]), "strings, numbers and truth"),
    "one part": (lambda: Simplex("s", ["a"]), "at least two parts"),
    "low bounds above one": (lambda: Simplex("s", ["a", "b"], low=0.6), "lower bounds sum to 1.2"),
    "high bounds below one": (
        lambda: Simplex("s", ["a", "b"], high=0.4),
        "largest weights sum to 0.8",
    ),
    "too few parts may be used": (
        lambda: Simplex("s", ["a", "b", "c"], high=0.4, max_nonzero=2),
        "largest weights sum to 0.8, so no weights sum to 1; raise the upper bounds or max_nonzero",
    ),
    "bound of an unknown part": (
        lambda: Simplex("s", ["a", "b"], low={"c": 0.1}),
        "names the part 'c'",
    ),
    "condition without values": (lambda: When("c", []), "never holds"),
    "direction as text": (lambda: Objective("loss", TEXT), "needs Maximize or Minimize"),
    "aspiration below the reference": (
        lambda: Objective("accuracy", Maximize, reference=0.5, aspiration=0.4),
        "above its reference, got aspiration=0.4, reference=0.5",
    ),
    "aspiration above the reference of what is minimized": (
        lambda: Objective("loss", Minimize, reference=1, aspiration=2),
        "objective 'loss' is to minimize and needs an aspiration below its reference",
    ),
    "aspiration at the reference": (
        lambda: Objective("loss", Minimize, reference=1, aspiration=1),
        "needs an aspiration below its reference",
    ),
    "infinite aspiration": (
        lambda: Objective("loss", Minimize, aspiration=float("-inf")),
        "finite number as aspiration",
    ),
    "negative noise": (lambda: Objective("loss", Minimize, noise=-1), "needs noise >= 0"),
    "formula with noise": (
        lambda: Objective("size", Minimize, noise=0.1, formula=lambda p: float(len(p))),
        "has a formula, which has no noise",
    ),
    "constraint without limits": (lambda: OutcomeConstraint("toxicity"), "limits nothing"),
    "limits that exclude each other": (
        lambda: OutcomeConstraint("toxicity", at_least=2, at_most=1),
        "can never hold",
    ),
    "fidelity from zero": (lambda: Fidelity("epochs", low=0, high=3), "needs 0 < low < high"),
    "duplicate parameter": (lambda: study_of(X, X), "two parameters named 'x'"),
    "parameter named as the fidelity": (
        lambda: study_of(X, fidelity=Fidelity("x", low=1, high=3)),
        "two parameters named 'x'",
    ),
    "duplicate objective": (
        lambda: study_of(X, objectives=[Objective("a", Maximize), Objective("a", Minimize)]),
        "two objectives named 'a'",
    ),
    "no objective": (
        lambda: study_of(X, objectives=[]),
        "'made' needs at least one objective, got none",
    ),
    "no parameters": (study_of, "needs at least one parameter"),
    "an objective among the parameters": (
        lambda: Study("made", parameters=[NO_PARAMETER], objectives=TWO_OBJECTIVES),
        "parameters holds",
    ),
    "unknown parent": (
        lambda: study_of(X, Continuous("y", 0, 1, when=When("optimizer", "sgd"))),
        "conditional on 'optimizer', which is none of the parameters",
    ),
    "value that the parent cannot have": (
        lambda: study_of(SWITCH, Continuous("y", 0, 1, when=When("optimizer", "lion"))),
        "being 'lion', which is none of its choices",
    ),
    "continuous parent": (
        lambda: study_of(X, Continuous("y", 0, 1, when=When("x", 0.5))),
        "need a Categorical or an Integer parent",
    ),
    "conditions in a circle": (
        lambda: study_of(
            Integer("a", 0, 1, when=When("b", 1)), Integer("b", 0, 1, when=When("a", 1))
        ),
        "circle: a -> b -> a",
    ),
    "linear constraint over a choice": (
        lambda: study_of(
            X, SWITCH, linear_constraints=[LinearConstraint({"optimizer": 1}, at_most=1)]
        ),
        "only Continuous and Integer parameters",
    ),
    "linear constraint over a log scale": (
        lambda: study_of(
            Continuous("r", 1, 9, log=True),
            linear_constraints=[LinearConstraint({"r": 1}, at_most=1)],
        ),
        "conditional or on a log scale",
    ),
    "linear constraint that never holds": (
        lambda: study_of(X, linear_constraints=[LinearConstraint({"x": 1}, at_least=2)]),
        "the sum lies between 0 and 1",
    ),
    "starting point out of bounds": (
        lambda: study_of(X, start_with=[{"x": 0.5}, {"x": 2}]),
        r"start_with\[1\]: parameter 'x' is 2, needed is a number between 0 and 1",
    ),
    "starting point without a value": (
        lambda: study_of(X, SWITCH, start_with=[{"x": 0.5}]),
        "no value for parameter 'optimizer'",
    ),
    "starting point with an unknown name": (
        lambda: study_of(X, start_with=[{"x": 0.5, "z": 1}]),
        "'z', which is no parameter",
    ),
    "starting point with an inactive parameter": (
        lambda: study_of(
            SWITCH,
            Continuous("momentum", 0, 1, when=When("optimizer", "sgd")),
            start_with=[{"optimizer": "adamw", "momentum": 0.5}],
        ),
        "the condition of 'momentum' does not hold there",
    ),
    "starting point whose weights do not sum to one": (
        lambda: study_of(Simplex("s", ["a", "b"]), start_with=[{"s": {"a": 0.5, "b": 0.6}}]),
        "weights sum to 1.1, needed is 1",
    ),
    "starting point that breaks a linear constraint": (
        lambda: study_of(
            X,
            linear_constraints=[LinearConstraint({"x": 1}, at_most=0.5)],
            start_with=[{"x": 0.9}],
        ),
        "breaks the linear constraint",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_definition_fails_when_it_is_made(case: str) -> None:
    make, message = WRONG[case]

    with pytest.raises(StudyError, match=message):
        make()


def test_conditions_nest() -> None:
    parameters = (
        SWITCH,
        Integer("layers", 1, 3, when=When("optimizer", "sgd")),
        Continuous("deep", 0, 1, when=When("layers", [2, 3])),
    )

    with pytest.raises(StudyError, match="no value for parameter 'deep'"):
        check_parameters(parameters, (), {"optimizer": "sgd", "layers": 2}, "point")
    assert check_parameters(parameters, (), {"optimizer": "adamw"}, "point")
    assert check_parameters(parameters, (), {"optimizer": "sgd", "layers": 1}, "point")


def test_numbers_take_the_type_of_their_parameter() -> None:
    checked = check_parameters((X, Integer("n", 0, 4)), (), {"x": 1, "n": 2.0}, "point")

    assert [type(value) for value in checked.values()] == [float, int]


def test_a_study_does_not_change_when_the_lists_it_was_made_from_do() -> None:
    parameters: list[Parameter] = [X]
    point: Parameters = {"x": 0.5}
    study = Study("kept", parameters=parameters, objectives=TWO_OBJECTIVES, start_with=[point])

    parameters.append(SWITCH)

    assert study.parameters == (X,)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "'accuracy': a measurement needs a finite mean, got nan"),
        ((0.5, -1.0), "standard error >= 0, got -1.0"),
        ("high", r"'accuracy' needs a number or \(mean, standard error\), got 'high'"),
    ],
)
def test_a_measurement_that_is_no_number_is_named(value: Raw, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        check_measurements({"accuracy": value})


def test_what_was_not_measured_is_left_out_and_what_was_forgotten_is_named() -> None:
    raw = {"accuracy": (0.5, 0.1), "latency": None}

    assert check_measurements(raw) == {"accuracy": Measurement(0.5, 0.1)}
    assert missing_outcomes(["accuracy", "latency", "size"], raw) == ["size"]
