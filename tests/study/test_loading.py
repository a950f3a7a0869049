from pathlib import Path

import pytest

from moopt.errors import StudyError
from moopt.study.loading import load_study_file

STUDY = """
from moopt import Continuous, Maximize, Minimize, Objective, Study
study = Study(
    "loaded",
    parameters=[Continuous("x", 0, 1)],
    objectives=[Objective("a", Maximize), Objective("b", Minimize)],
)
"""
EVALUATE = "def evaluate(trial, context):\n    return {'a': 0.0, 'b': 0.0}\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "example.py"
    path.write_text(text)
    return path


def test_study_and_evaluator_are_found(tmp_path: Path) -> None:
    loaded = load_study_file(written(tmp_path, STUDY + EVALUATE))

    assert loaded.study.name == "loaded"
    assert callable(loaded.evaluate)
    assert loaded.held_out is None


def test_a_study_file_may_import_what_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "beside_the_study.py").write_text(EVALUATE)

    loaded = load_study_file(written(tmp_path, STUDY + "from beside_the_study import evaluate\n"))

    assert loaded.evaluate.__module__ == "beside_the_study"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("study = (", r"example.py, line 1: '\(' was never closed; mend the syntax"),
        ("x = 1", "defines no `study`; add `study = Study"),
        ("study = 3", "`study` needs to be a moopt.Study, it is 3"),
        (STUDY, "defines no `evaluate`; add `def evaluate"),
        (STUDY + "evaluate = 3", "`evaluate` needs to be a function, it is 3"),
        ("import nothing_like_this", "cannot be imported: ModuleNotFoundError"),
        (STUDY.replace("0, 1", "1, 0"), "example.py: parameter 'x' needs low < high"),
    ],
)
def test_each_fault_of_a_study_file_has_its_own_message(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(StudyError, match=message):
        load_study_file(written(tmp_path, text))


def test_a_study_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"there is no study file '.*missing\.py'"):
        load_study_file(tmp_path / "missing.py")
