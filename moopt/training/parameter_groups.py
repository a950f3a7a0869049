"""Which parameters are trained, at which rate, and which of them decay."""

import re
from collections.abc import Iterable, Mapping, Sequence

from torch import nn

from moopt.errors import TrainingError
from moopt.training.configuration import TrainingConfig

_LAYER = re.compile(r"(?:^|\.)(?:layers?|h|blocks?)\.(\d+)\.")
_EMBEDDING = re.compile(r"embed|wte|wpe")


def base_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters of the model inside the head, by their names without its prefix.

    A model without such a prefix, which is not of transformers, is all base.
    """
    prefix = _prefix(model)
    return {
        name.removeprefix(prefix): each
        for name, each in model.named_parameters()
        if name.startswith(prefix)
    }


def head_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters of the model outside its base, by their names."""
    prefix = _prefix(model)
    return {name: each for name, each in model.named_parameters() if not name.startswith(prefix)}


def _prefix(model: nn.Module) -> str:
    base = getattr(model, "base_model_prefix", "")
    return f"{base}." if base and hasattr(model, base) else ""


def layer_of(name: str) -> int | None:
    """Return the number of the layer that a parameter is in. None: it is in none."""
    found = _LAYER.search(name)
    return None if found is None else int(found.group(1))


def freeze(parameters: Mapping[str, nn.Parameter], parts: Sequence[str]) -> None:
    """Let the parameters whose names begin with one of the parts stay as they are.

    Raises:
        TrainingError: No name begins with a part.
    """
    for part in parts:
        named = [name for name in parameters if name.startswith(part)]
        if not named:
            raise TrainingError(
                f"no parameter to freeze begins with {part!r}; the model has, for example, "
                f"{', '.join(list(parameters)[:3])}"
            )
        for name in named:
            parameters[name].requires_grad = False


def freeze_layers(parameters: Mapping[str, nn.Parameter], count: int) -> None:
    """Let the lowest layers and the embeddings stay as they are.

    Args:
        parameters: Those of the base, by name.
        count: How many layers. 0: none, and no embeddings.
    """
    if not count:
        return
    for name, each in parameters.items():
        layer = layer_of(name)
        if _is_embedding(name) if layer is None else layer < count:
            each.requires_grad = False


def decay_groups(
    parameters: Iterable[nn.Parameter], learning_rate: float, weight_decay: float
) -> list[dict[str, object]]:
    """Split the parameters that are trained into those with and without weight decay.

    Biases and norms, which have one axis, are not decayed.
    """
    trained = [each for each in parameters if each.requires_grad]
    return [
        {
            "params": [each for each in trained if (each.ndim > 1) == is_matrix],
            "lr": learning_rate,
            "weight_decay": weight_decay if is_matrix else 0.0,
        }
        for is_matrix in (True, False)
    ]


def parameter_groups(model: nn.Module, config: TrainingConfig) -> list[dict[str, object]]:
    """Return the trained parameters as an optimizer takes them: by rate, with and without decay.

    Raises:
        TrainingError: Nothing is left to train.
    """
    by_rate: dict[float, list[nn.Parameter]] = {}
    inside = base_parameters(model)
    numbers = [number for number in map(layer_of, inside) if number is not None]
    top = max(numbers, default=-1)
    for name, each in inside.items():
        rate = config.learning_rate * config.layer_decay ** _depth(name, top)
        by_rate.setdefault(rate, []).append(each)
    groups = [
        group
        for rate, parameters in by_rate.items()
        for group in decay_groups(parameters, rate, config.weight_decay)
    ]
    head = head_parameters(model).values()
    groups += decay_groups(head, config.head_rate, config.weight_decay)
    groups = [group for group in groups if group["params"]]
    if not groups:
        raise TrainingError(
            f"the parts {config.frozen} and the {config.frozen_layers} lowest layers to freeze "
            "leave nothing to train"
        )
    return groups


def _depth(name: str, top: int) -> int:
    """Return how many layers are above a parameter of the base."""
    layer = layer_of(name)
    if layer is not None:
        return top - layer
    return top + 1 if _is_embedding(name) else 0


def _is_embedding(name: str) -> bool:
    return _EMBEDDING.search(name) is not None
