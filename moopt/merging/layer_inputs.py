"""The inputs of chosen layers while a model runs, as rows and without padding."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from moopt.errors import MergeError

Batch = TypeVar("Batch")

Forward = Callable[[nn.Module, Batch], object]
"""Runs a module on a batch. What it returns is not looked at."""

Mask = Callable[[Batch, str], Tensor | None]
"""Tells which rows of a layer's inputs count, given the batch and the layer's name.

A mask has the shape of the layer's inputs without the last axis, as an `attention_mask` has, and is
0 or false where a row does not count. None: all rows count, as they do where a layer has one row
for each text and the mask one for each token.
"""


def layer_inputs(
    module: nn.Module,
    layers: Iterable[str],
    batch: Batch,
    forward: Forward[Batch],
    take: Callable[[str, Float[Tensor, "rows inputs"]], None],
    *,
    mask: Mask[Batch] | None = None,
) -> None:
    """Run a module on one batch and hand over what its layers read, layer by layer.

    The module runs in evaluation mode and without gradients, and is left in the mode it had. Only
    layers that are called are seen: some modules, such as `nn.MultiheadAttention`, use the weights
    of their layers without calling them.

    Args:
        module: The model.
        layers: Names of the layers in it.
        batch: What `forward` takes.
        forward: Runs the module on the batch.
        take: Gets a layer's name and the rows that it read, once for each call of the layer.
        mask: Which rows count. None: all.

    Raises:
        MergeError: There is no such layer, or a mask does not fit a layer's inputs.
    """
    found = dict(module.named_modules(remove_duplicate=False))
    hooks = []
    try:
        for layer in layers:
            if layer not in found:
                raise MergeError(f"the model has no layer {layer!r}; take a name of named_modules")
            hooks.append(
                found[layer].register_forward_pre_hook(
                    _hook(layer, batch, take, mask), with_kwargs=True
                )
            )
        with evaluating(module), torch.no_grad():
            forward(module, batch)
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode, and each of its parts back into the mode it had."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def _hook(
    layer: str,
    batch: Batch,
    take: Callable[[str, Float[Tensor, "rows inputs"]], None],
    mask: Mask[Batch] | None,
) -> Callable[[nn.Module, tuple[object, ...], Mapping[str, object]], None]:
    def hand_over(
        _module: nn.Module, positional: tuple[object, ...], named: Mapping[str, object]
    ) -> None:
        inputs = (*positional, *named.values())[0]
        if not isinstance(inputs, Tensor):
            raise MergeError(f"the layer {layer!r} reads no tensor but {type(inputs).__name__}")
        take(layer, _counting_rows(inputs, None if mask is None else mask(batch, layer), layer))

    return hand_over


def _counting_rows(
    inputs: Float[Tensor, "*leading inputs"], mask: Tensor | None, layer: str
) -> Float[Tensor, "rows inputs"]:
    leading = inputs.shape[:-1]
    if mask is None or (len(leading) < mask.ndim and leading == mask.shape[: len(leading)]):
        return inputs.reshape(-1, inputs.shape[-1])
    if leading != mask.shape:
        raise MergeError(
            f"the mask for the layer {layer!r} has the shape {tuple(mask.shape)}, its inputs have "
            f"{tuple(inputs.shape)}; a mask needs the shape of the inputs without the last axis"
        )
    return inputs[mask.to(inputs.device).bool()]
