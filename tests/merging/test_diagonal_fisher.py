import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from moopt.errors import MergeError
from moopt.merging.diagonal_fisher import diagonal_fisher, sampled_cross_entropy
from moopt.merging.statistics import Kind, Statistics

Example = tuple[Tensor, Tensor]


def classifier(seed: int) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Dropout(0.5), nn.Linear(4, 2))


def examples(seed: int, count: int) -> list[Example]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (torch.randn(1, 3, generator=generator), torch.randint(2, (1,), generator=generator))
        for _ in range(count)
    ]


def cross_entropy(module: nn.Module, example: Example) -> Tensor:
    inputs, labels = example
    return nn.functional.cross_entropy(module(inputs), labels)


def raw(statistics: Statistics) -> dict[str, Tensor]:
    return {name: statistics.load(name) * statistics.divisors[name] for name in statistics.tensors}


def by_backward(module: nn.Module, data: list[Example]) -> dict[str, Tensor]:
    """Return the mean squared gradients, one backward pass an example, in float64."""
    sums = {name: torch.zeros_like(each).double() for name, each in module.named_parameters()}
    module.eval()
    for example in data:
        module.zero_grad()
        cross_entropy(module, example).backward()
        for name, parameter in module.named_parameters():
            assert parameter.grad is not None
            sums[name] += parameter.grad.double() ** 2
    return {name: each / len(data) for name, each in sums.items()}


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 100), st.integers(1, 5))
def test_it_is_the_mean_squared_gradient_over_its_norm(seed: int, count: int) -> None:
    module, data = classifier(seed), examples(seed, count)

    found = diagonal_fisher(module, data, cross_entropy)

    slow = by_backward(module, data)
    norm = torch.cat([each.flatten() for each in slow.values()]).norm()
    torch.testing.assert_close(
        {name: found.load(name) for name in found.tensors},
        {name: (slow[name] / norm).float() for name in sorted(slow)},
    )
    torch.testing.assert_close(raw(found), {name: slow[name].float() for name in sorted(slow)})
    assert (found.kind, found.batches) == (Kind.FISHER, count)


def test_logistic_regression_has_the_fisher_of_the_textbook() -> None:
    module = nn.Linear(2, 2, bias=False)
    nn.init.zeros_(module.weight)  # both classes have the probability 1/2
    data = [(torch.tensor([[1.0, 3.0]]), torch.tensor([0]))]

    found = raw(diagonal_fisher(module, data, cross_entropy))

    # (p - y)² x², the same for both labels
    assert found["weight"].tolist() == [[0.25, 2.25], [0.25, 2.25]]


def test_sampled_labels_give_the_true_fisher() -> None:
    module = nn.Linear(2, 3)
    inputs = torch.tensor([[1.0, -2.0]])
    generator = torch.Generator().manual_seed(0)

    def sampled(model: nn.Module, batch: Tensor) -> Tensor:
        return sampled_cross_entropy(model(batch), generator)

    found = raw(diagonal_fisher(module, [inputs] * 2000, sampled))

    # for each output E (p − y)² = p (1 − p), times the squared input
    chances = module(inputs).softmax(-1)[0].detach()
    expected = (chances * (1 - chances))[:, None] * inputs.square()
    torch.testing.assert_close(found["weight"], expected, rtol=0.15, atol=0)


def test_a_batch_is_squared_after_its_gradients_are_averaged() -> None:
    module = classifier(0)
    (first, label), (second, other) = examples(1, 2)
    batch = (torch.cat([first, second]), torch.cat([label, other]))

    found = raw(diagonal_fisher(module, [batch], cross_entropy))

    module.zero_grad()
    cross_entropy(module.eval(), batch).backward()
    gradient = module[0].weight.grad
    assert isinstance(gradient, Tensor)
    torch.testing.assert_close(found["0.weight"], gradient.square())


def test_the_module_is_left_as_it_was() -> None:
    module = classifier(0).train()
    module[2].eval()
    module[0].weight.grad = torch.ones(4, 3)
    before = {name: each.clone() for name, each in module.state_dict().items()}

    diagonal_fisher(module, examples(0, 2), cross_entropy)

    assert [part.training for part in module] == [True, True, False, True]
    assert torch.equal(module[0].weight.grad, torch.ones(4, 3))
    assert module[3].weight.grad is None
    assert all(torch.equal(before[name], each) for name, each in module.state_dict().items())


def test_tied_weights_come_once_and_frozen_ones_not() -> None:
    module = classifier(0)
    module.append(nn.Linear(2, 4))
    module.append(nn.Linear(4, 2))
    module[5].weight = module[3].weight
    module[0].weight.requires_grad_(False)

    with torch.no_grad():  # the caller's mode does not matter
        found = diagonal_fisher(module, examples(0, 2), cross_entropy)

    assert sorted(found.tensors) == [
        "0.bias",
        "3.bias",
        "3.weight",
        "4.bias",
        "4.weight",
        "5.bias",
    ]


def test_a_parameter_that_the_loss_does_not_need_has_the_fisher_zero() -> None:
    module = nn.ModuleDict({"used": nn.Linear(2, 1), "unused": nn.Linear(2, 1)})

    def loss(model: nn.Module, batch: Tensor) -> Tensor:
        assert isinstance(model, nn.ModuleDict)
        outputs: Tensor = model["used"](batch)
        return outputs.sum()

    found = diagonal_fisher(module, [torch.ones(1, 2)], loss)

    assert found.load("unused.weight").tolist() == [[0.0, 0.0]]
    assert bool((found.load("used.weight") > 0).all())


def test_no_batches_are_refused() -> None:
    with pytest.raises(MergeError, match="at least one batch"):
        diagonal_fisher(classifier(0), [], cross_entropy)


def test_a_module_without_trainable_parameters_is_refused() -> None:
    with pytest.raises(MergeError, match="no parameter"):
        diagonal_fisher(classifier(0).requires_grad_(False), [], cross_entropy)


def test_a_gradient_that_is_not_finite_is_refused() -> None:
    with pytest.raises(MergeError, match=r"gradient of '0\.weight' is not finite"):
        diagonal_fisher(classifier(0), [(torch.full((1, 3), 1e38), torch.tensor([0]))], overflowing)


def overflowing(module: nn.Module, example: Example) -> Tensor:
    assert isinstance(module, nn.Sequential)
    linear = module[0]
    assert isinstance(linear, nn.Linear)
    return (linear.weight * example[0] * 1e38).sum()


def test_a_loss_that_is_no_single_number_is_refused() -> None:
    def losses(module: nn.Module, example: Example) -> Tensor:
        return nn.functional.cross_entropy(module(example[0]), example[1]).detach()

    with pytest.raises(MergeError, match="requires_grad=False"):
        diagonal_fisher(classifier(0), examples(0, 1), losses)


def test_a_loss_without_slope_is_refused() -> None:
    def flat(module: nn.Module, example: Example) -> Tensor:
        return 0 * cross_entropy(module, example)

    with pytest.raises(MergeError, match="all gradients are 0"):
        diagonal_fisher(classifier(0), examples(0, 1), flat)
