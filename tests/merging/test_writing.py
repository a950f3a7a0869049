import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import Tensor

from moopt.errors import MergeError
from moopt.merging.checkpoint import TensorInfo, open_checkpoint
from moopt.merging.writing import copy_companions, write_model_weights, write_tensors

DTYPES = [torch.float32, torch.bfloat16, torch.float16, torch.float64, torch.int64, torch.bool]


def infos(tensors: dict[str, Tensor]) -> dict[str, TensorInfo]:
    return {name: TensorInfo(tuple(each.shape), each.dtype) for name, each in tensors.items()}


def whole(tensors: dict[str, Tensor]) -> Callable[[str], list[Tensor]]:
    return lambda name: [tensors[name]]


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

    write_tensors(path, infos(tensors), whole(tensors))

    read = load_file(path)
    assert infos(read) == infos(tensors)
    assert [name for name in tensors if not torch.equal(read[name], tensors[name])] == []


def test_equal_tensors_give_equal_bytes_in_any_order(tmp_path: Path) -> None:
    tensors = {"b": torch.ones(2), "a": torch.zeros(3)}
    backwards = {"a": torch.zeros(3), "b": torch.ones(2)}

    write_tensors(tmp_path / "one", infos(tensors), whole(tensors))
    write_tensors(tmp_path / "two", infos(backwards), whole(backwards))

    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_it_does_not_matter_in_which_pieces_a_tensor_comes(tmp_path: Path) -> None:
    tensors = {"a": torch.arange(6.0).view(2, 3)}

    def halves(name: str) -> Iterator[Tensor]:
        yield from tensors[name].flatten().split(4)

    write_tensors(tmp_path / "one", infos(tensors), whole(tensors))
    write_tensors(tmp_path / "two", infos(tensors), halves)

    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize(
    ("came", "message"),
    [
        (torch.zeros(2), "'a' came with 2 numbers, announced were 3"),
        (torch.zeros(3).half(), r"'a' came as torch\.float16, announced was torch\.float32"),
    ],
)
def test_what_was_not_announced_is_refused_and_leaves_no_file(
    tmp_path: Path, came: Tensor, message: str
) -> None:
    announced = infos({"a": torch.zeros(3)})

    with pytest.raises(MergeError, match=message):
        write_tensors(tmp_path / "model.safetensors", announced, lambda _name: [came])

    assert list(tmp_path.iterdir()) == []


def test_shards_are_filled_in_order_and_listed_in_an_index(tmp_path: Path) -> None:
    tensors = {name: torch.full((4,), index).float() for index, name in enumerate("abc")}

    write_model_weights(tmp_path, infos(tensors), whole(tensors), shard_size=32)

    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert index["metadata"] == {"total_size": 48}
    assert index["weight_map"] == {
        "a": "model-00001-of-00002.safetensors",
        "b": "model-00001-of-00002.safetensors",
        "c": "model-00002-of-00002.safetensors",
    }
    assert torch.equal(open_checkpoint(tmp_path).load("c"), tensors["c"])


def test_a_tensor_that_is_larger_than_a_shard_has_a_file_of_its_own(tmp_path: Path) -> None:
    tensors = {"a": torch.zeros(1), "b": torch.zeros(100), "c": torch.zeros(1)}

    write_model_weights(tmp_path, infos(tensors), whole(tensors), shard_size=8)

    assert len(list(tmp_path.glob("*.safetensors"))) == 3


def test_configuration_and_tokenizer_are_copied_and_nothing_else(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    names = ("config.json", "tokenizer.json", "README.md", "model.safetensors")
    for name in names:
        (source / name).write_text(name)

    copy_companions(source, target)

    assert sorted(path.name for path in target.iterdir()) == ["config.json", "tokenizer.json"]
