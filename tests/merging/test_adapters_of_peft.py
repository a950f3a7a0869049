"""What PEFT itself makes of the same folders."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from transformers import (
    BertForSequenceClassification,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedModel,
)

from moopt.merging.adapted_checkpoint import add_adapter
from moopt.merging.adapter_sum import write_adapter_sum
from moopt.merging.adapters import open_adapter
from moopt.merging.checkpoint import open_checkpoint
from moopt.training.transformers_models import quiet
from tests.tiny_models import tiny_config

peft = pytest.importorskip("peft", reason="PEFT is not installed; it is only compared with")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:fan_in_fan_out is set to False:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*rank_pattern.*use_rslora:UserWarning"),
    pytest.mark.filterwarnings("ignore:Could not find a config file:UserWarning"),
    pytest.mark.filterwarnings("ignore:Setting `save_embedding_layers` to:UserWarning"),
]

GPT2 = GPT2Config(
    vocab_size=16,
    n_positions=8,
    n_embd=8,
    n_layer=2,
    n_head=2,
    bos_token_id=0,
    eos_token_id=0,
)


def trained(
    model: PreTrainedModel, folder: Path, seed: int, settings: dict[str, object]
) -> dict[str, Tensor]:
    """Save an adapter of random numbers, and return the weights after PEFT merged it."""
    torch.manual_seed(seed)
    wrapped = peft.get_peft_model(model, peft.LoraConfig(**settings))
    with torch.no_grad():
        for parameter in wrapped.parameters():
            if parameter.requires_grad:
                parameter.copy_(0.3 * torch.randn_like(parameter))
    wrapped.save_pretrained(folder)
    merged: nn.Module = wrapped.merge_and_unload()
    return merged.state_dict()


def gpt2(folder: Path) -> GPT2LMHeadModel:
    """Return a copy of one model, saved once."""
    if not folder.exists():
        torch.manual_seed(0)
        with quiet():
            GPT2LMHeadModel(GPT2).save_pretrained(folder)
    with quiet():
        model = GPT2LMHeadModel.from_pretrained(folder)
    assert isinstance(model, GPT2LMHeadModel)
    return model


@pytest.mark.parametrize(
    "settings",
    [
        {"r": 3, "target_modules": ["query", "dense"]},
        {"r": 2, "target_modules": ["query", "word_embeddings"], "use_rslora": True},
        {
            "r": 2,
            "lora_alpha": 5,
            "target_modules": ["query", "value"],
            "rank_pattern": {"layer.1.attention.self.query": 4},
            "alpha_pattern": {"value": 3},
        },
    ],
)
def test_a_classifier_is_merged_as_peft_merges_it(
    tmp_path: Path, settings: dict[str, object]
) -> None:
    torch.manual_seed(0)
    encoder = BertModel(tiny_config())
    with quiet():
        encoder.save_pretrained(tmp_path / "base")  # without the prefix "bert." and the head
    model = BertForSequenceClassification(tiny_config())
    model.bert = encoder

    weights = trained(model, tmp_path / "adapter", 1, {**settings, "task_type": "SEQ_CLS"})

    merged = add_adapter(open_checkpoint(tmp_path / "base"), open_adapter(tmp_path / "adapter"))
    expected = {name.removeprefix("bert."): each for name, each in weights.items()}
    found = {name: merged.load(name) for name in merged.tensors}
    # the base has a pooler in both
    torch.testing.assert_close(found, {name: expected[name] for name in found}, atol=1e-6, rtol=0)
    assert {"classifier.weight", "classifier.bias"} < set(found)
    assert merged.modules


def test_layers_with_their_inputs_first_are_merged_as_peft_merges_them(tmp_path: Path) -> None:
    model = gpt2(tmp_path / "base")

    weights = trained(
        model, tmp_path / "adapter", 1, {"target_modules": ["c_attn", "c_proj", "c_fc"]}
    )

    merged = add_adapter(open_checkpoint(tmp_path / "base"), open_adapter(tmp_path / "adapter"))
    found = {name: merged.load(name) for name in merged.tensors}
    torch.testing.assert_close(found, {name: weights[name] for name in found}, atol=1e-6, rtol=0)
    assert len(merged.modules) == 8


@torch.no_grad()
def test_peft_computes_with_a_sum_what_the_sum_of_merged_weights_computes(tmp_path: Path) -> None:
    base = tmp_path / "base"
    targets: list[dict[str, object]] = [
        {"r": 2, "target_modules": ["c_attn", "c_proj"]},
        {"r": 3, "target_modules": ["c_attn", "c_fc"], "lora_alpha": 5},
        {"r": 2, "target_modules": ["c_proj"], "use_rslora": True},
    ]
    coefficients = [0.7, -0.4, 1.3]
    start = gpt2(base).state_dict()
    with torch.enable_grad():
        ends = [
            trained(gpt2(base), tmp_path / str(index), index, settings)
            for index, settings in enumerate(targets)
        ]
    adapters = [open_adapter(tmp_path / str(index)) for index in range(3)]
    write_adapter_sum(adapters, coefficients, tmp_path / "sum")

    loaded = peft.PeftModel.from_pretrained(gpt2(base), tmp_path / "sum").eval()
    merged = gpt2(base).eval()
    merged.load_state_dict(
        {
            name: each
            + sum(c * (end[name] - each) for c, end in zip(coefficients, ends, strict=True))
            for name, each in start.items()
        }
    )

    tokens = torch.arange(8)[None]
    torch.testing.assert_close(loaded(tokens).logits, merged(tokens).logits, atol=1e-5, rtol=1e-5)
