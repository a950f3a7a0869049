"""Which parameters are trained, and which of them decay."""

from collections.abc import Iterable, Mapping, Sequence

from torch import nn
from transformers import PreTrainedModel

from moopt.errors import TrainingError


def base_parameters(model: PreTrainedModel) -> dict[str, nn.Parameter]:
    """Return the parameters of the model inside the head, by their names without its prefix."""
    prefix = f"{model.base_model_prefix}."
    return {
        name.removeprefix(prefix): each
        for name, each in model.named_parameters()
        if name.startswith(prefix)
    }


def head_parameters(model: PreTrainedModel) -> dict[str, nn.Parameter]:
    """Return the parameters of the model outside its base, by their names."""
    prefix = f"{model.base_model_prefix}."
    return {name: each for name, each in model.named_parameters() if not name.startswith(prefix)}


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
