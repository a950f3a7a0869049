"""Cut a BERT classifier: fewer layers, heads and neurons, and int8 weights for some of the rest.

What is cut is gone: matrices become smaller. Importance decides which heads and neurons stay.
Attention keeps its head size, so a layer with fewer heads is narrower inside only.
"""

import copy
import enum
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel

from moopt.errors import TrainingError
from moopt.training.encoder_layers import (
    ATTENTION_INPUTS,
    ATTENTION_OUTPUT,
    FEED_FORWARD_INPUT,
    FEED_FORWARD_OUTPUT,
    LAYERS,
    LINEAR,
    WORDS,
    encoder_layers,
)
from moopt.training.importance import Importance
from moopt.training.int8_layers import Int8Embedding, Int8Linear


class Precision(enum.Enum):
    """How a weight is kept."""

    FLOAT32 = "float32"
    INT8 = "int8"


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """What becomes of a layer that is kept."""

    source: int
    """Its place in the uncut model, from 0."""

    heads: int
    neurons: int
    precision: Precision = Precision.FLOAT32
    """Of its six matrices."""


@dataclass(frozen=True, slots=True)
class CompressionPlan:
    """What is kept of a classifier.

    Raises:
        TrainingError: No layer is kept, layers are out of order, or one has no head or neuron.
    """

    layers: tuple[LayerPlan, ...]
    embeddings: Precision = Precision.FLOAT32
    """Of the table of words, which has most of the weights of a small encoder."""

    def __post_init__(self) -> None:
        sources = [layer.source for layer in self.layers]
        if not sources or sources != sorted(set(sources)) or sources[0] < 0:
            raise TrainingError(
                f"a plan needs one layer or more, from the lowest up, got the layers {sources}"
            )
        for layer in self.layers:
            if layer.heads < 1 or layer.neurons < 1:
                raise TrainingError(
                    f"layer {layer.source} needs one head and one neuron or more, got "
                    f"{layer.heads} and {layer.neurons}; to drop the layer leave it out"
                )


def cut(model: PreTrainedModel, plan: CompressionPlan, scores: Importance) -> PreTrainedModel:
    """Return a classifier with the planned layers, heads and neurons, in float32.

    Args:
        model: A BERT classifier that is whole; it stays as it is.
        plan: What to keep; its precisions are `quantize`'s business.
        scores: Of the same model.

    Raises:
        TrainingError: The model is no BERT classifier, or has less than the plan keeps.
    """
    _check(model, plan)
    head_size = model.config.hidden_size // model.config.num_attention_heads
    smaller = copy.deepcopy(model)
    layers = encoder_layers(smaller)
    kept = []
    for layer_plan in plan.layers:
        layer = layers[layer_plan.source]
        heads = scores.best_heads(layer_plan.source, layer_plan.heads)
        rows = [head * head_size + row for head in heads for row in range(head_size)]
        _keep(layer, ATTENTION_INPUTS, ATTENTION_OUTPUT, rows)
        neurons = scores.best_neurons(layer_plan.source, layer_plan.neurons)
        _keep(layer, (FEED_FORWARD_INPUT,), FEED_FORWARD_OUTPUT, neurons)
        kept.append(layer)
    smaller.set_submodule(LAYERS, nn.ModuleList(kept))
    smaller.config.num_hidden_layers = len(kept)
    smaller.config.intermediate_size = max(layer.neurons for layer in plan.layers)
    return smaller


def quantize(model: PreTrainedModel, plan: CompressionPlan) -> None:
    """Put the parts of a cut model that the plan wants as int8 in int8, in place."""
    for index, layer in enumerate(plan.layers):
        if layer.precision is Precision.INT8:
            for name in LINEAR:
                full = f"{LAYERS}.{index}.{name}"
                model.set_submodule(full, Int8Linear.of(_linear(model, full)))
    if plan.embeddings is Precision.INT8:
        words = model.get_submodule(WORDS)
        if not isinstance(words, nn.Embedding):
            raise TrainingError("the table of words is int8 already; quantize a cut model once")
        model.set_submodule(WORDS, Int8Embedding.of(words))


def _check(model: PreTrainedModel, plan: CompressionPlan) -> None:
    has = (
        len(encoder_layers(model)),
        model.config.num_attention_heads,
        model.config.intermediate_size,
    )
    wanted = (
        plan.layers[-1].source + 1,
        max(layer.heads for layer in plan.layers),
        max(layer.neurons for layer in plan.layers),
    )
    if any(more > there for more, there in zip(wanted, has, strict=True)):
        raise TrainingError(
            f"the plan keeps more than there is: layers, heads and neurons {wanted}, the model "
            f"has {has}"
        )


def _keep(layer: nn.Module, inputs: Sequence[str], output: str, numbers: Sequence[int]) -> None:
    """Keep some of the numbers that pass from linear layers to another, in place."""
    chosen = torch.tensor(numbers)
    for name in inputs:
        whole = _linear(layer, name)
        layer.set_submodule(name, _with(whole.weight[chosen], whole.bias[chosen]))
    whole = _linear(layer, output)
    layer.set_submodule(output, _with(whole.weight[:, chosen], whole.bias))


def _linear(module: nn.Module, name: str) -> nn.Linear:
    found = module.get_submodule(name)
    if not isinstance(found, nn.Linear):
        raise TrainingError(f"{name} is a {type(found).__name__}, not a linear layer in float32")
    return found


def _with(weight: torch.Tensor, bias: torch.Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    layer.weight = nn.Parameter(weight.detach().clone())
    layer.bias = nn.Parameter(bias.detach().clone())
    return layer
