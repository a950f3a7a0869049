"""Match the neurons of two models by their weights, without any data."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.errors import MergeError
from moopt.merging.alignment import Permutation, best_permutation, permute_tensor
from moopt.merging.mlp_blocks import MlpBlock, check_blocks


def match_weights(
    first: Mapping[str, Tensor], second: Mapping[str, Tensor], blocks: Sequence[MlpBlock]
) -> dict[str, Permutation]:
    """Return the order in which the second model's weights are nearest to the first's.

    One block after the other gets the order that is best given those of the others, until none
    changes. Blocks that share no tensor, as those of transformers, are all optimal after one round;
    layers of a plain network depend on each other, and end where no single one can be bettered.

    Source: Ainsworth et al., "Git Re-Basin: merging models modulo permutation symmetries",
    ICLR 2023, algorithm 1, with the layers in the given order instead of a random one.

    Args:
        first: Tensors of the model whose order is taken.
        second: Tensors of the model that is to be permuted.
        blocks: Their MLP blocks.

    Raises:
        MergeError: The blocks do not fit the models, or their tensors have different shapes.
    """
    for state in (first, second):
        check_blocks(blocks, {name: tuple(tensor.shape) for name, tensor in state.items()})
    for name in {name for block in blocks for name in block.axes}:
        if first[name].shape != second[name].shape:
            raise MergeError(
                f"{name!r} has the shape {tuple(first[name].shape)} in the first model and "
                f"{tuple(second[name].shape)} in the second; only models of one size can be aligned"
            )
    orders = {block.name: torch.arange(_neurons(first, block)) for block in blocks}
    changed = True
    while changed:  # each change brings the models nearer, so there is a last one
        changed = False
        for block in blocks:
            others = {name: order for name, order in orders.items() if name != block.name}
            similarity = _similarity(first, second, blocks, block, others)
            order = best_permutation(similarity)
            if _gain(similarity, orders[block.name], order) > 0:
                orders[block.name] = order
                changed = True
    return orders


def _similarity(
    first: Mapping[str, Tensor],
    second: Mapping[str, Tensor],
    blocks: Sequence[MlpBlock],
    block: MlpBlock,
    others: Mapping[str, Permutation],
) -> Float[Tensor, "neurons neurons"]:
    """Return the inner products of what belongs to a neuron of the first and of the second."""
    count = _neurons(first, block)
    similarity = torch.zeros(count, count, dtype=torch.float64)
    for name, axis in block.axes.items():
        permuted = permute_tensor(name, second[name], blocks, others)
        one, two = (
            tensor.double().cpu().movedim(axis, 0).reshape(count, -1)
            for tensor in (first[name], permuted)
        )
        similarity += one @ two.T
    return similarity


def _neurons(state: Mapping[str, Tensor], block: MlpBlock) -> int:
    return next(state[name].shape[axis] for name, axis in block.axes.items())


def _gain(
    similarity: Float[Tensor, "neurons neurons"], old: Permutation, new: Permutation
) -> float:
    """Return how much more similarity an order has, 0 for differences of rounding.

    Without the latter, orders that are equally good would replace each other for ever.
    """
    places = torch.arange(len(old))
    gain = float((similarity[places, new] - similarity[places, old]).sum())
    return gain if gain > 1e-12 * float(similarity.abs().sum()) else 0.0
