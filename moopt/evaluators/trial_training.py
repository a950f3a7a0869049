"""From a trial's parameters to the configuration of its training, by name."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from moopt.errors import EvaluationError
from moopt.study.parameters import Parameters
from moopt.training.configuration import Lora, TrainingConfig

LORA = "lora_"
"""What stands before a setting of the adapters, such as `lora_rank`."""

SETTINGS = tuple(
    each.name for each in fields(TrainingConfig) if each.name not in {"_", "lora", "seed"}
)
LORA_SETTINGS = tuple(each.name for each in fields(Lora) if each.name != "_")
TUPLES = ("frozen", "targets")
"""Settings that are several words; a parameter gives them with commas between."""

NOT_FOR_TRAINING = None
"""In a mapping: the parameter is none of training's business."""


def training_of(
    parameters: Parameters,
    base: TrainingConfig,
    mapping: Mapping[str, str | None],
    seed: int,
) -> TrainingConfig:
    """Return a configuration with what a trial's parameters say.

    Args:
        parameters: Of the trial. A name is that of a setting of `TrainingConfig`, or `lora_` and
            that of one of `Lora`.
        base: What they do not say.
        mapping: Setting of each parameter that has another name; None for one that is not for
            training.
        seed: Of the trial.

    Raises:
        EvaluationError: A parameter is no setting.
        TrainingError: A setting is out of its range.
    """
    changes: dict[str, Any] = {}
    adapters: dict[str, Any] = {}
    for name, value in parameters.items():
        setting = mapping.get(name, name)
        if setting is NOT_FOR_TRAINING:
            continue
        short = setting.removeprefix(LORA)
        if setting in SETTINGS:
            changes[setting] = _typed(setting, value)
        elif setting.startswith(LORA) and short in LORA_SETTINGS:
            adapters[short] = _typed(short, value)
        else:
            raise EvaluationError(
                f"the parameter {name!r} is no setting of the training; use one of "
                f"{', '.join(SETTINGS)}, lora_{', lora_'.join(LORA_SETTINGS)}, or say in `mapping` "
                "which one it is (None: it is not for training)"
            )
    if adapters:
        changes["lora"] = replace(base.lora or Lora(), **adapters)
    return replace(base, **changes, seed=seed)


def _typed(setting: str, value: object) -> object:
    if setting in TUPLES and isinstance(value, str):
        return tuple(word.strip() for word in value.split(",") if word.strip())
    return value
