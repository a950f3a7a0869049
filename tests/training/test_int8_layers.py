import pytest
import torch
from torch import nn
from torch.nn.functional import embedding, linear

from moopt.training.int8_layers import Int8Embedding, Int8Linear, rounded_rows


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def linear_layer(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    layer.weight.data = numbers(outputs, inputs, seed=1)
    layer.bias.data = numbers(outputs, seed=2)
    return layer


def test_rows_are_off_by_half_a_step_at_most() -> None:
    weight = numbers(7, 30) * torch.logspace(-4, 2, 7)[:, None]

    whole, scale = rounded_rows(weight)

    error = (weight - whole * scale[:, None]).abs().amax(dim=1)
    assert bool((error <= scale * 0.5001).all())


def test_a_row_of_zeros_stays_zero() -> None:
    whole, scale = rounded_rows(torch.zeros(2, 3))

    assert (whole * scale[:, None]).abs().max() == 0


@pytest.mark.parametrize(("tokens", "inputs", "outputs"), [(1, 16, 8), (5, 384, 96), (64, 96, 384)])
def test_a_linear_layer_gives_nearly_the_answers_of_floats(
    tokens: int, inputs: int, outputs: int
) -> None:
    layer = linear_layer(inputs, outputs)
    given = numbers(2, tokens, inputs)

    with torch.inference_mode():
        answers, expected = Int8Linear.of(layer)(given), layer(given)

    # 7 bits of the inputs and 8 of the weights; overflow would cost more than a tenth
    assert (answers - expected).abs().max() < 0.03 * expected.abs().max()


def test_rounded_inputs_times_rounded_weights_are_computed_exactly() -> None:
    layer = Int8Linear.of(linear_layer(96, 24))
    given = torch.arange(128.0).repeat(3)[: 4 * 96].reshape(4, 96)  # whole numbers from 0 to 127

    with torch.inference_mode():
        answers = layer(given)

    expected = linear(given.double(), layer.weights().double(), layer.bias.double()).float()
    torch.testing.assert_close(answers, expected, rtol=1e-5, atol=1e-3)


def test_an_embedding_gives_the_rows_of_its_table() -> None:
    table = nn.Embedding(10, 4)
    rows = torch.tensor([[0, 9], [3, 3]])

    small = Int8Embedding.of(table)

    torch.testing.assert_close(small(rows), embedding(rows, small.weights()))


def test_the_state_of_one_layer_makes_another() -> None:
    layer, other = Int8Linear.of(linear_layer(6, 5)), Int8Linear(6, 5)

    other.load_state_dict(layer.state_dict())

    with torch.inference_mode():
        given = numbers(3, 6)
        torch.testing.assert_close(other(given), layer(given))
