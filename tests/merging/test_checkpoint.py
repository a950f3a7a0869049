import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from moopt.errors import MergeError
from moopt.merging.checkpoint import TensorInfo, copy_companions, open_checkpoint, write_weights

DTYPES = [torch.float32, torch.bfloat16, torch.float16, torch.float64, torch.int64, torch.bool]


def infos(tensors: dict[str, Tensor]) -> dict[str, TensorInfo]:
    return {name: TensorInfo(tuple(each.shape), each.dtype) for name, each in tensors.items()}


@st.composite
def state_dicts(draw: st.DrawFn) -> dict[str, Tensor]:
    names = draw(st.lists(st.text("ab.é", min_size=1), min_size=1, max_size=4, unique=True))
    shapes = st.lists(st.integers(0, 3), max_size=3)
    return {
        name: torch.full(draw(shapes), draw(st.integers(0, 3))).to(draw(st.sampled_from(DTYPES)))
        for name in names
    }


@given(state_dicts())
def test_what_is_written_is_what_safetensors_reads(
    tmp_path_factory: pytest.TempPathFactory, tensors: dict[str, Tensor]
) -> None:
    path = tmp_path_factory.mktemp("weights") / "model.safetensors"

    write_weights(path, infos(tensors), tensors.__getitem__)

    read = load_file(path)
    assert infos(read) == infos(tensors)
    assert [name for name in tensors if not torch.equal(read[name], tensors[name])] == []


def test_equal_tensors_give_equal_bytes_in_any_order(tmp_path: Path) -> None:
    tensors = {"b": torch.ones(2), "a": torch.zeros(3)}
    backwards = {"a": torch.zeros(3), "b": torch.ones(2)}

    write_weights(tmp_path / "one", infos(tensors), tensors.__getitem__)
    write_weights(tmp_path / "two", infos(backwards), backwards.__getitem__)

    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_an_unannounced_shape_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    announced = infos({"a": torch.zeros(3)})

    with pytest.raises(MergeError, match=r"'a' came as \(2,\).*announced was \(3,\)"):
        write_weights(tmp_path / "model.safetensors", announced, lambda _name: torch.zeros(2))

    assert not (tmp_path / "model.safetensors").exists()


def test_a_single_file_is_opened(tmp_path: Path) -> None:
    save_file({"b": torch.ones(2), "a": torch.zeros(3)}, tmp_path / "model.safetensors")

    checkpoint = open_checkpoint(tmp_path)

    assert dict(checkpoint.tensors) == infos({"a": torch.zeros(3), "b": torch.ones(2)})
    assert torch.equal(checkpoint.load("b"), torch.ones(2))


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


def test_a_dtype_that_cannot_be_merged_is_named(tmp_path: Path) -> None:
    tensor = torch.zeros(2).to(torch.float8_e4m3fn)
    save_file({"a": tensor}, tmp_path / "model.safetensors")

    with pytest.raises(MergeError, match=r"'a' in .* is stored as F8_E4M3"):
        open_checkpoint(tmp_path)


def test_a_tensor_that_is_not_there_is_named(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(3)}, tmp_path / "model.safetensors")

    with pytest.raises(MergeError, match="has no tensor 'c'"):
        open_checkpoint(tmp_path).load("c")


def test_a_file_that_was_damaged_after_opening_is_named(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(3)}, tmp_path / "model.safetensors")
    checkpoint = open_checkpoint(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"")

    with pytest.raises(MergeError, match="cannot read 'a' from"):
        checkpoint.load("a")


def test_configuration_and_tokenizer_are_copied_and_nothing_else(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    names = ("config.json", "tokenizer.json", "README.md", "model.safetensors")
    for name in names:
        (source / name).write_text(name)

    copy_companions(source, target)

    assert sorted(path.name for path in target.iterdir()) == ["config.json", "tokenizer.json"]
