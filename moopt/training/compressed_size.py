"""The size of a cut and quantised classifier in closed form, so that nothing is cut to know it."""

from dataclasses import KW_ONLY, dataclass

from moopt.training.compression import CompressionPlan, LayerPlan, Precision

FLOAT32 = 4
"""Bytes of a number."""


@dataclass(frozen=True, slots=True)
class EncoderShape:
    """The whole classifier, as its configuration says."""

    _: KW_ONLY
    words: int
    """Rows of the table of words."""

    positions: int
    token_types: int = 2
    hidden: int
    layers: int
    heads: int
    """Of each layer."""

    neurons: int
    """Of each layer's feed-forward block."""

    classes: int

    @property
    def head_size(self) -> int:
        """Numbers that a head passes on."""
        return self.hidden // self.heads

    @property
    def whole(self) -> CompressionPlan:
        """The plan that cuts nothing."""
        return CompressionPlan(
            tuple(LayerPlan(index, self.heads, self.neurons) for index in range(self.layers))
        )


def compressed_bytes(shape: EncoderShape, plan: CompressionPlan) -> int:
    """Return the bytes of the weights of a compressed classifier, without a file's header."""
    hidden = shape.hidden
    tables = (shape.positions + shape.token_types) * hidden
    pooler = hidden * hidden + hidden
    head = shape.classes * (hidden + 1)
    always = FLOAT32 * (tables + 2 * hidden + pooler + head)
    words = _matrix(shape.words, hidden, plan.embeddings)
    return always + words + sum(_layer(shape, layer) for layer in plan.layers)


def _layer(shape: EncoderShape, plan: LayerPlan) -> int:
    hidden, attention = shape.hidden, plan.heads * shape.head_size
    matrices = (
        *3 * ((attention, hidden),),
        (hidden, attention),
        (plan.neurons, hidden),
        (hidden, plan.neurons),
    )
    weights = sum(_matrix(rows, columns, plan.precision) for rows, columns in matrices)
    biases = sum(rows for rows, _ in matrices)
    norms = 4 * hidden  # two, each with a weight and a bias
    return weights + FLOAT32 * (biases + norms)


def _matrix(rows: int, columns: int, precision: Precision) -> int:
    match precision:
        case Precision.FLOAT32:
            return FLOAT32 * rows * columns
        case Precision.INT8:
            return rows * columns + FLOAT32 * rows  # and a scale for each row
