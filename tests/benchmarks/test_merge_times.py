import json
from pathlib import Path

import pytest
import torch

from moopt.benchmarks import merge_models
from moopt.benchmarks.merge_cases import CASES
from moopt.benchmarks.merge_models import SMOLLM2_135M, Converted, Shapes, make_family, module_of
from moopt.benchmarks.mergekit_peer import TARGET, VARIABLE, find_mergekit, mergekit_seconds
from moopt.benchmarks.merging import MergeTime, MergeTimes, case_time, chosen_cases, merge_times
from moopt.benchmarks.stopwatch import Stopwatch
from moopt.errors import MissingDependencyError, SelectionError
from moopt.merging.checkpoint import open_checkpoint
from moopt.training.packaged_models import PackagedModel
from tests.benchmarks.small_models import PARAMETERS, discard, small_family

CPU = torch.device("cpu")


def fake_mergekit(folder: Path, answer: str) -> Path:
    """Return a program that gives the same answer to every job."""
    program = folder / "python"
    program.write_text(f"#!/bin/sh\nwhile read job; do echo '{answer}'; done\n")
    program.chmod(0o755)
    return program


def test_the_bound_is_the_time_in_which_a_copy_moves_as_many_bytes() -> None:
    # 5 models of 100 million float32 numbers are 2 GB, which 20 GB/s move in 0.1 s.
    row = MergeTime("big", "linear", 3, 2_000_000_000, 0.15, 1.0, mergekit_seconds=3.0)
    times = MergeTimes(CPU, 20e9, 30e9, (row,))

    assert times.ratio_to_bound(row) == pytest.approx(1.5)
    assert row.mergekit_ratio == pytest.approx(20.0)


@pytest.mark.parametrize("name", CASES)
def test_every_case_is_merged_and_moves_base_experts_and_result(name: str, tmp_path: Path) -> None:
    case = CASES[name]

    row = case_time(case, small_family(tmp_path), Stopwatch(CPU, 1_000), repeats=1)

    assert (row.model, row.method, row.experts) == ("small", name, case.experts)
    assert row.bytes_moved == (case.experts + 2) * PARAMETERS * 4
    assert 0 < row.seconds <= row.first_seconds


def test_bfloat16_weights_are_half_as_many_bytes(tmp_path: Path) -> None:
    family = small_family(tmp_path, torch.bfloat16)

    row = case_time(CASES["task_arithmetic"], family, Stopwatch(CPU, 1_000), repeats=1)

    assert row.bytes_moved == 5 * PARAMETERS * 2


def test_candidates_differ_in_what_their_case_changes(tmp_path: Path) -> None:
    family, tensors = small_family(tmp_path), ["a", "b"]

    global_, other = (CASES["linear"].coefficients(family, tensors, n) for n in range(2))
    by_tensor = CASES["task_arithmetic_blockwise"].coefficients(family, tensors, 0)
    densities = [CASES["ties_new_density"].recipe(family, global_, n).options for n in range(2)]

    assert list(global_) == list(other) == ["expert0", "expert1", "expert2"]
    assert global_ != other
    assert [list(each) for each in by_tensor.values() if not isinstance(each, float)] == 3 * [
        tensors
    ]
    assert densities[0] != densities[1]


def test_the_shapes_are_those_of_smollm2() -> None:
    tensors = SMOLLM2_135M.tensors()

    # From the model's card and its configuration.
    assert sum(info.count for info in tensors.values()) == 134_515_008
    assert len(tensors) == 272


def test_an_expert_is_its_base_and_noise_of_a_fiftieth(tmp_path: Path) -> None:
    family = small_family(tmp_path)
    name = "model.layers.0.mlp.up_proj.weight"

    base = open_checkpoint(family.base).load(name)
    vector = open_checkpoint(family.experts[1]).load(name) - base

    # The noise's standard deviation is e^0.49 = 1.6 times its scale, the tails' is seen in 384.
    assert 0.015 < float(vector.std() / base.std()) < 0.08


def test_a_module_has_the_parameters_of_its_checkpoint(tmp_path: Path) -> None:
    tensors = open_checkpoint(small_family(tmp_path).base).tensors

    parameters = dict(module_of(tensors, CPU).named_parameters())

    assert {name: tuple(each.shape) for name, each in parameters.items()} == {
        name: info.shape for name, info in tensors.items()
    }


def test_a_copy_has_a_speed() -> None:
    watch = Stopwatch(CPU, 100_000)

    watch.copy()

    assert 0 < watch.bytes_per_second < float("inf")
    assert watch.bytes_per_second_past_caches is not None


def test_a_method_or_a_model_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SelectionError, match="no method 'magic'; choose from task_arithmetic"):
        chosen_cases(["linear", "magic"])
    with pytest.raises(SelectionError, match="no model 'gpt5'; choose from minilm"):
        make_family("gpt5", tmp_path, experts=1, report=discard)


def test_mergekit_is_asked_for_every_configuration_once(tmp_path: Path) -> None:
    python = fake_mergekit(tmp_path, '{"cpu_seconds": 0.5}')

    assert mergekit_seconds(python, ["a", "b", "a"], repeats=1) == {"a": 0.5, "b": 0.5}


def test_what_mergekit_cannot_do_is_told_and_not_compared(tmp_path: Path) -> None:
    family = small_family(tmp_path)
    said: list[str] = []

    times = merge_times(
        [str(family.base)],
        [CASES["sce"]],
        Stopwatch(CPU, 1_000),
        repeats=1,
        mergekit=fake_mergekit(tmp_path, '{"error": "no"}'),
        report=said.append,
    )

    assert times.rows[0].mergekit_ratio is None
    assert "small: mergekit failed at sce: no" in said


def test_a_mergekit_that_does_not_start_is_an_error(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho out of order >&2\nexit 3\n")
    python.chmod(0o755)

    with pytest.raises(MissingDependencyError, match="status 3: out of order"):
        mergekit_seconds(python, ["a"], repeats=1)


def test_a_missing_mergekit_names_the_target_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nowhere"))

    with pytest.raises(MissingDependencyError, match=f"make {TARGET}"):
        find_mergekit()


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_mergekit_takes_the_configuration_of_every_case(name: str, tmp_path: Path) -> None:
    try:
        python = find_mergekit()
    except MissingDependencyError as error:
        pytest.skip(str(error))
    configuration = CASES[name].mergekit_configuration(small_family(tmp_path))

    seconds = mergekit_seconds(python, [configuration], repeats=1)[configuration]

    assert json.loads(configuration)["merge_method"] == CASES[name].method
    assert isinstance(seconds, float)


@pytest.mark.gpu
def test_a_model_on_a_gpu_is_measured_by_the_clock(tmp_path: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    family = small_family(tmp_path, torch.bfloat16)

    times = merge_times(
        [str(family.base)],
        [CASES["task_arithmetic"]],
        Stopwatch(torch.device("cuda"), 1_000_000),
        repeats=1,
        mergekit=None,
        report=discard,
    )

    assert times.bytes_per_second_past_caches is None
    assert times.rows[0].seconds > 0


def test_random_weights_stand_for_a_model_that_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = PackagedModel("no_such_package", folder=".", requirement="none", sha256="")
    shapes = Shapes(vocabulary=8, layers=1, hidden=4, keys=4, inner=4)
    monkeypatch.setattr(merge_models, "BASES", {"absent": Converted(missing, shapes)})
    said: list[str] = []

    family = make_family("absent", tmp_path, experts=1, report=said.append)

    assert open_checkpoint(family.experts[0]).tensors == shapes.tensors()
    assert said[0].startswith("absent: random weights in its shapes, because")
