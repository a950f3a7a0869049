from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from moopt.errors import MergeError
from moopt.merging.activation_matching import match_activations, moments
from moopt.merging.alignment import best_permutation, permute_neurons
from moopt.merging.mlp_blocks import MlpBlock
from moopt.merging.weight_matching import match_weights

BLOCKS = [
    MlpBlock("one", {"0.weight": 0, "0.bias": 0, "2.weight": 1}, reader="2"),
    MlpBlock("two", {"2.weight": 0, "2.bias": 0, "4.weight": 1}, reader="4"),
]
SEEDS = st.integers(0, 1000)
few = settings(deadline=None, max_examples=10)


def network(seed: int, *, hidden: int = 7) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(5, hidden),
            nn.Tanh(),
            nn.Linear(hidden, 6),
            nn.Tanh(),
            nn.Linear(6, 3),
        )


def shuffled(module: nn.Module, seed: int) -> tuple[nn.Sequential, dict[str, Tensor]]:
    """Return a copy with its neurons in another order, and this order."""
    generator = torch.Generator().manual_seed(seed)
    orders = {
        name: torch.randperm(size, generator=generator) for name, size in (("one", 7), ("two", 6))
    }
    copy = network(0)
    copy.load_state_dict(permute_neurons(module.state_dict(), BLOCKS, orders))
    return copy, orders


def run(module: nn.Module, batch: Tensor) -> None:
    module(batch)


def data(seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(20, 5, generator=generator) for _ in range(3)]


def equal(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[name], two[name]) for name in one)


@few
@given(SEEDS, st.integers(1, 5))
def test_no_order_has_more_similarity(seed: int, count: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    similarity = torch.randint(-5, 6, (count, count), generator=generator).float()

    found = best_permutation(similarity)

    totals = [
        sum(float(similarity[place, neuron]) for place, neuron in enumerate(order))
        for order in permutations(range(count))
    ]
    assert float(similarity[torch.arange(count), found].sum()) == max(totals)
    assert sorted(found.tolist()) == list(range(count))


@few
@given(SEEDS, SEEDS)
def test_a_permuted_network_computes_the_same(seed: int, order: int) -> None:
    module = network(seed)
    inputs = data(seed)[0]

    copy, _ = shuffled(module, order)

    torch.testing.assert_close(copy(inputs), module(inputs))


@few
@given(SEEDS, SEEDS)
def test_by_activations_a_shuffled_copy_is_put_in_order_exactly(seed: int, order: int) -> None:
    module = network(seed)
    copy, _ = shuffled(module, order)

    found = match_activations(module, copy, BLOCKS, data(), run)

    state = permute_neurons(copy.state_dict(), BLOCKS, found)
    assert equal(state, dict(module.state_dict()))


@few
@given(SEEDS, SEEDS)
def test_by_weights_a_block_of_its_own_is_put_in_order_exactly(seed: int, order: int) -> None:
    module = network(seed)
    generator = torch.Generator().manual_seed(order)
    orders = {"one": torch.randperm(7, generator=generator)}
    copy = permute_neurons(module.state_dict(), BLOCKS[:1], orders)

    found = match_weights(module.state_dict(), copy, BLOCKS[:1])

    assert equal(permute_neurons(copy, BLOCKS, found), dict(module.state_dict()))


def distance(one: dict[str, Tensor], two: dict[str, Tensor]) -> float:
    return sum(float((one[name] - two[name]).square().sum()) for name in one)


@few
@given(SEEDS)
def test_by_weights_no_exchange_of_two_neurons_comes_nearer(seed: int) -> None:
    first, second = network(seed).state_dict(), network(seed + 1).state_dict()

    found = match_weights(first, second, BLOCKS)

    aligned = permute_neurons(second, BLOCKS, found)
    nearest = distance(first, aligned)
    assert nearest <= distance(first, second) + 1e-6
    for exchange in permutations(range(6), 2):
        order = torch.arange(6)
        order[list(exchange)] = order[list(exchange[::-1])]
        other = permute_neurons(aligned, BLOCKS, {"two": order})
        assert distance(first, other) >= nearest - 1e-5


@few
@given(SEEDS)
def test_correlations_are_those_of_numpy(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    first, second = (3 + torch.randn(12, 4, generator=generator) for _ in range(2))

    found = moments(first[:5], second[:5]) + moments(first[5:], second[5:])

    expected = np.corrcoef(first.double().T.numpy(), second.double().T.numpy())[:4, 4:]
    torch.testing.assert_close(found.correlation(), torch.from_numpy(expected))


def test_a_neuron_that_never_varies_correlates_with_none() -> None:
    first = torch.tensor([[0.1, 1.0], [0.1, 2.0], [0.1, 3.0]])

    correlation = moments(first, first).correlation()

    torch.testing.assert_close(correlation, torch.diag(torch.tensor([0.0, 1.0])).double())


def test_padding_does_not_count() -> None:
    module = network(0)
    copy, _ = shuffled(module, 1)

    # on the padding rows the copy gets other inputs
    def forward(each: nn.Module, batch: Tensor) -> None:
        rows = batch.clone()
        rows[10:] = 100.0 * (each is copy)
        each(rows)

    found = match_activations(
        module, copy, BLOCKS, data(), forward, mask=lambda _batch, _layer: torch.arange(20) < 10
    )

    state = permute_neurons(copy.state_dict(), BLOCKS, found)
    assert equal(state, dict(module.state_dict()))


def test_a_permutation_that_is_none_is_refused() -> None:
    with pytest.raises(MergeError, match="does not name each of them once"):
        permute_neurons(
            network(0).state_dict(), BLOCKS, {"one": torch.tensor([0, 0, 1, 2, 3, 4, 5])}
        )


def test_models_of_different_sizes_are_refused() -> None:
    with pytest.raises(MergeError, match="only models of one size can be aligned"):
        match_activations(network(0), network(0, hidden=8), BLOCKS, data(), run)
    with pytest.raises(MergeError, match="only models of one size can be aligned"):
        match_weights(network(0).state_dict(), network(0, hidden=8).state_dict(), BLOCKS)


def test_a_match_without_data_is_refused() -> None:
    with pytest.raises(MergeError, match="'2' of the block 'one' read no rows"):
        match_activations(network(0), network(1), BLOCKS, [], run)


def test_a_reader_that_is_not_there_is_refused() -> None:
    block = MlpBlock("one", {"0.weight": 0, "2.weight": 1}, reader="7")

    with pytest.raises(MergeError, match="no layer '7'"):
        match_activations(network(0), network(1), [block], data(), run)


def test_activations_that_are_not_finite_are_refused() -> None:
    with pytest.raises(MergeError, match="not finite"):
        match_activations(network(0), network(1), BLOCKS, [torch.full((2, 5), torch.nan)], run)
