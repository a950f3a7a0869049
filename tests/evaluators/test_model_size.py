from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    BertForSequenceClassification,
    BertModel,
    LlamaForCausalLM,
    PreTrainedModel,
)

from moopt.errors import EvaluationError
from moopt.evaluators.metrics.model_size import int8_model_bytes, model_bytes
from moopt.evaluators.metrics.parameter_count import parameter_count
from moopt.evaluators.metrics.transformer_shape import decoder_shape, encoder_shape
from moopt.training.transformers_models import quiet
from tests import tiny_language_models, tiny_models

TOKENS, TEXTS = 12, 3


def classifier() -> PreTrainedModel:
    model = BertForSequenceClassification(tiny_models.tiny_config(("bad", "fine", "good")))
    model.set_attn_implementation("eager")  # the counter does not know the fused kernel of CPUs
    return model


def language_model(*, tied: bool) -> PreTrainedModel:
    config = tiny_language_models.tiny_config()
    config.tie_word_embeddings = tied
    model = LlamaForCausalLM(config)
    model.set_attn_implementation("eager")
    return model


@pytest.mark.parametrize("tied", [True, False])
def test_the_bytes_are_those_of_the_file_that_transformers_writes(
    tmp_path: Path, *, tied: bool
) -> None:
    model = language_model(tied=tied)

    with quiet():
        model.save_pretrained(tmp_path)

    assert model_bytes(model) == ((tmp_path / "model.safetensors").stat().st_size, 0.0)


def test_models_of_several_dtypes_have_the_bytes_of_their_file(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(3, 5).half(), nn.BatchNorm1d(5), nn.Linear(5, 7).bfloat16())

    save_file(model.state_dict(), tmp_path / "model.safetensors", metadata={"format": "pt"})

    assert model_bytes(model)[0] == (tmp_path / "model.safetensors").stat().st_size


def test_a_model_without_weights_has_the_same_bytes() -> None:
    with torch.device("meta"):
        empty = language_model(tied=True)

    assert model_bytes(empty) == model_bytes(language_model(tied=True))


def test_int8_leaves_a_byte_a_weight_and_a_scale_an_output() -> None:
    model = nn.Sequential(nn.Embedding(10, 8), nn.Linear(8, 4))

    assert int8_model_bytes(model) == (10 * 8 * 4 + 8 * 4 + 4 * 4 + 4 * 4, 0.0)


def test_a_tied_output_layer_has_a_copy_of_its_own_in_int8() -> None:
    tied, untied = (int8_model_bytes(language_model(tied=tied))[0] for tied in (True, False))

    assert tied == untied


@pytest.mark.parametrize("tied", [True, False])
def test_the_closed_form_of_a_language_model_is_right(*, tied: bool) -> None:
    model = language_model(tied=tied)
    shape = decoder_shape(model.config)

    with FlopCounterMode(display=False) as counter:
        model(torch.ones(TEXTS, TOKENS, dtype=torch.long))

    assert shape.parameters() == parameter_count(model)[0]
    assert shape.forward_flops(TOKENS, TEXTS) == counter.get_total_flops()


def test_the_closed_form_of_a_classifier_is_right() -> None:
    model = classifier()
    shape = encoder_shape(model.config, classes=3)

    with FlopCounterMode(display=False) as counter:
        model(torch.ones(TEXTS, TOKENS, dtype=torch.long))

    assert shape.parameters() == parameter_count(model)[0]
    assert shape.forward_flops(TOKENS, TEXTS) == counter.get_total_flops()


def test_the_closed_form_of_an_encoder_is_right() -> None:
    config = tiny_models.tiny_config()

    assert encoder_shape(config).parameters() == parameter_count(BertModel(config))[0]


def test_an_unknown_architecture_is_refused() -> None:
    with pytest.raises(EvaluationError, match=r"the shape of a 'bert' model is not known here"):
        decoder_shape(tiny_models.tiny_config())
