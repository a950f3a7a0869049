"""Put the hidden neurons of one model in the order of another's before the two are merged.

Models that were trained from different starts compute alike with neurons in different order, and
the average of such models is a model of averaged strangers. `match_activations` and `match_weights`
find the order, `permute_neurons` carries it out without changing what the model computes. Neurons
of MLP blocks are permuted; attention heads and what is between the blocks stay as they are, so
models whose residual streams differ need a common base all the same.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from moopt.errors import MergeError
from moopt.merging.mlp_blocks import MlpBlock, check_blocks

Permutation = Int[Tensor, " _"]
"""At place i the neuron, in the model that is permuted, that comes to place i."""


def best_permutation(similarity: Float[Tensor, "neurons neurons"]) -> Permutation:
    """Return which neuron of the second model each neuron of the first is matched with.

    The sum of similarities is largest: the assignment problem, solved exactly. Time grows with the
    cube of the number of neurons.

    Source: Li et al., "Convergent learning: do different neural networks learn the same
    representations?", ICLR 2016, bipartite matching.

    Args:
        similarity: Of the first model's neuron i and the second's j at [i, j].

    Raises:
        MergeError: A similarity is not finite.
    """
    if not bool(torch.isfinite(similarity).all()):
        raise MergeError(
            "similarities of neurons are not finite, so weights or activations of a model are not; "
            "run it in float32"
        )
    _, columns = linear_sum_assignment(similarity.double().cpu().numpy(), maximize=True)
    return torch.from_numpy(columns)


def permute_neurons(
    state: Mapping[str, Tensor],
    blocks: Sequence[MlpBlock],
    permutations: Mapping[str, Permutation],
) -> dict[str, Tensor]:
    """Return a model's tensors with the neurons of its MLP blocks in another order.

    The model computes what it computed.

    Args:
        state: The model's tensors by name.
        blocks: Where the neurons are.
        permutations: By the block's name; blocks without one stay as they are.

    Raises:
        MergeError: The blocks do not fit the model, or a permutation is none of the neurons.
    """
    check_blocks(blocks, {name: tuple(tensor.shape) for name, tensor in state.items()})
    return {
        name: permute_tensor(name, tensor, blocks, permutations) for name, tensor in state.items()
    }


def permute_tensor(
    name: str,
    tensor: Tensor,
    blocks: Sequence[MlpBlock],
    permutations: Mapping[str, Permutation],
) -> Tensor:
    """Return one tensor with the neurons in another order, for models that are streamed.

    Args:
        name: The tensor's.
        tensor: It stays as it is.
        blocks: Where the neurons are.
        permutations: By the block's name; blocks without one stay as they are.

    Raises:
        MergeError: A permutation is none of the neurons.
    """
    for block in blocks:
        if name in block.axes and block.name in permutations:
            order = permutations[block.name].cpu()
            count = tensor.shape[block.axes[name]]
            if not torch.equal(order.sort().values, torch.arange(count)):
                raise MergeError(
                    f"the block {block.name!r} has {count} neurons in {name!r}, and its "
                    f"permutation of {len(order)} does not name each of them once"
                )
            tensor = tensor.index_select(block.axes[name], order.to(tensor.device))
    return tensor
