"""The compressed classifiers that a study searches: its parameters, and the way back to a plan."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass

from moopt.errors import TrainingError
from moopt.study.conditions import When
from moopt.study.parameters import Categorical, Integer, Parameter, Parameters
from moopt.training.compressed_size import EncoderShape, compressed_bytes
from moopt.training.compression import CompressionPlan, LayerPlan, Precision

DROPPED = "dropped"
PRECISIONS = tuple(precision.value for precision in (Precision.INT8, Precision.FLOAT32))


@dataclass(frozen=True, slots=True)
class CompressionSpace:
    """Which cuts of a classifier a study tries.

    The lowest layer always stays. `layer_2` and those above it may be `dropped`, `int8` or
    `float32`; `heads_2` counts while layer 2 is there. `neurons` is the same for all layers.

    Raises:
        TrainingError: The steps do not divide the heads and neurons that there are.

    Source: Sridhar et al., "SimQ-NAS: simultaneous quantization policy and neural architecture
    search", arXiv 2312.13301, 2023, for searching structure and precision together.
    """

    shape: EncoderShape
    _: KW_ONLY
    head_step: int = 2
    """Layers have 1, 2, 3, … times as many heads."""

    neuron_step: int = 256
    """Feed-forward blocks have 1, 2, 3, … times as many neurons."""

    def __post_init__(self) -> None:
        for what, there, step in (
            ("heads", self.shape.heads, self.head_step),
            ("neurons", self.shape.neurons, self.neuron_step),
        ):
            if not 0 < step < there or there % step:
                raise TrainingError(
                    f"a space of cuts needs a step that divides the {there} {what}, got {step}"
                )

    @property
    def parameters(self) -> list[Parameter]:
        """The parameters of a study."""
        shape = self.shape
        layers = [Categorical(_layer(0), PRECISIONS, ordered=True)]
        layers += [
            Categorical(_layer(index), (DROPPED, *PRECISIONS), ordered=True)
            for index in range(1, shape.layers)
        ]
        heads = [
            Integer(
                _heads(index),
                self.head_step,
                shape.heads,
                step=self.head_step,
                when=None if index == 0 else When(_layer(index), PRECISIONS),
            )
            for index in range(shape.layers)
        ]
        step = self.neuron_step
        neurons = Integer("neurons", step, shape.neurons, step=step)
        return [*layers, *heads, neurons, Categorical("words", PRECISIONS, ordered=True)]

    def plan(self, parameters: Parameters) -> CompressionPlan:
        """Return what a candidate's parameters keep."""
        neurons = _whole(parameters["neurons"])
        kept = [
            LayerPlan(
                index,
                _whole(parameters[_heads(index)]),
                neurons,
                Precision(parameters[_layer(index)]),
            )
            for index in range(self.shape.layers)
            if parameters[_layer(index)] != DROPPED
        ]
        return CompressionPlan(tuple(kept), Precision(parameters["words"]))

    def size_mb(self, parameters: Parameters) -> float:
        """Return the megabytes of a candidate's weights; an objective in closed form."""
        return compressed_bytes(self.shape, self.plan(parameters)) / 1e6

    def keeping(
        self,
        layers: Sequence[int],
        precision: Precision,
        *,
        heads: int | None = None,
        neurons: int | None = None,
    ) -> dict[str, object]:
        """Return the parameters of a regular cut, such as a point to start with.

        Args:
            layers: Those that are kept, from 0; 0 is among them.
            precision: Of all layers and of the table of words.
            heads: Of every layer. None: all.
            neurons: Of every layer. None: all.
        """
        found: dict[str, object] = {"neurons": neurons or self.shape.neurons}
        for index in range(self.shape.layers):
            found[_layer(index)] = precision.value if index in layers else DROPPED
            if index in layers:
                found[_heads(index)] = heads or self.shape.heads
        return found | {"words": precision.value}


def _layer(index: int) -> str:
    return f"layer_{index + 1}"


def _heads(index: int) -> str:
    return f"heads_{index + 1}"


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise TrainingError(f"a cut needs whole numbers, got {value!r}")
    return value
