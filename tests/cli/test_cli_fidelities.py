"""Runs of a study with a fidelity, in worker processes."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Call

STUDY = '''"""Two skills that grow with every epoch: who is stopped?"""

import time

from moopt import Continuous, Fidelity, Maximize, Objective, Study, scaled

SECONDS = scaled(small=0.1, large=0.0)
GOOD = [(0.9, 0.5), (0.8, 0.6), (0.7, 0.7), (0.6, 0.8), (0.5, 0.85)]
BEATEN = [(0.2, 0.2), (0.1, 0.3), (0.3, 0.1)]
ONE_SIDED = (0.0, 1.0)

study = Study(
    "skills" if SECONDS else "skills_large",
    parameters=[Continuous("first", 0.0, 1.0), Continuous("second", 0.0, 1.0)],
    objectives=[
        Objective("first_skill", Maximize, reference=-1.0),
        Objective("second_skill", Maximize, reference=-1.0),
    ],
    fidelity=Fidelity("epochs", low=1, high=9),
    start_with=[{"first": a, "second": b} for a, b in [*GOOD, ONE_SIDED, *BEATEN]],
)


def evaluate(trial, context):
    for epoch in range(1, int(trial.fidelity) + 1):
        time.sleep(SECONDS)
        share = epoch / 9
        measured = {
            "first_skill": share * trial.parameters["first"],
            "second_skill": share * trial.parameters["second"],
        }
        (context.directory / "checkpoint").mkdir(exist_ok=True)
        (context.directory / "checkpoint" / "epoch").write_text(str(epoch))
        context.report(epoch, measured)
        if context.should_stop():
            break
    return measured
'''

pytestmark = pytest.mark.slow


@pytest.fixture
def skills(folder: Path) -> Path:
    path = folder / "skills.py"
    path.write_text(STUDY, encoding="utf-8")
    return path


def recorded(call: Call, study: str) -> list[dict[str, Any]]:
    trials: list[dict[str, Any]] = json.loads(call("trials", study, "--format", "json").out)[
        "trials"
    ]
    return trials


def test_who_is_best_at_one_objective_survives_and_who_is_beaten_in_all_is_stopped(
    call: Call, skills: Path
) -> None:
    answer = call(
        *("run", str(skills), "--sampler", "sobol", "--trials", "9", "--workers", "2"),
        *("--stop-early", "mo_asha", "--keep-checkpoints", "1"),
    )

    assert answer.status == 0, answer.err
    trials = recorded(call, "skills")
    states = [(trial["state"], trial["fidelity"] == 9) for trial in trials]
    assert states == [("completed", True)] * 6 + [("stopped", False)] * 3
    front = json.loads(call("front", "skills", "--format", "json").out)["trials"]
    assert 5 in {trial["number"] for trial in front}
    assert "3 stopped" in answer.err
    kept = {
        int(folder.parent.name)
        for folder in skills.parent.glob("moopt-artifacts/skills/*/checkpoint")
    }
    assert kept == {trial["number"] for trial in front} | {8}
    status = call("status", "skills").out
    assert "6 at 9; the cost of" in status
    assert "epochs" in call("trials", "skills").out


def test_a_budget_is_spent_and_not_much_more(call: Call, skills: Path) -> None:
    answer = call(
        *("run", str(skills), "--sampler", "sobol", "--budget", "2.5", "--scale", "large"),
        *("--workers", "1"),
    )

    assert answer.status == 0, answer.err
    assert len(recorded(call, "skills_large")) == 3
    assert "3 of 2.5 evaluations spent" in answer.err


def test_a_study_of_another_scale_is_not_taken_for_the_one_that_was_named(
    call: Call, skills: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("run", str(skills), "--sampler", "sobol", "--trials", "1", "--scale", "large")
    monkeypatch.delenv("MOOPT_SCALE")

    answer = call("run", "skills_large", "--trials", "2")

    assert answer.status == 2
    assert "was to define study 'skills_large' and defines 'skills'" in answer.err
    again = call("run", "skills_large", "--sampler", "sobol", "--trials", "2", "--scale", "large")
    assert again.status == 0, again.err


def test_an_unknown_scale_or_rule_is_refused(call: Call, skills: Path) -> None:
    scale = call("run", str(skills), "--scale", "huge")
    rule = call("run", str(skills), "--scale", "small", "--stop-early", "median")

    assert (scale.status, rule.status) == (2, 2)
    assert "choose from ['small', 'large']" in scale.err
    assert "choose from ['mo_asha']" in rule.err
