"""Match the neurons of two models by what they do on the same data."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from moopt.errors import MergeError
from moopt.merging.alignment import Permutation, best_permutation
from moopt.merging.layer_inputs import Forward, Mask, layer_inputs
from moopt.merging.mlp_blocks import MlpBlock

Batch = TypeVar("Batch")


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums over rows of the activations of two models, which add up from batch to batch.

    In float64, because a correlation is a difference of large sums.
    """

    count: int
    first: Float[Tensor, " n"]
    second: Float[Tensor, " n"]
    first_squared: Float[Tensor, " n"]
    second_squared: Float[Tensor, " n"]
    products: Float[Tensor, "n n"]

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(
            self.count + other.count,
            self.first + other.first,
            self.second + other.second,
            self.first_squared + other.first_squared,
            self.second_squared + other.second_squared,
            self.products + other.products,
        )

    def correlation(self) -> Float[Tensor, "n n"]:
        """Return the correlation of neuron i of the first model with j of the second at [i, j].

        A neuron that never varies correlates with none.
        """
        means = self.first / self.count, self.second / self.count
        covariance = self.products / self.count - torch.outer(*means)
        spread = torch.outer(
            _deviations(self.first_squared / self.count, means[0]),
            _deviations(self.second_squared / self.count, means[1]),
        )
        still = spread == 0
        return torch.where(still, 0.0, covariance / torch.where(still, 1.0, spread))


def moments(first: Float[Tensor, "rows n"], second: Float[Tensor, "rows n"]) -> Moments:
    """Return the moments of activations that both models had on the same rows.

    Args:
        first: Of the first model, a neuron a column.
        second: Of the second model.
    """
    one, two = first.double(), second.double()
    return Moments(
        len(one), one.sum(0), two.sum(0), one.square().sum(0), two.square().sum(0), one.T @ two
    )


def match_activations(
    first: nn.Module,
    second: nn.Module,
    blocks: Sequence[MlpBlock],
    batches: Iterable[Batch],
    forward: Forward[Batch],
    *,
    mask: Mask[Batch] | None = None,
) -> dict[str, Permutation]:
    """Return the order in which the second model's neurons are most like the first's.

    Alike are neurons whose activations correlate over the data. A block's activations are what its
    reader reads, after nonlinearity and gate. Memory: for each block one number in float64 for each
    pair of neurons; large models can be matched some blocks at a time.

    Source: Li et al., "Convergent learning: do different neural networks learn the same
    representations?", ICLR 2016; Ainsworth et al., "Git Re-Basin: merging models modulo permutation
    symmetries", ICLR 2023.

    Args:
        first: The model whose order is taken.
        second: The model that is to be permuted.
        blocks: Their MLP blocks.
        batches: Data that both models run on; no labels are needed.
        forward: Runs a module on a batch.
        mask: Which rows count, so that padding does not. None: all.

    Raises:
        MergeError: There are no batches, a block's reader is missing or was not called, or the
            models have different numbers of neurons.
    """
    sums: dict[str, Moments] = {}
    readers = {block.reader for block in blocks}
    for batch in batches:
        found = [_inputs(module, readers, batch, forward, mask) for module in (first, second)]
        for reader in found[0]:
            if found[0][reader].shape != found[1][reader].shape:
                raise MergeError(
                    f"the layer {reader!r} reads {tuple(found[0][reader].shape)} in the first "
                    f"model and {tuple(found[1][reader].shape)} in the second; only models of one "
                    "size can be aligned"
                )
            new = moments(found[0][reader], found[1][reader])
            sums[reader] = sums[reader] + new if reader in sums else new
    idle = [block for block in blocks if block.reader not in sums or not sums[block.reader].count]
    if idle:
        raise MergeError(
            f"the layer {idle[0].reader!r} of the block {idle[0].name!r} read no rows; give at "
            "least one batch, to a module that calls this layer"
        )
    return {block.name: best_permutation(sums[block.reader].correlation()) for block in blocks}


def _inputs(
    module: nn.Module,
    layers: Iterable[str],
    batch: Batch,
    forward: Forward[Batch],
    mask: Mask[Batch] | None,
) -> Mapping[str, Float[Tensor, "_ _"]]:
    rows: dict[str, list[Tensor]] = {}

    def take(layer: str, inputs: Float[Tensor, "rows neurons"]) -> None:
        rows.setdefault(layer, []).append(inputs)

    layer_inputs(module, layers, batch, forward, take, mask=mask)
    return {layer: torch.cat(parts) for layer, parts in rows.items()}


def _deviations(squares: Float[Tensor, " n"], means: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Return standard deviations, 0 where there is nothing but rounding."""
    variances = squares - means.square()
    return torch.where(variances <= 1e-12 * squares, 0.0, variances).sqrt()
