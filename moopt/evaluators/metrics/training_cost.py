"""What a training run costs: in operations, which are the same everywhere, or in seconds.

Operations are counted by torch while it takes a step, for three lengths of texts. The cost of a
transformer is a polynomial of degree two in the length, so three tell all others.
"""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from moopt.training.batches import Batch

TERA = 1e12


def training_teraflop(
    model: nn.Module,
    loss: Callable[[nn.Module, Batch], Tensor],
    shapes: Mapping[tuple[int, int], int],
) -> tuple[float, float]:
    """Return the operations of a training run in 10^12, padding included. The standard error is 0.

    A multiplication and an addition are two operations. Only matrix products count, which is
    nearly all that a transformer does.

    Args:
        model: As it is trained: what is frozen costs no backward pass.
        loss: Loss of a batch, as it is trained.
        shapes: How often each shape (texts, tokens) of a batch was trained on.
    """
    longest = max(tokens for _, tokens in shapes)
    probes = sorted({2, (2 + longest) // 2, max(longest, 2)})
    counted = [_operations(model, loss, tokens) for tokens in probes]
    total = sum(
        times * texts * _interpolated(probes, counted, tokens)
        for (texts, tokens), times in shapes.items()
    )
    return total / TERA, 0.0


def _operations(model: nn.Module, loss: Callable[[nn.Module, Batch], Tensor], tokens: int) -> float:
    """Count the operations of one step on one text, and leave the model as it was."""
    device = next(model.parameters()).device
    ids = torch.ones(1, tokens, dtype=torch.long, device=device)
    batch = Batch(ids, ids.clone(), torch.zeros(1, dtype=torch.long, device=device))
    was_training, counter = model.training, FlopCounterMode(display=False)
    gpus = [device] if device.type == "cuda" else []
    # Of attention's ways, torch can count this one on every device.
    with torch.random.fork_rng(devices=gpus), sdpa_kernel(SDPBackend.MATH), counter:
        model.train()
        torch.autograd.backward(loss(model, batch))
    model.train(mode=was_training)
    model.zero_grad(set_to_none=True)
    return float(counter.get_total_flops())


def _interpolated(places: list[int], values: list[float], at: int) -> float:
    """Return the value of the polynomial through some points (Lagrange)."""
    return sum(
        value * math.prod((at - other) / (place - other) for other in places if other != place)
        for place, value in zip(places, values, strict=True)
    )
