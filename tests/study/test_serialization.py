import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moopt.errors import StudyError
from moopt.study.objectives import (
    Fidelity,
    Maximize,
    Minimize,
    Objective,
    OutcomeConstraint,
    StoredFormula,
)
from moopt.study.parameters import Continuous
from moopt.study.serialization import study_from_json, study_to_json
from moopt.study.study import Study
from tests.strategies import finite, studies


def parameter_count(parameters: object) -> float:
    return float(len(str(parameters)))


@given(studies(), st.none() | finite, st.none() | st.floats(1, 9), st.none() | st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_a_study_is_read_from_json_as_it_was_written(
    study: Study, reference: float | None, room: float | None, noise: float | None
) -> None:
    aspiration = None if room is None else (reference or 0.0) + room
    whole = Study(
        study.name,
        parameters=study.parameters,
        objectives=[
            Objective("a", Maximize, reference=reference, aspiration=aspiration, noise=noise),
            Objective("size", Minimize, formula=StoredFormula("lib:size")),
        ],
        outcome_constraints=[
            OutcomeConstraint("t", at_most=0.1),
            OutcomeConstraint("a", at_least=0),
        ],
        linear_constraints=study.linear_constraints,
        fidelity=Fidelity("epochs", low=1, high=9),
    )

    assert study_from_json(json.loads(json.dumps(study_to_json(whole)))) == whole


def test_a_formula_is_stored_by_name_and_cannot_be_computed_from_there() -> None:
    study = Study(
        "computed",
        parameters=[Continuous("x", 0, 1)],
        objectives=[Objective("a", Maximize), Objective("size", Minimize, formula=parameter_count)],
    )

    formula = study_from_json(study_to_json(study)).objectives[1].formula

    assert formula == StoredFormula("tests.study.test_serialization:parameter_count")
    with pytest.raises(StudyError, match="load the study from its file"):
        formula({"x": 1.0})


def test_json_of_an_objective_without_an_aspiration_is_what_it_was_before_there_were_any() -> None:
    study = Study(
        "old",
        parameters=[Continuous("x", 0, 1)],
        objectives=[Objective("a", Maximize), Objective("b", Minimize, aspiration=1.0)],
    )

    first, second = study_to_json(study)["objectives"]

    assert list(first) == ["name", "direction", "reference", "noise", "formula"]
    assert second["aspiration"] == 1.0


def test_json_that_is_no_study_is_refused() -> None:
    with pytest.raises(StudyError, match="this is not a study as JSON"):
        study_from_json({"name": "half"})
