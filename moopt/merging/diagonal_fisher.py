"""Diagonal Fisher information: how much a model's loss bends along each of its parameters."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from moopt.errors import MergeError
from moopt.merging.layer_inputs import evaluating
from moopt.merging.statistics import Kind, Statistics, statistics_in_memory

Batch = TypeVar("Batch")


def diagonal_fisher(
    module: nn.Module,
    batches: Iterable[Batch],
    loss: Callable[[nn.Module, Batch], Float[Tensor, ""]],
) -> Statistics:
    """Return the mean over batches of the squared gradient of each parameter, normalized.

    The gradient is squared batch by batch. With one example a batch that is the Fisher information
    of the examples. With more it is quicker, and smaller than that: the gradients of a batch cancel
    each other before they are squared.

    Which Fisher information it is, the loss decides: the cross-entropy to labels that are drawn
    from the model's own predictions (`sampled_cross_entropy`) gives the true one, as in the paper;
    to the labels of the data, the empirical one.

    The module runs in evaluation mode and is left in the mode it had; gradients that its parameters
    hold stay. Parameters that need no gradient are left out, those that are tied come once, by
    their first name. Memory: as for a step of training without an optimizer, and once the
    parameters in float32.

    Source: Matena and Raffel, "Merging models with Fisher-weighted averaging", NeurIPS 2022.

    Args:
        module: The model.
        batches: What `loss` takes, one after the other; one example each for exact numbers.
        loss: The loss of the module on a batch, a tensor without axes.

    Raises:
        MergeError: There is no batch or no parameter, the loss is no single number, it does not
            depend on any parameter, or a gradient is not finite.
    """
    parameters = {name: each for name, each in module.named_parameters() if each.requires_grad}
    if not parameters:
        raise MergeError("no parameter of the module needs a gradient, so there is no Fisher")
    sums = {name: torch.zeros_like(each, dtype=torch.float32) for name, each in parameters.items()}
    count = 0
    with evaluating(module), torch.enable_grad():
        for batch in batches:
            count += 1
            for name, gradient in _gradients(loss(module, batch), parameters).items():
                sums[name] += gradient.float().square()
    if count == 0:
        raise MergeError("expected at least one batch of data, got none")
    norm = float(torch.stack([each.double().norm().cpu() for each in sums.values()]).norm())
    if norm == 0:
        raise MergeError("all gradients are 0: the loss depends on no parameter of the module")
    return statistics_in_memory(
        Kind.FISHER,
        {name: each / norm for name, each in sums.items()},
        dict.fromkeys(sums, norm / count),
        batches=count,
    )


def sampled_cross_entropy(
    logits: Float[Tensor, "n classes"], generator: torch.Generator
) -> Float[Tensor, ""]:
    """Return the mean cross-entropy to labels drawn from the predictions themselves.

    As the loss of `diagonal_fisher` it gives the true Fisher information, which needs no labels.

    Args:
        logits: One row for each label.
        generator: Where the labels are drawn from; on the device of the logits.
    """
    probabilities = logits.detach().float().softmax(dim=-1)
    labels: Int[Tensor, " n"] = probabilities.multinomial(1, generator=generator).squeeze(-1)
    return nn.functional.cross_entropy(logits.float(), labels)


def _gradients(loss: Tensor, parameters: dict[str, nn.Parameter]) -> dict[str, Tensor]:
    """Return the gradients by name, without those of parameters that the loss does not need."""
    if loss.ndim or not loss.requires_grad:
        raise MergeError(
            f"the loss must be a single number with a gradient, got the shape {tuple(loss.shape)} "
            f"and requires_grad={loss.requires_grad}"
        )
    found = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    gradients = {
        name: gradient
        for name, gradient in zip(parameters, found, strict=True)
        if gradient is not None
    }
    for name, gradient in gradients.items():
        if not bool(torch.isfinite(gradient).all()):
            raise MergeError(
                f"the gradient of {name!r} is not finite; compute in float32 or bfloat16, "
                "and leave out batches without labels"
            )
    return gradients
