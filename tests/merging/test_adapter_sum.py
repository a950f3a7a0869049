import json
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from moopt.errors import MergeError
from moopt.merging.adapter_sum import write_adapter_sum
from moopt.merging.adapters import Adapter, open_adapter
from tests.merging.peft_folders import embedding_factors, factors, slow_product, write_adapter

COEFFICIENTS = st.lists(st.floats(-2, 2, width=32), min_size=3, max_size=3)


def three(folder: Path) -> tuple[list[dict[str, Tensor]], list[Adapter]]:
    """Return adapters of different ranks, scales and modules."""
    tensors = [
        {**factors("h.0.q", 3, 4, seed=1), **embedding_factors("wte", 5, 4, seed=1)},
        {**factors("h.0.q", 3, 4, seed=2, rank=3), **factors("h.1.q", 3, 4, seed=3, rank=3)},
        {**factors("h.0.q", 3, 4, seed=4), **embedding_factors("wte", 5, 4, seed=4)},
    ]
    settings_: list[dict[str, object]] = [{}, {"r": 3, "use_rslora": True}, {"lora_alpha": 1}]
    folders = [
        write_adapter(folder / str(index), *each)
        for index, each in enumerate(zip(tensors, settings_, strict=True))
    ]
    return tensors, [open_adapter(each) for each in folders]


@settings(
    deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(COEFFICIENTS)
def test_one_adapter_changes_as_much_as_all_together(
    tmp_path_factory: pytest.TempPathFactory, coefficients: list[float]
) -> None:
    folder = tmp_path_factory.mktemp("adapters")
    tensors, adapters = three(folder)

    write_adapter_sum(adapters, coefficients, folder / "sum")

    total = open_adapter(folder / "sum")
    first, second, third = coefficients
    expected = {
        "h.0.q": first * slow_product(tensors[0], "h.0.q", 2.0)
        + second * slow_product(tensors[1], "h.0.q", 4 / 3**0.5)
        + third * slow_product(tensors[2], "h.0.q", 0.5),
        "h.1.q": second * slow_product(tensors[1], "h.1.q", 4 / 3**0.5),
        "wte": first * slow_product(tensors[0], "wte", 2.0)
        + third * slow_product(tensors[2], "wte", 0.5),
    }
    found = {module: total.factors(module).product() for module in total.modules}
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_ranks_add_up_and_scales_are_one(tmp_path: Path) -> None:
    _, adapters = three(tmp_path)

    write_adapter_sum(adapters, [1.0, 0.0, 0.5], tmp_path / "sum")

    total = open_adapter(tmp_path / "sum")
    assert {module: total.config.rank_of(module) for module in total.modules} == {
        "h.0.q": 7,
        "h.1.q": 3,
        "wte": 4,
    }
    assert {total.config.scale_of(module) for module in total.modules} == {1.0}
    assert json.loads((tmp_path / "sum" / "adapter_config.json").read_text())["r"] == 7


def test_one_adapter_at_one_is_itself(tmp_path: Path) -> None:
    _, adapters = three(tmp_path)

    write_adapter_sum(adapters[:1], [1.0], tmp_path / "sum")

    total = open_adapter(tmp_path / "sum")
    assert torch.equal(total.factors("h.0.q").a, adapters[0].factors("h.0.q").a)
    torch.testing.assert_close(total.factors("wte").product(), adapters[0].factors("wte").product())


def test_equal_sums_give_equal_bytes(tmp_path: Path) -> None:
    _, adapters = three(tmp_path)

    write_adapter_sum(adapters, [1.0, 2.0, 3.0], tmp_path / "one")
    write_adapter_sum(adapters, [1.0, 2.0, 3.0], tmp_path / "two")

    one, two = sorted((tmp_path / "one").iterdir()), sorted((tmp_path / "two").iterdir())
    assert [each.name for each in one] == ["adapter_config.json", "adapter_model.safetensors"]
    assert [each.read_bytes() for each in one] == [each.read_bytes() for each in two]


@pytest.mark.parametrize("coefficients", [[], [1.0], [1.0, 1.0, float("nan")]])
def test_coefficients_that_do_not_fit_are_refused(
    tmp_path: Path, coefficients: list[float]
) -> None:
    _, adapters = three(tmp_path)

    with pytest.raises(MergeError, match="finite coefficient for each of 3 adapters"):
        write_adapter_sum(adapters, coefficients, tmp_path / "sum")


def test_an_adapter_with_a_head_is_refused(tmp_path: Path) -> None:
    tensors = {**factors("q", 3, 4), "score.weight": torch.ones(2, 4)}
    adapter = open_adapter(write_adapter(tmp_path / "a", tensors))

    with pytest.raises(MergeError, match=r"1 tensors that are no factors.*'score\.weight'"):
        write_adapter_sum([adapter], [1.0], tmp_path / "sum")


def test_adapters_of_other_shapes_are_refused(tmp_path: Path) -> None:
    adapters = [
        open_adapter(write_adapter(tmp_path / "a", factors("q", 3, 4))),
        open_adapter(write_adapter(tmp_path / "b", factors("q", 3, 5))),
    ]

    with pytest.raises(MergeError, match=r"'q' in different shapes \(3 x 4, 3 x 5\)"):
        write_adapter_sum(adapters, [1.0, 1.0], tmp_path / "sum")


def test_adapters_that_are_stored_the_other_way_round_are_refused(tmp_path: Path) -> None:
    turned: dict[str, object] = {"fan_in_fan_out": True}
    adapters = [
        open_adapter(write_adapter(tmp_path / "a", factors("q", 3, 4))),
        open_adapter(write_adapter(tmp_path / "b", factors("q", 3, 4), turned)),
    ]

    with pytest.raises(MergeError, match="different values of fan_in_fan_out"):
        write_adapter_sum(adapters, [1.0, 1.0], tmp_path / "sum")


def test_no_source_is_overwritten(tmp_path: Path) -> None:
    _, adapters = three(tmp_path)

    with pytest.raises(MergeError, match="is a source of this sum"):
        write_adapter_sum(adapters, [1.0, 1.0, 1.0], tmp_path / "0")
