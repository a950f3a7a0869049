import itertools
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import BertForSequenceClassification, BertTokenizer, PreTrainedModel

from moopt.errors import TrainingError
from moopt.training.batches import batches_by_length
from moopt.training.compressed_folder import COMPRESSED, load_compressed, write_compressed
from moopt.training.compressed_size import compressed_bytes
from moopt.training.compression import CompressionPlan, LayerPlan, Precision, cut, quantize
from moopt.training.distillation import logits_of
from moopt.training.importance import Importance, importance
from moopt.training.transformers_models import load_classifier
from tests.tiny_models import WORDS
from tests.training.small_classifiers import SHAPE, classifier, texts

PLANS = {
    "whole": SHAPE.whole,
    "fewer heads": CompressionPlan(tuple(LayerPlan(each, 2, 24) for each in range(3))),
    "narrow": CompressionPlan(tuple(LayerPlan(each, 4, 5 + each) for each in range(3))),
    "all at once": CompressionPlan((LayerPlan(0, 1, 7), LayerPlan(2, 3, 11))),
}


@pytest.fixture(scope="module")
def model() -> BertForSequenceClassification:
    return classifier()


@pytest.fixture(scope="module")
def scores(model: PreTrainedModel) -> Importance:
    return importance(model, batches_by_length(texts(), 8))


def masked_logits(model: PreTrainedModel, plan: CompressionPlan, scores: Importance) -> Tensor:
    """Return what the whole model says when all that is not kept is multiplied by 0."""
    handles = []
    layers = model.get_submodule("bert.encoder.layer")
    assert isinstance(layers, torch.nn.ModuleList)
    kept = {layer.source: layer for layer in plan.layers}
    for index, layer in enumerate(layers):
        if index not in kept:
            handles.append(layer.register_forward_hook(lambda _layer, inputs, _out: inputs[0]))
            continue
        heads, neurons = torch.zeros(SHAPE.heads), torch.zeros(SHAPE.neurons)
        heads[scores.best_heads(index, kept[index].heads)] = 1
        neurons[scores.best_neurons(index, kept[index].neurons)] = 1
        for name, mask in (
            ("attention.output.dense", heads.repeat_interleave(SHAPE.head_size)),
            ("output.dense", neurons),
        ):
            handles.append(
                layer.get_submodule(name).register_forward_pre_hook(
                    lambda _module, inputs, mask=mask: (inputs[0] * mask,)
                )
            )
    found = logits_of(model, texts())
    for handle in handles:
        handle.remove()
    return found


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_a_cut_model_says_what_the_masked_whole_says(
    model: PreTrainedModel, scores: Importance, plan: CompressionPlan
) -> None:
    smaller = cut(model, plan, scores)

    torch.testing.assert_close(
        logits_of(smaller, texts()), masked_logits(model, plan, scores), rtol=1e-4, atol=1e-5
    )


def test_cutting_leaves_the_whole_model_as_it_was(scores: Importance) -> None:
    model = classifier()

    quantize(cut(model, PLANS["all at once"], scores), PLANS["all at once"])

    torch.testing.assert_close(model.state_dict(), classifier().state_dict(), rtol=0, atol=0)


def with_precisions(plan: CompressionPlan, layers: Precision, words: Precision) -> CompressionPlan:
    kept = tuple(LayerPlan(each.source, each.heads, each.neurons, layers) for each in plan.layers)
    return CompressionPlan(kept, words)


@pytest.mark.parametrize("precisions", list(itertools.product(Precision, Precision)), ids=str)
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_a_folder_has_the_bytes_of_the_formula_and_gives_the_same_answers(
    model: PreTrainedModel,
    scores: Importance,
    plan: CompressionPlan,
    precisions: tuple[Precision, Precision],
    tmp_path: Path,
) -> None:
    layers, words = precisions
    plan = with_precisions(plan, layers, words)
    small = cut(model, plan, scores)
    quantize(small, plan)
    vocabulary = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS)
    tokenizer = BertTokenizer(vocab={word: index for index, word in enumerate(vocabulary)})

    write_compressed(tmp_path / "model", small, tokenizer, plan, scores)

    file = tmp_path / "model" / COMPRESSED
    header = 8 + int.from_bytes(file.read_bytes()[:8], "little")
    assert file.stat().st_size - header == compressed_bytes(SHAPE, plan)
    expected = logits_of(small, texts())
    loaded = logits_of(load_compressed(tmp_path / "model"), texts())
    torch.testing.assert_close(loaded, expected, rtol=0, atol=1e-6)
    # transformers reads floats: there the inputs of int8 layers are not rounded
    tolerance = 1e-4 if layers is Precision.FLOAT32 else 0.1 * float(expected.abs().max())
    by_transformers = logits_of(load_classifier(tmp_path / "model"), texts())
    torch.testing.assert_close(by_transformers, expected, rtol=0, atol=tolerance)


def test_int8_parts_are_int8_on_disk(
    model: PreTrainedModel, scores: Importance, tmp_path: Path
) -> None:
    plan = CompressionPlan((LayerPlan(0, 2, 8, Precision.INT8), LayerPlan(1, 2, 8)))
    small = cut(model, plan, scores)
    quantize(small, plan)
    tokenizer = BertTokenizer(vocab={"[PAD]": 0, "[UNK]": 1})

    write_compressed(tmp_path / "model", small, tokenizer, plan, scores)

    tensors = load_file(tmp_path / "model" / COMPRESSED)
    names = [f"bert.encoder.layer.{index}.output.dense.weight" for index in (0, 1)]
    assert [tensors[name].dtype for name in names] == [torch.int8, torch.float32]
    assert tensors["bert.embeddings.word_embeddings.weight"].dtype == torch.float32


def test_a_plan_that_keeps_more_than_there_is_says_so(
    model: PreTrainedModel, scores: Importance
) -> None:
    plan = CompressionPlan((LayerPlan(3, 4, 24),))

    with pytest.raises(TrainingError, match=r"heads and neurons \(4, 4, 24\), the model has \(3,"):
        cut(model, plan, scores)


@pytest.mark.parametrize("layers", [(), (LayerPlan(1, 1, 1), LayerPlan(0, 1, 1))])
def test_a_plan_needs_layers_in_order(layers: tuple[LayerPlan, ...]) -> None:
    with pytest.raises(TrainingError, match="from the lowest up"):
        CompressionPlan(layers)


def test_a_layer_without_heads_is_refused() -> None:
    with pytest.raises(TrainingError, match="layer 0 needs one head and one neuron or more"):
        CompressionPlan((LayerPlan(0, 0, 4),))


def test_a_folder_without_a_compressed_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="there is no compressed classifier"):
        load_compressed(tmp_path)
