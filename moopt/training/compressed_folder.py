"""A compressed classifier as a folder.

Two files hold its weights. `compressed.safetensors` is the model as it was measured: small
matrices, int8 where they are int8. `load_compressed` reads it. transformers knows no layers of
different widths, so `model.safetensors` holds the same model for it: heads that are gone are zeros
again, and int8 weights are the floats that they stand for. It gives the same answers, up to the
rounding of the inputs of int8 layers, and is neither as small nor as quick.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from moopt.errors import TrainingError
from moopt.training.compression import CompressionPlan
from moopt.training.encoder_layers import (
    ATTENTION_INPUTS,
    ATTENTION_OUTPUT,
    FEED_FORWARD_INPUT,
    FEED_FORWARD_OUTPUT,
    LAYERS,
    WORDS,
)
from moopt.training.importance import Importance
from moopt.training.int8_layers import Int8Embedding, Int8Linear
from moopt.training.transformers_models import quiet, save_model

COMPRESSED = "compressed.safetensors"
SCALE = ".scale"
"""End of the name of an int8 layer's scales."""


def write_compressed(
    folder: Path,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    plan: CompressionPlan,
    scores: Importance,
) -> None:
    """Write a compressed classifier to a new folder, for moopt and for transformers.

    Args:
        folder: It appears when it is complete.
        model: Cut and quantised by the plan; it is on the CPU.
        tokenizer: The whole model's.
        plan: What was kept.
        scores: By which heads and neurons were chosen: they say where the zeros go.
    """
    save_model(folder, padded(model, plan, scores), tokenizer)
    save_file(
        {name: each.contiguous() for name, each in model.state_dict().items()},
        folder / COMPRESSED,
        metadata={"format": "pt"},
    )


def load_compressed(folder: Path) -> PreTrainedModel:
    """Load the small model of a folder: its shapes and dtypes say what was cut.

    Raises:
        TrainingError: The folder has no compressed classifier, or one that is damaged.
    """
    file = folder / COMPRESSED
    if not file.is_file():
        raise TrainingError(
            f"there is no compressed classifier in {folder}, which needs a {COMPRESSED}; "
            "`moopt export` of a study that compresses writes one"
        )
    try:
        tensors = load_file(file)
        with quiet():
            config = AutoConfig.from_pretrained(folder)
            model: PreTrainedModel = AutoModelForSequenceClassification.from_config(config)
        for name, module in list(model.named_modules()):
            made = _made_for(module, name, tensors)
            if made is not None:
                model.set_submodule(name, made)
        model.load_state_dict(tensors)
    except (OSError, RuntimeError, KeyError, SafetensorError) as error:
        raise TrainingError(f"cannot load the compressed classifier {file}: {error}") from error
    model.train(mode=False)
    return model


def padded(model: PreTrainedModel, plan: CompressionPlan, scores: Importance) -> PreTrainedModel:
    """Return a compressed classifier with matrices of equal sizes, as transformers wants them.

    Heads are back in their places, with zeros for those that are gone, and narrow feed-forward
    blocks have zeros up to the widest.

    Args:
        model: Cut and quantised by the plan.
        plan: What was kept.
        scores: By which heads were chosen.
    """
    with torch.random.fork_rng(), quiet():
        whole: PreTrainedModel = AutoModelForSequenceClassification.from_config(model.config)
    state = _floats(model)
    head_size = model.config.hidden_size // model.config.num_attention_heads
    for index, layer in enumerate(plan.layers):
        heads = scores.best_heads(layer.source, layer.heads)
        rows = [head * head_size + row for head in heads for row in range(head_size)]
        _spread(state, whole, index, (ATTENTION_INPUTS, ATTENTION_OUTPUT), rows)
        neurons = list(range(layer.neurons))
        _spread(state, whole, index, ((FEED_FORWARD_INPUT,), FEED_FORWARD_OUTPUT), neurons)
    whole.load_state_dict(state)
    whole.train(mode=False)
    return whole


def _made_for(module: nn.Module, name: str, tensors: Mapping[str, Tensor]) -> nn.Module | None:
    """Return the module that takes the tensors of a name, None where it is there already."""
    if name != WORDS and not isinstance(module, nn.Linear):
        return None
    rows, columns = tensors[f"{name}.weight"].shape
    if f"{name}{SCALE}" not in tensors:
        return nn.Linear(columns, rows) if isinstance(module, nn.Linear) else None
    return Int8Embedding(rows, columns) if name == WORDS else Int8Linear(columns, rows)


def _floats(model: PreTrainedModel) -> dict[str, Tensor]:
    """Return the weights of a model, int8 ones as the floats that they stand for."""
    state = dict(model.state_dict())
    for name, module in model.named_modules():
        if isinstance(module, Int8Linear | Int8Embedding):
            state[f"{name}.weight"] = module.weights()
            del state[f"{name}{SCALE}"]
    return state


def _spread(
    state: dict[str, Tensor],
    whole: PreTrainedModel,
    layer: int,
    names: tuple[tuple[str, ...], str],
    places: list[int],
) -> None:
    """Put the numbers that pass between linear layers at their places, in the state."""
    inputs, output = names
    chosen = torch.tensor(places)
    for name in inputs:
        for part in ("weight", "bias"):
            full = f"{LAYERS}.{layer}.{name}.{part}"
            wide = torch.zeros_like(whole.get_parameter(full))
            state[full] = wide.index_copy(0, chosen, state[full])
    full = f"{LAYERS}.{layer}.{output}.weight"
    wide = torch.zeros_like(whole.get_parameter(full))
    state[full] = wide.index_copy(1, chosen, state[full])
