import pytest

from moopt import Minimize, Objective, Study
from moopt.errors import TrainingError
from moopt.training.compression import CompressionPlan, LayerPlan, Precision
from moopt.training.compression_space import CompressionSpace
from tests.training.small_classifiers import SHAPE

SPACE = CompressionSpace(SHAPE, head_step=2, neuron_step=8)


def test_settings_of_a_layer_count_while_it_is_there() -> None:
    study = Study(
        "cuts",
        parameters=SPACE.parameters,
        objectives=[Objective("size_mb", Minimize, formula=SPACE.size_mb)],
        start_with=[SPACE.keeping((0, 2), Precision.INT8)],
    )

    assert study.start_with[0] == {
        "layer_1": "int8",
        "layer_2": "dropped",
        "layer_3": "int8",
        "heads_1": 4,
        "heads_3": 4,
        "neurons": 24,
        "words": "int8",
    }


def test_parameters_become_a_plan() -> None:
    parameters = SPACE.keeping((0, 2), Precision.FLOAT32, heads=2, neurons=16)

    assert SPACE.plan(parameters | {"layer_3": "int8"}) == CompressionPlan(
        (LayerPlan(0, 2, 16), LayerPlan(2, 2, 16, Precision.INT8))
    )


def test_int8_layers_and_dropped_ones_make_a_model_smaller() -> None:
    sizes = [
        SPACE.size_mb(SPACE.keeping(layers, precision))
        for layers in (range(3), (0, 1))
        for precision in (Precision.FLOAT32, Precision.INT8)
    ]

    assert sizes[0] == max(sizes)
    assert sizes[3] == min(sizes)


def test_steps_that_do_not_divide_are_refused() -> None:
    with pytest.raises(TrainingError, match="a step that divides the 24 neurons, got 7"):
        CompressionSpace(SHAPE, neuron_step=7)
