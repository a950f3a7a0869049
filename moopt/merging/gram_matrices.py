"""Gram matrices of the inputs of linear layers, which tell RegMean what a layer is used on."""

from collections.abc import Iterable
from typing import TypeVar

from jaxtyping import Float
from torch import Tensor, nn

from moopt.errors import MergeError
from moopt.merging.layer_inputs import Forward, Mask, layer_inputs
from moopt.merging.statistics import Kind, Statistics, statistics_in_memory

Batch = TypeVar("Batch")


def gram_matrices(
    module: nn.Module,
    batches: Iterable[Batch],
    forward: Forward[Batch],
    *,
    mask: Mask[Batch] | None = None,
    inputs_first: tuple[type[nn.Module], ...] = (),
) -> Statistics:
    """Return `XᵀX` over the number of rows of `X`, the inputs of each linear layer.

    Sums are in float32. Layers that share one weight share one matrix. A weight that something
    other than a linear layer uses too, such as an embedding that is tied to the head, has none: the
    best head is not the best embedding. Neither has a layer that was never called.

    Source: Jin et al., "Dataless knowledge fusion by merging weights of language models",
    ICLR 2023.

    Args:
        module: The model.
        batches: What `forward` takes, one after the other.
        forward: Runs the module on a batch.
        mask: Which rows of a layer's inputs count, so that padding does not. None: all.
        inputs_first: Other layers that multiply rows by a matrix, which they store as inputs ×
            outputs, such as `transformers.pytorch_utils.Conv1D`. Their weights are named in
            `Statistics.inputs_first`.

    Raises:
        MergeError: There is no batch, no linear layer was called, a layer is a `Conv1D` and was not
            announced, or a mask does not fit.
    """
    weights = _weights_of_layers(module, inputs_first)
    sums: dict[str, Tensor] = {}
    rows: dict[str, float] = {}

    def take(layer: str, inputs: Float[Tensor, "rows inputs"]) -> None:
        name = weights[layer]
        product = inputs.float().T @ inputs.float()
        sums[name] = sums[name] + product if name in sums else product
        rows[name] = rows.get(name, 0.0) + len(inputs)

    count = 0
    for batch in batches:
        count += 1
        layer_inputs(module, weights, batch, forward, take, mask=mask)
    called = [name for name, number in rows.items() if number > 0]
    if not called:
        raise MergeError(
            f"no rows of inputs in {count} batches for {len(weights)} linear layers; give batches "
            "whose masks are not 0 everywhere, to a module that calls its layers"
        )
    announced = {layer for layer, part in module.named_modules() if isinstance(part, inputs_first)}
    return statistics_in_memory(
        Kind.GRAM,
        {name: sums[name] / rows[name] for name in called},
        {name: rows[name] for name in called},
        batches=count,
        inputs_first=frozenset(weights[layer] for layer in announced & set(weights)) & set(called),
    )


def _weights_of_layers(
    module: nn.Module, inputs_first: tuple[type[nn.Module], ...]
) -> dict[str, str]:
    """Return the name of the weight of each linear layer, by the layer's name."""
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    kinds: tuple[type[nn.Module], ...] = (nn.Linear, *inputs_first)
    layers: dict[str, str] = {}
    elsewhere: set[str] = set()
    for layer, part in module.named_modules():
        own = {key: names[id(each)] for key, each in part.named_parameters(recurse=False)}
        if isinstance(part, kinds):
            if "weight" in own:
                layers[layer] = own["weight"]
            continue
        if type(part).__name__ == "Conv1D":
            raise MergeError(
                f"the layer {layer!r} is a Conv1D, whose weight is stored with its inputs first; "
                "pass inputs_first=(Conv1D,)"
            )
        elsewhere |= set(own.values())
    return {layer: name for layer, name in layers.items() if name not in elsewhere}
