from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from moopt.errors import MergeError
from moopt.merging.adapters import Factors, open_adapter
from tests.merging.peft_folders import embedding_factors, factors, slow_product, write_adapter


@settings(deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(0, 1000))
def test_the_change_is_the_scaled_product(rows: int, columns: int, rank: int, seed: int) -> None:
    tensors = factors("q", rows, columns, rank=rank, seed=seed)
    low_rank = Factors(tensors["q.lora_A.weight"], tensors["q.lora_B.weight"], 0.5)

    torch.testing.assert_close(low_rank.product(), slow_product(tensors, "q", 0.5))
    torch.testing.assert_close(low_rank.transposed.product(), low_rank.product().T)


def test_modules_and_heads_are_found_by_the_names_of_the_base(tmp_path: Path) -> None:
    linear, words = factors("h.0.q", 3, 4), embedding_factors("wte", 5, 4)
    head = {"score.weight": torch.ones(2, 4), "wte.base_layer.weight": torch.zeros(5, 4)}
    adapter = open_adapter(write_adapter(tmp_path / "a", {**words, **head, **linear}))

    assert list(adapter.modules) == ["h.0.q", "wte"]
    assert [each.is_embedding for each in adapter.modules.values()] == [False, True]
    assert sorted(adapter.whole) == ["score.weight", "wte.weight"]
    assert torch.equal(adapter.load_whole("score.weight"), torch.ones(2, 4))
    torch.testing.assert_close(
        adapter.factors("h.0.q").product(), slow_product(linear, "h.0.q", 2.0)
    )
    torch.testing.assert_close(adapter.factors("wte").product(), slow_product(words, "wte", 2.0))


def test_half_precision_factors_are_multiplied_in_float32(tmp_path: Path) -> None:
    tensors = {name: each.bfloat16() for name, each in factors("q", 3, 4).items()}
    adapter = open_adapter(write_adapter(tmp_path / "a", tensors))

    change = adapter.factors("q").product()

    assert change.dtype == torch.float32
    torch.testing.assert_close(change, slow_product(tensors, "q", 2.0))


def test_a_module_that_is_not_changed_has_no_factors(tmp_path: Path) -> None:
    adapter = open_adapter(write_adapter(tmp_path / "a", factors("q", 3, 4)))

    with pytest.raises(MergeError, match="does not change 'v'"):
        adapter.factors("v")


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"q.lora_A.weight": torch.ones(2, 4)}, r"lacks 'base_model\.model\.q\.lora_B\.weight'"),
        ({"score.weight": torch.ones(2, 4)}, "holds no factors"),
        ({"q.lora_magnitude_vector": torch.ones(3)}, "neither a factor that PEFT saves"),
        ({"q.lora_A.default.weight": torch.ones(2, 4)}, "neither a factor that PEFT saves"),
        (factors("q", 3, 4, rank=3), r"shapes \(3, 4\) and \(3, 3\).*rank 2"),
        (
            {
                "c.lora_A.weight": torch.ones(2, 4, 3, 3),
                "c.lora_B.weight": torch.ones(4, 2, 1, 1),
            },
            "only matrices",
        ),
        (
            {name: each.to(torch.float8_e5m2) for name, each in factors("q", 3, 4).items()},
            "type 'F8_E5M2'",
        ),
    ],
)
def test_tensors_that_are_no_plain_adapter_are_refused(
    tmp_path: Path, tensors: dict[str, torch.Tensor], message: str
) -> None:
    write_adapter(tmp_path / "a", tensors)

    with pytest.raises(MergeError, match=message):
        open_adapter(tmp_path / "a")


def test_an_adapter_without_safetensors_is_refused(tmp_path: Path) -> None:
    write_adapter(tmp_path / "a", factors("q", 3, 4))
    (tmp_path / "a" / "adapter_model.safetensors").rename(tmp_path / "a" / "adapter_model.bin")

    with pytest.raises(MergeError, match="save the adapter as safetensors"):
        open_adapter(tmp_path / "a")


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "a", factors("q", 3, 4))
    adapter = open_adapter(folder)
    (folder / "adapter_model.safetensors").write_bytes(b"nonsense")

    with pytest.raises(MergeError, match="cannot read"):
        adapter.factors("q")
    with pytest.raises(MergeError, match="as safetensors"):
        open_adapter(folder)
