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


def test_what_cannot_be_measured_is_named(call: Call) -> None:
    answer = call("benchmark", "cooking")

    assert answer.status == 2
    assert "cooking" in answer.err


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


@pytest.mark.slow
def test_a_race_is_run_and_shown(call: Call, tmp_path: Path) -> None:
    words = ["benchmark", "--problems", "branin_currin", "--samplers", "sobol,random"]
    words += ["--seeds", "2", "--trials", "15", "--to", str(tmp_path)]

    first = call(*words)
    again = call(*words)
    crew = call(*words, "--workers", "3")

    assert first.status == 0, first.err
    assert first.err.count("branin_currin, sobol, seed") == 2
    assert "On the median problem sobol" in first.out
    assert again.out == first.out
    assert "seed" not in again.err
    assert "What is kept" not in first.out
    before, _, table = crew.out.partition("What is kept after 15 trials of one trial after the oth")
    assert "On the median problem sobol" in before
    # A search that learns nothing proposes the same, whoever works.
    assert "branin_currin: 1.000" in table
    assert (tmp_path / "benchmark-3-workers.html").exists()
    page = (tmp_path / "benchmark.html").read_text()
    assert "branin_currin" in page
    assert "http" not in page.partition("<script>")[0]


def test_a_race_needs_a_folder(call: Call) -> None:
    answer = call("benchmark", "--problems", "branin_currin")

    assert answer.status == 2
    assert "--to is missing" in answer.err
