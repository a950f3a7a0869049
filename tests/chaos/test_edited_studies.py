"""A study file that somebody edits between two runs."""

import subprocess
from pathlib import Path

import pytest

from moopt.benchmarks.chaos.drivers import RUN
from moopt.store.store import Store
from moopt.study.trials import TrialState

pytestmark = pytest.mark.slow

STUDY_FILE = """
from moopt import Continuous, Maximize, Objective, Study

study = Study(
    "edited",
    parameters=[Continuous("x", 0.0, HIGH)],
    objectives=[Objective("gain", Maximize, reference=-1.0)],
)


def evaluate(trial, context):
    return {"gain": -((trial.parameters["x"] - 0.5) ** 2)}
"""


def run(folder: Path, high: float, *options: str) -> subprocess.CompletedProcess[str]:
    text = STUDY_FILE.replace("HIGH", str(high))
    (folder / "edited.py").write_text(text, encoding="utf-8")
    words = [*RUN, "edited.py", "--executor", "in-process", "--sampler", "sobol", *options]
    return subprocess.run(words, check=False, capture_output=True, text=True, cwd=folder)


def test_an_edited_study_is_refused_with_what_changed_and_goes_on_where_that_is_accepted(
    tmp_path: Path,
) -> None:
    assert run(tmp_path, 1.0, "--trials", "3").returncode == 0

    refused = run(tmp_path, 2.0, "--trials", "6")
    accepted = run(tmp_path, 2.0, "--trials", "6", "--accept-changes")

    assert refused.returncode == 2
    assert "parameter 'x': high was 1.0 and is 2.0" in refused.stderr
    assert "--accept-changes" in refused.stderr
    assert accepted.returncode == 0, accepted.stderr
    with Store(str(tmp_path / "moopt.db")) as store:
        trials = store.trials("edited")
    assert [trial.state for trial in trials] == [TrialState.COMPLETED] * 6
