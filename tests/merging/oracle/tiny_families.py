"""Real and small models of several architectures, each a base and three experts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.distributions import StudentT
from transformers import (
    BertConfig,
    BertModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    T5Config,
    T5ForConditionalGeneration,
)

from moopt.training.transformers_models import quiet


def llama() -> PreTrainedModel:
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=40,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=3,
            num_attention_heads=2,
            num_key_value_heads=1,
        )
    )


def bert() -> PreTrainedModel:
    return BertModel(
        BertConfig(
            vocab_size=40,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=3,
            num_attention_heads=2,
            max_position_embeddings=16,
        )
    )


def t5(layers: str = "relu") -> PreTrainedModel:
    return T5ForConditionalGeneration(
        T5Config(
            vocab_size=40,
            d_model=16,
            d_kv=8,
            d_ff=32,
            num_layers=3,
            num_decoder_layers=2,
            num_heads=2,
            feed_forward_proj=layers,
        )
    )


FAMILIES: Mapping[str, Callable[[], PreTrainedModel]] = {
    "bert": bert,
    "llama": llama,
    "t5": t5,
    "t5_gated": lambda: t5("gated-gelu"),
}


EXPERTS = ("first", "second", "third")


@dataclass(frozen=True, slots=True)
class Family:
    """Folders of models with the same tensors."""

    base: Path
    experts: tuple[Path, ...]

    def tensors(self) -> tuple[dict[str, Tensor], list[dict[str, Tensor]]]:
        """Return the tensors of the base and of each expert, all in float32."""
        base, *experts = (
            load_file(folder / "model.safetensors") for folder in (self.base, *self.experts)
        )
        return base, experts


def write_family(name: str, folder: Path) -> Family:
    """Write a base with random weights, and experts that differ from it by heavy-tailed noise."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = FAMILIES[name]()
        base = {each: tensor.clone() for each, tensor in model.state_dict().items()}
        return Family(
            _saved(model, folder / "base"),
            tuple(_saved(_noisy(model, base), folder / each) for each in EXPERTS),
        )


def _noisy(model: PreTrainedModel, base: Mapping[str, Tensor]) -> PreTrainedModel:
    model.load_state_dict(base)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.01 * StudentT(3.0).sample(parameter.shape))
    return model


def _saved(model: PreTrainedModel, folder: Path) -> Path:
    with quiet():
        model.save_pretrained(folder)
    return folder
