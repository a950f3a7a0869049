"""Low-rank adapters by PEFT, which is imported when a run asks for them: it takes seconds."""

import importlib
from types import ModuleType

from torch import nn

from moopt.errors import MissingDependencyError, TrainingError
from moopt.training.configuration import Lora
from moopt.training.parameter_groups import head_parameters, layer_of


def add_adapters(model: nn.Module, lora: Lora) -> None:
    """Put adapters into a model and let nothing else be trained but its head.

    A language model has no head of its own to train: the words that it predicts are known.

    Raises:
        MissingDependencyError: PEFT is not installed.
        TrainingError: No layer has such a name, or the architecture needs names to be given.
    """
    peft = _module("peft")
    count = 1 + max((layer_of(name) or 0 for name, _ in model.named_parameters()), default=0)
    upper = lora.upper_layers
    chosen = None if upper is None else list(range(max(0, count - upper), count))
    settings = peft.LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(lora.targets) or None,
        layers_to_transform=chosen,
    )
    try:
        peft.inject_adapter_in_model(settings, model)
    except ValueError as error:
        raise TrainingError(f"PEFT cannot put adapters into this model: {error}") from error
    embeddings = getattr(model, "get_output_embeddings", lambda: None)()
    if embeddings is None:
        for each in head_parameters(model).values():
            each.requires_grad = True


def merge_adapters(model: nn.Module) -> None:
    """Add the adapters' products to the weights that they sit on, and take them out, in place."""
    # A layer of PEFT's has these two, and PEFT is not loaded where there are no adapters.
    for name, module in list(model.named_modules()):
        if hasattr(module, "get_base_layer") and hasattr(module, "merge"):
            module.merge()
            parent, _, last = name.rpartition(".")
            setattr(model.get_submodule(parent), last, module.get_base_layer())


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "peft":
            raise
        raise MissingDependencyError(
            "low-rank adapters need the package peft, which is not installed; "
            "pip install 'moopt[lora]'"
        ) from error
