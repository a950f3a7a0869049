"""A study with one objective has a best trial where others have a front."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Answer, Call

LOSS = '''"""Which rate trains best?"""

from moopt import Continuous, Minimize, Objective, OutcomeConstraint, Study

study = Study(
    "loss",
    parameters=[Continuous("rate", 1e-4, 1.0, log=True)],
    objectives=[Objective("loss", Minimize)],
    outcome_constraints=[OutcomeConstraint("size", at_most=0.5)],
)


def evaluate(trial, context):
    rate = trial.parameters["rate"]
    return {"loss": (abs(rate - 0.1), 0.01), "size": (rate, 0.0)}


def held_out(trial, context):
    return {"loss": 0.25, "size": 0.1}


def export(trial, directory):
    (directory / "model.txt").write_text(str(trial.parameters["rate"]))
'''
TRIALS = 9


@pytest.fixture
def ran(call: Call, folder: Path) -> Answer:
    """Return what the search of a study with one objective prints."""
    (folder / "loss.py").write_text(LOSS, encoding="utf-8")
    options = ("--executor", "in-process", "--sampler", "sobol", "--trials", str(TRIALS))
    return call("run", "loss.py", *options)


def best(call: Call) -> int:
    """Return the number of the feasible trial with the smallest loss."""
    trials = json.loads(call("trials", "loss", "--format", "json").out)["trials"]
    measured = {each["number"]: each["measurements"] for each in trials}
    feasible = {n: each for n, each in measured.items() if each["size"]["mean"] <= 0.5}
    return int(min(feasible, key=lambda n: feasible[n]["loss"]["mean"]))


def test_a_run_tells_the_best_value_and_prints_the_best_trial(call: Call, ran: Answer) -> None:
    assert ran.status == 0
    assert f"best of {TRIALS} trials: trial {best(call)}" in ran.out
    assert "0 of 9 trials: best loss —" in ran.err
    assert "search, 9 of 9 trials: best loss 0.0" in ran.err
    assert "held out, 1 of 1 trials" in ran.err
    assert "front" not in ran.out + ran.err


@pytest.mark.usefixtures("ran")
def test_status_shows_the_best_value(call: Call) -> None:
    answer = call("status", "loss")

    assert f"±0.010, trial {best(call)}" in answer.out.replace("± ", "±")
    assert "  best         loss ↓ 0.0" in answer.out
    assert "hypervolume" not in answer.out


@pytest.mark.usefixtures("ran")
def test_the_front_is_the_best_trial_and_the_recommended_one(call: Call) -> None:
    answer = call("front", "loss")

    measured, recommended = answer.out.split("recommended trial (posterior mean of the model)")
    assert measured.startswith("best measured trial\n")
    assert f"best of {TRIALS} trials: trial {best(call)}" in measured
    assert recommended.split()[:4] == ["trial", "loss", "↓", "chance"]
    assert "measured best, too" in recommended or "thinks less of it" in recommended


@pytest.mark.usefixtures("ran")
def test_the_front_as_json_keeps_its_keys(call: Call) -> None:
    front = json.loads(call("front", "loss", "--format", "json").out)

    ((trial,), (objective,)) = front["trials"], front["objectives"]
    assert list(front) == ["study", "objectives", "hypervolume", "trials", "recommended"]
    assert trial["number"] == best(call)
    distance = objective["reference"] - trial["measurements"]["loss"]["mean"]
    assert front["hypervolume"] == pytest.approx(distance)


@pytest.mark.usefixtures("ran")
@pytest.mark.parametrize("selector", [["--knee"], ["--prefer", "loss=1"], ["--where", "loss<1"]])
def test_every_selector_names_the_best_trial(call: Call, selector: list[str]) -> None:
    answer = call("pick", "loss", *selector, "--format", "json")

    assert json.loads(answer.out)["number"] == best(call)


@pytest.mark.usefixtures("ran")
def test_a_preference_without_a_number_is_refused_with_an_example(call: Call) -> None:
    answer = call("pick", "loss", "--prefer", "loss")

    assert answer.status == 2
    assert "such as loss=0.7; got 'loss'" in answer.err


@pytest.mark.usefixtures("ran")
def test_an_export_is_that_of_the_best_trial(call: Call, folder: Path) -> None:
    answer = call("export", "loss.py", "--knee", "--to", "best")

    assert answer.err == f"wrote trial {best(call)} to best\n"
    assert "This model is the best trial" in (folder / "best" / "README.md").read_text()


@pytest.mark.usefixtures("ran")
def test_a_report_shows_the_progress(call: Call, folder: Path) -> None:
    call("report", "loss", "--to", "report.html")

    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<h2>Progress</h2>" in page
    assert f"<small>trial {best(call)}</small>" in page
