"""mergekit answers, agrees with task arithmetic, and says what it kept and what it refuses."""

import json
import subprocess
from pathlib import Path

import pytest
import torch

from moopt.merging.one_tensor import merge_tensors
from tests.merging.oracle.mergekit_oracle import (
    RUNNER,
    MergekitError,
    MergekitOracle,
    configuration,
)
from tests.merging.oracle.tiny_families import Family, write_family

pytestmark = pytest.mark.slow

COEFFICIENTS = (0.3, 0.7, -0.2)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Family:
    return write_family("llama", tmp_path_factory.mktemp("llama"))


def experts_of(family: Family, **parameters: float) -> list[tuple[Path, dict[str, float]]]:
    return [
        (folder, {"weight": coefficient, **parameters})
        for folder, coefficient in zip(family.experts, COEFFICIENTS, strict=True)
    ]


def test_task_arithmetic_is_that_of_mergekit(oracle: MergekitOracle, family: Family) -> None:
    base, experts = family.tensors()

    merged = oracle.merge(configuration("task_arithmetic", family.base, experts_of(family)))

    expected = {
        name: merge_tensors(
            "task_arithmetic", [expert[name] for expert in experts], COEFFICIENTS, base=tensor
        )
        for name, tensor in base.items()
    }
    torch.testing.assert_close(merged, expected, rtol=0, atol=1e-6)


def test_the_masks_are_those_of_the_merge(oracle: MergekitOracle, llama: Family) -> None:
    base, experts = llama.tensors()
    config = configuration("dare_linear", llama.base, experts_of(llama, density=0.3), rescale=False)

    merged, masks = oracle.merge_and_masks(config, seed=1)

    expected = {
        name: merge_tensors(
            "task_arithmetic",
            [
                torch.where(mask[name], expert[name], tensor)
                for expert, mask in zip(experts, masks, strict=True)
            ],
            COEFFICIENTS,
            base=tensor,
        )
        for name, tensor in base.items()
    }
    torch.testing.assert_close(merged, expected, rtol=0, atol=1e-6)


def test_a_refusal_is_told_in_its_own_words(oracle: MergekitOracle, llama: Family) -> None:
    config = configuration("della", llama.base, experts_of(llama, density=0.1))

    with pytest.raises(MergekitError, match="Epsilon must be chosen"):
        oracle.merge(config)


def test_jobs_of_a_file_are_answered_as_json(
    mergekit_python: Path, llama: Family, tmp_path: Path
) -> None:
    config = configuration("ties", llama.base, experts_of(llama, density=0.2))
    jobs = [{"config": config, "to": str(tmp_path / "merged")}, {"config": config, "repeats": 2}]
    (tmp_path / "jobs.json").write_text(json.dumps(jobs))

    done = subprocess.run(
        [mergekit_python, RUNNER, tmp_path / "jobs.json"],
        check=True,
        capture_output=True,
        text=True,
    )

    written, measured = json.loads(done.stdout)
    assert written == {}
    assert 0 < measured["cpu_seconds"] < 10
    assert (tmp_path / "merged" / "model.safetensors").exists()
