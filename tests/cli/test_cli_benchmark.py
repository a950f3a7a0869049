import json
from pathlib import Path

import pytest
import torch

from moopt.benchmarks.mergekit_peer import VARIABLE
from tests.benchmarks.small_models import small_family
from tests.cli.conftest import Call


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the folder of a small model; mergekit is not installed."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nowhere"))
    return str(small_family(tmp_path).base)


@pytest.mark.slow
def test_times_of_merges_are_printed_for_programs(call: Call, model: str) -> None:
    answer = call(
        "benchmark", "merging", "--models", model, "--methods", "linear,ties", "--repeats", "1",
        "--format", "json",
    )  # fmt: skip

    assert answer.status == 0
    printed = json.loads(answer.out)
    assert printed["copy_gb_per_s"] > 0
    assert [row["method"] for row in printed["rows"]] == ["linear", "ties"]
    assert set(printed["rows"][0]) == {
        "model",
        "method",
        "experts",
        "cpu_ms",
        "ratio_to_bound",
        "mergekit_cpu_ratio",
        "first_cpu_ms",
    }
    assert printed["rows"][0]["model"] == "small"
    assert printed["rows"][0]["mergekit_cpu_ratio"] is None
    assert "not compared: mergekit is not there" in answer.err
    assert ".venv-mergekit/ready" in answer.err


@pytest.mark.slow
def test_times_of_merges_are_printed_for_reading(call: Call, model: str) -> None:
    answer = call("benchmark", "merging", "--models", model, "--methods", "slerp", "--repeats", "1")

    head, _, row, *rest = answer.out.splitlines()
    assert head.split()[:3] == ["model", "method", "experts"]
    assert row.split()[:3] == ["small", "slerp", "2"]
    assert "cpu copies" in rest[-1]


def test_what_can_be_measured_is_told(call: Call) -> None:
    answer = call("benchmark", "cooking")

    assert answer.status == 2
    assert "merging" in answer.err


@pytest.mark.parametrize("device", ["abacus", "meta"])
def test_a_device_that_is_none_is_refused(call: Call, device: str) -> None:
    answer = call("benchmark", "merging", "--device", device)

    assert answer.status == 2
    assert f"--device is cpu, cuda or cuda:1, got {device!r}" in answer.err


def test_a_gpu_that_is_not_there_is_refused(call: Call) -> None:
    if torch.cuda.is_available():
        pytest.skip("needs a machine without a GPU")

    answer = call("benchmark", "merging", "--device", "cuda")

    assert answer.status == 2
    assert "PyTorch finds no GPU here" in answer.err
