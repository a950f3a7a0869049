import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from moopt.errors import MergeError
from moopt.merging.checkpoint import TensorInfo, open_checkpoint


def test_a_single_file_is_opened(tmp_path: Path) -> None:
    save_file({"b": torch.ones(2), "a": torch.zeros(3)}, tmp_path / "model.safetensors")

    checkpoint = open_checkpoint(tmp_path)

    assert dict(checkpoint.tensors) == {
        "a": TensorInfo((3,), torch.float32),
        "b": TensorInfo((2,), torch.float32),
    }
    assert torch.equal(checkpoint.load("b"), torch.ones(2))


def test_some_numbers_of_a_tensor_are_read_without_the_others(tmp_path: Path) -> None:
    weights = {"a": torch.arange(5).bfloat16(), "b": torch.arange(10.0, 16.0).view(2, 3)}
    save_file(weights, tmp_path / "model.safetensors")

    checkpoint = open_checkpoint(tmp_path)

    assert checkpoint.read("a", 1, 3).tolist() == [1, 2]
    assert checkpoint.read("b", 2, 5).tolist() == [12, 13, 14]


def write_shards(folder: Path) -> None:
    save_file({"a": torch.zeros(3)}, folder / "model-1.safetensors")
    save_file({"b": torch.ones(2)}, folder / "model-2.safetensors")
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def test_shards_are_opened_by_their_index(tmp_path: Path) -> None:
    write_shards(tmp_path)

    checkpoint = open_checkpoint(tmp_path)

    assert list(checkpoint.tensors) == ["a", "b"]
    assert torch.equal(checkpoint.load("b"), torch.ones(2))


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    write_shards(tmp_path)
    (tmp_path / "model-2.safetensors").unlink()

    with pytest.raises(MergeError, match=r"not there: model-2\.safetensors"):
        open_checkpoint(tmp_path)


def test_a_tensor_in_two_shards_is_refused(tmp_path: Path) -> None:
    write_shards(tmp_path)
    save_file({"a": torch.zeros(3)}, tmp_path / "model-2.safetensors")

    with pytest.raises(MergeError, match="'a' is both in"):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"weight_map": 3}'])
def test_a_damaged_index_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(text)

    with pytest.raises(MergeError, match="not an index with a weight_map"):
        open_checkpoint(tmp_path)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MergeError, match=r"has neither model\.safetensors nor"):
        open_checkpoint(tmp_path)


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"not a header")

    with pytest.raises(MergeError, match=r"cannot read .* as safetensors"):
        open_checkpoint(tmp_path)


def test_a_file_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.zeros(300)}, path)
    path.write_bytes(path.read_bytes()[:-100])

    with pytest.raises(MergeError, match=r"cannot read .*model\.safetensors as safetensors"):
        open_checkpoint(tmp_path)


def test_a_dtype_that_cannot_be_merged_is_named(tmp_path: Path) -> None:
    tensor = torch.zeros(2).to(torch.float8_e4m3fn)
    save_file({"a": tensor}, tmp_path / "model.safetensors")

    with pytest.raises(MergeError, match=r"'a' in .* is stored as F8_E4M3"):
        open_checkpoint(tmp_path)


def test_a_tensor_that_is_not_there_is_named(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(3)}, tmp_path / "model.safetensors")

    with pytest.raises(MergeError, match="has no tensor 'c'"):
        open_checkpoint(tmp_path).load("c")


def test_a_file_that_was_cut_short_after_opening_is_named(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(3)}, tmp_path / "model.safetensors")
    checkpoint = open_checkpoint(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"")

    with pytest.raises(MergeError, match=r"model\.safetensors ends within the tensor 'a'; it is"):
        checkpoint.load("a")


def test_a_file_that_went_away_after_opening_is_named(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(3)}, tmp_path / "model.safetensors")
    checkpoint = open_checkpoint(tmp_path)
    (tmp_path / "model.safetensors").unlink()

    with pytest.raises(MergeError, match="cannot read 'a' from"):
        checkpoint.load("a")
