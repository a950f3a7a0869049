"""Causal language models out of GGUF files, as a folder that transformers loads.

GGUF is the format of llama.cpp: one file with quantised weights and the tokenizer. What comes out
is in float32; the rounding of the quantisation stays in it.
"""

import contextlib
import importlib.util
import io
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from moopt.errors import MissingDependencyError, TrainingError
from moopt.training.transformers_models import quiet

SUFFIX = ".gguf"
NEEDED = ("gguf", "accelerate")
"""Packages that transformers needs to read such a file."""


def convert_gguf(file: Path, folder: Path, layers: int | None = None) -> None:
    """Write weights and tokenizer of a GGUF file to an existing folder.

    Args:
        file: Its name ends in `.gguf`.
        folder: Where configuration, weights and tokenizer are written.
        layers: Keep this many of the first layers. None: all.

    Raises:
        MissingDependencyError: A package that reads GGUF is not installed.
        TrainingError: transformers cannot read the file.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingDependencyError(
            f"reading {file.name} needs {' and '.join(missing)}; install the extra with: "
            "pip install 'moopt[gguf]'"
        )
    changes = {} if layers is None else {"num_hidden_layers": layers}
    source, name = file.parent, file.name
    # transformers draws one of its bars in spite of being told not to
    with quiet(), contextlib.redirect_stderr(io.StringIO()):
        try:
            tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=name)
            read: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
                source, gguf_file=name, dtype=torch.float32, **changes
            )
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise TrainingError(f"transformers cannot load {file}: {error}") from error
        _as_if_never_quantised(read).save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def _as_if_never_quantised(read: PreTrainedModel) -> PreTrainedModel:
    """Return the model without the marks of GGUF, with which transformers refuses to save it."""
    config = read.config
    del config.quantization_config
    with torch.device("meta"):
        model: PreTrainedModel = AutoModelForCausalLM.from_config(config)
    model.load_state_dict(read.state_dict(), assign=True)
    model.generation_config = read.generation_config
    return model
