"""Whatever goes wrong in an evaluation fails its trial, clearly, and the study goes on."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import TOY, Call

STUDY = '''"""What goes wrong?"""

import time
from pathlib import Path

from moopt import Categorical, Continuous, Maximize, Minimize, Objective, Study

FAULTS = ["memory_error", "hog", "nan", "no_file", "no_model", "none", "empty", "no_key", "text"]

study = Study(
    "faults",
    parameters=[Categorical("fault", ["fine", *FAULTS]), Continuous("x", 0.0, 1.0)],
    objectives=[Objective("gain", Maximize, reference=-1.0), Objective("cost", Minimize)],
    start_with=[{"fault": each, "x": 0.5} for each in ["fine", *FAULTS]],
)


def gain(fault):
    """Stand for a metric of one's own."""
    match fault:
        case "memory_error":
            return sum([0.0] * 10**14)
        case "hog":
            block = b"x" * 2_000_000_000
            time.sleep(60)
            return len(block)
        case "nan":
            return float("inf") - float("inf")
        case "no_file":
            return len(Path("data/no-such-file.csv").read_text())
        case "no_model":
            from transformers import AutoModel

            return AutoModel.from_pretrained(str(Path("models/no-such-model").absolute()))
        case "none":
            return None
        case "text":
            return "high"
    return 1.0


def evaluate(trial, context):
    fault = trial.parameters["fault"]
    measured = gain(fault)
    match fault:
        case "none":
            return None
        case "empty":
            return {}
        case "no_key":
            return {"cost": 1.0}
    return {"gain": measured, "cost": trial.parameters["x"]}
'''

EXPECTED = {
    "memory_error": ("candidate", "out_of_memory", "MemoryError"),
    "hog": ("candidate", "memory_limit", "the trial took more than 1.5 GB of memory"),
    "nan": ("candidate", "not_finite", "measurement 'gain': a measurement needs a finite mean"),
    "no_file": ("evaluator", "file_error", "data/no-such-file.csv"),
    "no_model": ("evaluator", "file_error", "models/no-such-model"),
    "none": ("evaluator", "wrong_result", "returns a mapping from objective name to a number"),
    "empty": ("evaluator", "wrong_result", "the evaluator returned no 'gain', 'cost'"),
    "no_key": ("evaluator", "wrong_result", "the evaluator returned no 'gain', it returned"),
    "text": ("evaluator", "wrong_result", "measurement 'gain' needs a number"),
}
RUN = ("--sampler", "sobol", "--workers", "2")

pytestmark = pytest.mark.slow


def recorded(call: Call, study: str) -> list[dict[str, Any]]:
    trials: list[dict[str, Any]] = json.loads(call("trials", study, "--format", "json").out)[
        "trials"
    ]
    return trials


def test_each_fault_is_a_clear_failed_trial_and_the_study_goes_on(call: Call, folder: Path) -> None:
    (folder / "faults.py").write_text(STUDY, encoding="utf-8")

    answer = call("run", "faults.py", *RUN, "--trials", "14", "--memory-limit", "1500MB")

    assert answer.status == 0, answer.err
    trials = recorded(call, "faults")
    assert len(trials) == 14
    first = {trial["parameters"]["fault"]: trial for trial in trials[:10]}
    assert first["fine"]["state"] == "completed"
    for fault, (kind, cause, message) in EXPECTED.items():
        failure = first[fault]["failure"]
        assert (failure["kind"], failure["cause"]) == (kind, cause), fault
        assert message in failure["message"]
        assert failure["advice"]
    status = call("status", "faults").out
    assert "evaluator, wrong result" in status
    assert "evaluator, file error" in status


def test_an_evaluator_that_never_works_ends_the_run_with_what_is_to_be_mended(
    call: Call, toy: Path
) -> None:
    toy.write_text(TOY.replace('"latency_ms": (2', '"latency": (2'), encoding="utf-8")

    # One worker: with two, trial 1 may still be running as the third mistake ends the run.
    answer = call("run", "toy.py", *RUN, "--workers", "1", "--trials", "14")

    assert answer.status == 2
    assert "3 trials have failed by the evaluator and none was measured" in answer.err
    assert "the evaluator returned no 'latency_ms'" in answer.err
    states = {trial["number"]: trial["state"] for trial in recorded(call, "toy")}
    # Trial 1 is one that the candidate is to blame for.
    assert states.pop(1) == "failed"
    assert set(states.values()) == {"proposed"}

    toy.write_text(TOY, encoding="utf-8")
    assert call("run", "toy.py", *RUN, "--trials", "5").status == 0
    assert sorted(trial["state"] for trial in recorded(call, "toy")) == [
        *["completed"] * 4,
        "failed",
    ]
