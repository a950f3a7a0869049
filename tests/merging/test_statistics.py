from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from moopt.errors import MergeError
from moopt.merging.checkpoint import TensorInfo
from moopt.merging.statistics import (
    Kind,
    Statistics,
    open_statistics,
    statistics_in_memory,
    write_statistics,
)


@st.composite
def statistics(draw: st.DrawFn) -> Statistics:
    names = draw(st.lists(st.text("ab.é", min_size=1), min_size=1, max_size=4, unique=True))
    shapes = st.lists(st.integers(1, 3), max_size=2)
    return statistics_in_memory(
        draw(st.sampled_from(Kind)),
        {name: torch.full(draw(shapes), draw(st.floats(0, 1, width=32))) for name in names},
        {name: draw(st.floats(1e-9, 1e9)) for name in names},
        batches=draw(st.integers(1, 1000)),
        inputs_first=frozenset(draw(st.sets(st.sampled_from(names)))),
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(statistics())
def test_what_is_written_is_what_is_read(tmp_path: Path, written: Statistics) -> None:
    path = tmp_path / "new" / "fisher.safetensors"

    write_statistics(written, path)

    read = open_statistics(path)
    assert (read.kind, read.batches, read.divisors) == (
        written.kind,
        written.batches,
        written.divisors,
    )
    assert (read.inputs_first, read.tensors) == (written.inputs_first, written.tensors)
    assert all(torch.equal(read.load(name), written.load(name)) for name in written.tensors)


def test_names_are_in_order_with_their_shapes() -> None:
    made = statistics_in_memory(
        Kind.GRAM, {"b": torch.eye(2), "a": torch.eye(3)}, {"a": 1.0, "b": 2.0}, batches=1
    )

    assert list(made.tensors.items()) == [
        ("a", TensorInfo((3, 3), torch.float32)),
        ("b", TensorInfo((2, 2), torch.float32)),
    ]


def test_a_weight_without_a_statistic_is_refused() -> None:
    made = statistics_in_memory(Kind.GRAM, {"a": torch.eye(2)}, {"a": 1.0}, batches=1)

    with pytest.raises(MergeError, match="no gram statistic of the weight 'norm'"):
        made.load("norm")


def test_a_file_that_is_no_file_of_statistics_is_refused(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2)}, tmp_path / "model.safetensors")

    with pytest.raises(MergeError, match="not a file of statistics"):
        open_statistics(tmp_path / "model.safetensors")


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.safetensors").write_bytes(b"nonsense")

    with pytest.raises(MergeError, match="as safetensors"):
        open_statistics(tmp_path / "broken.safetensors")


def test_a_file_that_vanishes_is_refused_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "gram.safetensors"
    made = statistics_in_memory(Kind.GRAM, {"a": torch.eye(2)}, {"a": 1.0}, batches=1)
    write_statistics(made, path)
    read = open_statistics(path)
    path.unlink()

    with pytest.raises(MergeError, match="cannot read 'a'"):
        read.load("a")
