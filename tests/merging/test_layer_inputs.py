import pytest
import torch
from torch import Tensor, nn

from moopt.errors import MergeError
from moopt.merging.layer_inputs import layer_inputs


def seen(
    module: nn.Module, layers: list[str], batch: Tensor
) -> list[tuple[str, list[list[float]]]]:
    """Return what each call of a layer read, in order."""
    found: list[tuple[str, list[list[float]]]] = []
    layer_inputs(
        module,
        layers,
        batch,
        lambda each, inputs: each(inputs),
        lambda layer, rows: found.append((layer, rows.tolist())),
    )
    return found


def test_rows_come_call_by_call_with_the_names_of_their_layers() -> None:
    double = nn.Linear(1, 1, bias=False)
    nn.init.constant_(double.weight, 2.0)
    module = nn.Sequential(double, nn.ReLU(), double)
    batch = torch.tensor([[[1.0], [-1.0]]])

    assert seen(module, ["0", "1"], batch) == [
        ("0", [[1.0], [-1.0]]),
        ("1", [[2.0], [-2.0]]),
        ("0", [[2.0], [0.0]]),
    ]


def test_one_vector_is_one_row() -> None:
    assert seen(nn.Linear(2, 1), [""], torch.tensor([1.0, 2.0])) == [("", [[1.0, 2.0]])]


def test_the_model_runs_as_it_does_in_use_and_without_gradients() -> None:
    module = nn.Sequential(nn.Dropout(0.9), nn.Identity()).train()

    assert seen(module, ["1"], torch.ones(1, 3, requires_grad=True)) == [("1", [[1.0, 1.0, 1.0]])]
    assert [part.training for part in module.modules()] == [True, True, True]


def test_a_layer_that_reads_no_tensor_is_refused() -> None:
    with pytest.raises(MergeError, match="'' reads no tensor but list"):
        layer_inputs(
            nn.Identity(),
            [""],
            [torch.ones(2)],
            lambda module, batch: module(batch),
            lambda _layer, _rows: None,
        )
