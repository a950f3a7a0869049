from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy

from moopt.errors import TrainingError
from moopt.training.batches import batches_by_length
from moopt.training.importance import importance
from moopt.training.transformers_models import load_encoder
from tests.tiny_models import write_base
from tests.training.small_classifiers import SHAPE, classifier, texts


def test_gates_of_a_batch_equal_finite_differences_text_by_text() -> None:
    model, few = classifier().double(), texts(6)
    step = 1e-5
    head, layer = 2, 1
    rows = slice(head * SHAPE.head_size, (head + 1) * SHAPE.head_size)
    reader = model.get_submodule(f"bert.encoder.layer.{layer}.attention.output.dense")
    assert isinstance(reader, torch.nn.Linear)

    def losses(factor: float) -> torch.Tensor:
        whole = reader.weight.data.clone()
        reader.weight.data[:, rows] *= factor
        found = torch.cat(
            [
                cross_entropy(
                    model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits,
                    batch.labels,
                    reduction="none",
                )
                for batch in batches_by_length(few, 1)
            ]
        )
        reader.weight.data = whole
        return found.detach()

    expected = ((losses(1 + step) - losses(1 - step)) / (2 * step)).abs().mean()

    found = importance(classifier(), batches_by_length(few, 4)).heads[layer, head]

    assert found.item() == pytest.approx(expected.item(), rel=1e-3)


def test_a_neuron_that_nothing_reads_is_the_least_important() -> None:
    model = classifier()
    reader = model.get_submodule("bert.encoder.layer.2.output.dense")
    assert isinstance(reader, torch.nn.Linear)
    reader.weight.data[:, 5] = 0

    found = importance(model, batches_by_length(texts(), 8))

    assert found.neurons[2, 5] == 0
    assert 5 not in found.best_neurons(2, SHAPE.neurons - 1)
    assert len(found.best_heads(0, 3)) == 3


def test_a_model_without_a_head_is_refused(tmp_path: Path) -> None:
    encoder = load_encoder(write_base(tmp_path / "base"))

    with pytest.raises(TrainingError, match="only BERT classifiers can be cut, got a BertModel"):
        importance(encoder, [])
