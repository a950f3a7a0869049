from pathlib import Path

import pytest
import torch
from torch import Tensor

from moopt.errors import MergeError
from moopt.merging.adapted_checkpoint import AdaptedCheckpoint, add_adapter
from moopt.merging.adapters import open_adapter
from moopt.merging.checkpoint import TensorInfo, open_checkpoint
from tests.merging.peft_folders import (
    embedding_factors,
    factors,
    slow_product,
    write_adapter,
    write_base,
)


def adapted(
    folder: Path,
    base: dict[str, Tensor],
    adapter: dict[str, Tensor],
    settings: dict[str, object] | None = None,
) -> AdaptedCheckpoint:
    write_base(folder / "base", base)
    write_adapter(folder / "adapter", adapter, settings)
    return add_adapter(open_checkpoint(folder / "base"), open_adapter(folder / "adapter"))


def random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(7))


def test_a_changed_weight_is_base_plus_change_in_float32_and_others_are_as_they_were(
    tmp_path: Path,
) -> None:
    base = {"h.0.q.weight": random(3, 4).bfloat16(), "norm.weight": random(4).bfloat16()}
    tensors = factors("h.0.q", 3, 4)

    merged = adapted(tmp_path, base, tensors)

    change = slow_product(tensors, "h.0.q", 2.0)
    torch.testing.assert_close(merged.delta("h.0.q.weight"), change)
    torch.testing.assert_close(merged.load("h.0.q.weight"), base["h.0.q.weight"].float() + change)
    assert torch.equal(merged.load("norm.weight"), base["norm.weight"])
    assert dict(merged.tensors) == {
        "h.0.q.weight": TensorInfo((3, 4), torch.float32),
        "norm.weight": TensorInfo((4,), torch.bfloat16),
    }
    assert merged.folder == tmp_path / "adapter"


@pytest.mark.parametrize(
    ("in_base", "in_adapter"),
    [("q", "q"), ("h.q", "bert.h.q"), ("model.h.q", "h.q"), ("model.h.q", "model.h.q")],
)
def test_names_are_matched_without_a_prefix_that_only_one_side_has(
    tmp_path: Path, in_base: str, in_adapter: str
) -> None:
    tensors = factors(in_adapter, 3, 4)

    merged = adapted(tmp_path, {f"{in_base}.weight": torch.zeros(3, 4)}, tensors)

    torch.testing.assert_close(
        merged.load(f"{in_base}.weight"), slow_product(tensors, in_adapter, 2.0)
    )


def test_an_embedding_is_changed_by_the_transposed_product(tmp_path: Path) -> None:
    base, tensors = random(5, 3), embedding_factors("wte", 5, 3)

    merged = adapted(tmp_path, {"wte.weight": base}, tensors)

    torch.testing.assert_close(
        merged.load("wte.weight"), base + slow_product(tensors, "wte", 2.0).T
    )


@pytest.mark.parametrize("flag", [True, False])
def test_weights_with_their_inputs_first_are_told_by_their_shape(
    tmp_path: Path, *, flag: bool
) -> None:
    base, tensors = random(4, 3), factors("fc", 3, 4)

    merged = adapted(tmp_path, {"fc.weight": base}, tensors, {"fan_in_fan_out": flag})

    torch.testing.assert_close(merged.load("fc.weight"), base + slow_product(tensors, "fc", 2.0).T)


def test_square_weights_are_as_the_configuration_says(tmp_path: Path) -> None:
    tensors = factors("q", 3, 3)
    zeros = {"q.weight": torch.zeros(3, 3)}
    change = slow_product(tensors, "q", 2.0)

    rows = adapted(tmp_path / "1", zeros, tensors)
    columns = adapted(tmp_path / "2", zeros, tensors, {"fan_in_fan_out": True})

    torch.testing.assert_close(rows.load("q.weight"), change)
    torch.testing.assert_close(columns.load("q.weight"), change.T)


def test_a_square_weight_is_refused_where_other_weights_contradict_the_configuration(
    tmp_path: Path,
) -> None:
    base = {"q.weight": torch.zeros(3, 3), "fc.weight": torch.zeros(4, 3)}
    tensors = {**factors("q", 3, 3), **factors("fc", 3, 4)}

    with pytest.raises(MergeError, match=r"how the square weight 'q\.weight' is stored"):
        adapted(tmp_path, base, tensors)


def test_a_head_is_added_and_a_tensor_that_was_saved_whole_replaces_the_base(
    tmp_path: Path,
) -> None:
    base = {"h.q.weight": torch.zeros(3, 4), "h.norm.weight": torch.zeros(4)}
    tensors = {**factors("bert.h.q", 3, 4), "bert.h.norm.weight": torch.ones(4)}
    tensors |= {"score.weight": torch.ones(2, 4)}

    merged = adapted(tmp_path, base, tensors)

    assert list(merged.tensors) == ["h.norm.weight", "h.q.weight", "score.weight"]
    assert torch.equal(merged.load("h.norm.weight"), torch.ones(4))
    assert torch.equal(merged.load("score.weight"), torch.ones(2, 4))


def test_a_weight_that_the_base_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MergeError, match=r"changes 1 weights that .* lacks.*'v\.weight'"):
        adapted(tmp_path, {"q.weight": torch.zeros(3, 4)}, factors("v", 3, 4))


def test_a_weight_of_another_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MergeError, match=r"'q\.weight' has the shape \(3, 5\).*\(3, 4\)"):
        adapted(tmp_path, {"q.weight": torch.zeros(3, 5)}, factors("q", 3, 4))


def test_an_embedding_of_another_vocabulary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MergeError, match=r"'wte\.weight' has the shape \(6, 3\).*\(5, 3\)"):
        adapted(tmp_path, {"wte.weight": torch.zeros(6, 3)}, embedding_factors("wte", 5, 3))


def test_a_weight_that_is_not_changed_has_no_change(tmp_path: Path) -> None:
    base = {"q.weight": torch.zeros(3, 4), "norm.weight": torch.zeros(4)}
    merged = adapted(tmp_path, base, factors("q", 3, 4))

    with pytest.raises(MergeError, match=r"does not change the weight 'norm\.weight'"):
        merged.delta("norm.weight")
    with pytest.raises(MergeError, match="no tensor 'v'"):
        merged.load("v")
