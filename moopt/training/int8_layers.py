"""Linear layers and embeddings whose weights are int8, with one scale for each row.

A linear layer rounds its inputs to whole numbers when it sees them (dynamic quantisation) and
multiplies integers, by oneDNN. It takes 7 bits of the inputs: with 8, processors without VNNI
overflow when they add two products to 16 bits, and the answers are off by a tenth of their range.
Where oneDNN does not compute, such as on a GPU, weights are int8 in memory and the arithmetic is
that of floating point.
"""

import torch
from jaxtyping import Float, Int, Int8
from torch import Tensor, nn
from torch.nn.functional import linear

INPUT_LEVELS = 127
"""Largest whole number that an input becomes; the smallest is 0."""

WEIGHT_LEVELS = 127
TINIEST = 1e-12
"""The scale of a row of zeros."""


def rounded_rows(
    weight: Float[Tensor, "rows columns"],
) -> tuple[Int8[Tensor, "rows columns"], Float[Tensor, " rows"]]:
    """Return a matrix as int8 and the scale of each row: `weight ≈ scale · int8`.

    The error is at most half a scale. Rows are rounded apart, so that large numbers in one do not
    coarsen the others.
    """
    scale = (weight.abs().amax(dim=1) / WEIGHT_LEVELS).clamp_min(TINIEST)
    return (weight / scale[:, None]).round().to(torch.int8), scale


class Int8Linear(nn.Module):
    """A linear layer for inference with int8 weights."""

    weight: Tensor
    scale: Tensor
    bias: Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        """Make a layer of zeros; weights come from `of` or from a state."""
        super().__init__()
        self.register_buffer("weight", torch.zeros(outputs, inputs, dtype=torch.int8))
        self.register_buffer("scale", torch.zeros(outputs))
        self.register_buffer("bias", torch.zeros(outputs))
        self._packed: Tensor | None = None

    @classmethod
    def of(cls, layer: nn.Linear) -> "Int8Linear":
        """Return a layer with the weights of another, rounded to int8."""
        made = cls(layer.in_features, layer.out_features)
        made.weight, made.scale = rounded_rows(layer.weight.detach().float())
        if layer.bias is not None:
            made.bias = layer.bias.detach().float().clone()
        return made

    def weights(self) -> Float[Tensor, "outputs inputs"]:
        """Return what the int8 weights stand for."""
        return self.weight * self.scale[:, None]

    def forward(self, inputs: Float[Tensor, "*batch inputs"]) -> Float[Tensor, "*batch outputs"]:
        """Return `inputs · weightsᵀ + bias`."""
        if inputs.device.type != "cpu" or not torch.backends.mkldnn.is_available():
            return linear(inputs, self.weights(), self.bias)
        lowest, highest = (float(end) for end in torch.aminmax(inputs))
        lowest, highest = min(lowest, 0.0), max(highest, 0.0)  # 0, such as padding, stays exact
        scale = max((highest - lowest) / INPUT_LEVELS, TINIEST)
        zero = round(-lowest / scale)
        whole = (inputs * (1 / scale) + (zero + 0.5)).to(torch.uint8)  # the half makes it round
        if self._packed is None:
            self._packed = torch.ops.onednn.qlinear_prepack(self.weight, None)
        multiplied: Tensor = torch.ops.onednn.qlinear_pointwise(
            whole,
            scale,
            zero,
            self._packed,
            self.scale,
            torch.zeros(len(self.scale), dtype=torch.int64),
            self.bias,
            1.0,
            0,
            torch.float32,
            "none",
            [],
            "",
        )
        return multiplied


class Int8Embedding(nn.Module):
    """A table of vectors for inference with int8 numbers."""

    weight: Tensor
    scale: Tensor

    def __init__(self, rows: int, width: int) -> None:
        """Make a table of zeros; numbers come from `of` or from a state."""
        super().__init__()
        self.register_buffer("weight", torch.zeros(rows, width, dtype=torch.int8))
        self.register_buffer("scale", torch.zeros(rows))

    @classmethod
    def of(cls, table: nn.Embedding) -> "Int8Embedding":
        """Return a table with the vectors of another, rounded to int8."""
        made = cls(table.num_embeddings, table.embedding_dim)
        made.weight, made.scale = rounded_rows(table.weight.detach().float())
        return made

    def weights(self) -> Float[Tensor, "rows width"]:
        """Return what the int8 numbers stand for."""
        return self.weight * self.scale[:, None]

    def forward(self, rows: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch width"]:
        """Return the vectors of rows."""
        return self.weight[rows] * self.scale[rows, None]
