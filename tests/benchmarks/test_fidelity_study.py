from pathlib import Path

import pytest

from moopt.benchmarks.fidelity_study import run_study
from moopt.errors import SelectionError
from moopt.study.loading import load_study_file

FILE = """
from moopt import Continuous, Fidelity, Maximize, Minimize, Objective, Study

study = Study(
    "brief",
    parameters=[Continuous("rate", 0.0, 1.0), Continuous("width", 0.0, 1.0)],
    objectives=[
        Objective("score", Maximize, reference=REFERENCE),
        Objective("cost", Minimize, reference=1.5),
    ],
    fidelity=Fidelity("epochs", low=1, high=9),
)


def evaluate(trial, context):
    done = 0
    if context.continues is not None:
        done = int((context.continues / "epochs").read_text())
    assert done < trial.fidelity
    (context.directory / "epochs").write_text(str(int(trial.fidelity)))
    width = trial.parameters["width"]
    score = width - (trial.parameters["rate"] - 0.5) ** 2 - 0.3 / trial.fidelity
    return {"score": score, "cost": width**2}
"""


@pytest.mark.slow
def test_a_race_on_a_study_file_goes_on_from_checkpoints_and_from_its_store(tmp_path: Path) -> None:
    path = tmp_path / "brief.py"
    path.write_text(FILE.replace("REFERENCE", "-1.0"))
    file, place = load_study_file(path), tmp_path / "races"
    first = run_study(file, "asha", 0, budget=3.0, workers=2, directory=place)
    further = run_study(file, "asha", 0, budget=4.0, workers=2, directory=place)
    assert 3.0 <= first.costs[-1] < 5.0
    assert further.costs[: len(first.costs)] == first.costs
    assert further.costs[-1] >= 4.0
    reached = further.reached(further.hypervolumes[-1])
    assert reached is not None
    assert reached[0] <= further.costs[-1]
    assert further.hypervolumes[-1] > 0


def test_a_study_without_a_reference_has_no_race(tmp_path: Path) -> None:
    path = tmp_path / "brief.py"
    path.write_text(FILE.replace("REFERENCE", "None"))
    file = load_study_file(path)
    with pytest.raises(SelectionError, match="a reference for every objective"):
        run_study(file, "asha", 0, budget=3.0, workers=1, directory=tmp_path)
