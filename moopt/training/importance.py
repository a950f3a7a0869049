"""How much a classifier's answers depend on each attention head and each feed-forward neuron.

Every head and neuron is multiplied by a gate of one. The derivative of the loss by the gate says,
to first order, what closing it would change.

Source: Michel, Levy and Neubig, "Are sixteen heads really better than one?", NeurIPS 2019.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from moopt.training.batches import Batch
from moopt.training.encoder_layers import attention_output, encoder_layers, feed_forward_output


@dataclass(frozen=True, slots=True)
class Importance:
    """Mean absolute derivative of the loss by each gate; larger is more important."""

    heads: Float[Tensor, "layers heads"]
    neurons: Float[Tensor, "layers neurons"]

    def best_heads(self, layer: int, count: int) -> list[int]:
        """Return the most important heads of a layer, in their order in the layer."""
        return _best(self.heads[layer], count)

    def best_neurons(self, layer: int, count: int) -> list[int]:
        """Return the most important neurons of a layer, in their order in the layer."""
        return _best(self.neurons[layer], count)


def importance(model: PreTrainedModel, batches: Sequence[Batch]) -> Importance:
    """Measure a classifier on labelled texts, one backward pass a batch.

    Args:
        model: A BERT classifier; its weights and gradients stay as they are.
        batches: Texts like those that it will meet.

    Raises:
        TrainingError: The model is no BERT classifier.
    """
    layers = encoder_layers(model)
    heads = torch.zeros(len(layers), model.config.num_attention_heads)
    neurons = torch.zeros(len(layers), model.config.intermediate_size)
    texts = 0
    for batch in batches:
        gates = _gates(batch, heads.shape[1], neurons.shape[1], len(layers))
        with _gated(layers, gates), torch.enable_grad():
            logits = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits
            loss = cross_entropy(logits, batch.labels, reduction="sum")
            found = torch.autograd.grad(loss, [gate for pair in gates for gate in pair])
        for index in range(len(layers)):
            heads[index] += found[2 * index].abs().sum(dim=0).cpu()
            neurons[index] += found[2 * index + 1].abs().sum(dim=0).cpu()
        texts += len(batch.labels)
    return Importance(heads / texts, neurons / texts)


def _best(scores: Float[Tensor, " n"], count: int) -> list[int]:
    # stable, so that equal scores keep the first ones
    order = torch.argsort(scores, descending=True, stable=True)
    return sorted(order[:count].tolist())


Gates = tuple[Float[Tensor, "n heads"], Float[Tensor, "n neurons"]]
"""Of one layer. A gate for each text, so that one backward pass gives the derivative for each."""


def _gates(batch: Batch, heads: int, neurons: int, layers: int) -> list[Gates]:
    count, device = len(batch.labels), batch.labels.device
    return [
        (
            torch.ones(count, heads, device=device, requires_grad=True),
            torch.ones(count, neurons, device=device, requires_grad=True),
        )
        for _ in range(layers)
    ]


@contextmanager
def _gated(layers: Iterable[nn.Module], gates: Sequence[Gates]) -> Iterator[None]:
    handles = []
    for layer, (heads, neurons) in zip(layers, gates, strict=True):
        for module, gate in (
            (attention_output(layer), heads),
            (feed_forward_output(layer), neurons),
        ):
            handles.append(module.register_forward_pre_hook(_gating(gate)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _gating(gate: Float[Tensor, "n parts"]) -> Callable[[nn.Module, tuple[Tensor]], Tensor]:
    def multiply(_module: nn.Module, inputs: tuple[Tensor]) -> Tensor:
        (values,) = inputs
        by_part: Tensor = values.unflatten(
            -1, (gate.shape[1], -1)
        )  # n, tokens, parts, size of a part
        gated: Tensor = (by_part * gate[:, None, :, None]).flatten(-2)
        return gated

    return multiply
