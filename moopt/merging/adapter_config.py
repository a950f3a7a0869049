"""What a folder of PEFT says of its LoRA adapter, as far as it changes the weights.

An adapter that does more than add `scale · B · A` to weights is refused, never merged in part. So
is one whose configuration has a key that is unknown here and is set: it may change the formula.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from moopt.errors import MergeError

Number = TypeVar("Number", int, float)

ADAPTER_CONFIG = "adapter_config.json"

USED = frozenset(
    {"peft_type", "r", "lora_alpha", "rank_pattern", "alpha_pattern", "use_rslora"}
    | {"fan_in_fan_out", "bias", "init_lora_weights", "base_model_name_or_path", "task_type"}
)
HARMLESS = frozenset(
    {"auto_mapping", "revision", "inference_mode", "peft_version", "runtime_config", "lora_dropout"}
    | {"target_modules", "exclude_modules", "layers_to_transform", "layers_pattern"}
    | {"modules_to_save", "megatron_core", "qalora_group_size"}
    | {"eva_config", "corda_config", "loftq_config", "lora_ga_config"}
)
"""Keys that say how an adapter was trained, or what its tensors' names say again."""

STARTS = (True, False, "gaussian", "eva", "orthogonal")
"""Values of `init_lora_weights` that leave the base as it is; the others subtract from it."""


@dataclass(frozen=True, slots=True)
class AdapterConfig:
    """The part of a LoRA configuration that the weights depend on."""

    rank: int
    alpha: float
    rank_pattern: Mapping[str, int]
    """Ranks of modules whose name ends as the key, a regular expression, says."""

    alpha_pattern: Mapping[str, float]
    rank_stabilized: bool
    """The scale is `alpha / √rank` instead of `alpha / rank`."""

    fan_in_fan_out: bool
    """The adapted weights are stored with their inputs first, as those of GPT-2."""

    base: str | None
    """Name or folder of the base model that the adapter was trained on."""

    task: str | None
    """PEFT's name for what the model does."""

    def rank_of(self, module: str) -> int:
        """Return the rank of a module's factors."""
        return _first_match(self.rank_pattern, module, self.rank)

    def scale_of(self, module: str) -> float:
        """Return what the product of a module's factors is multiplied by.

        Source: Kalajdzievski, "A rank stabilization scaling factor for fine-tuning with LoRA",
        arXiv:2312.03732, 2023, for `alpha / √rank`.
        """
        rank = self.rank_of(module)
        alpha = _first_match(self.alpha_pattern, module, self.alpha)
        return alpha / (math.sqrt(rank) if self.rank_stabilized else rank)


def read_adapter_config(folder: Path) -> AdapterConfig:
    """Read the configuration of a PEFT folder.

    Raises:
        MergeError: There is none, or it is not of a plain LoRA adapter.
    """
    path = folder / ADAPTER_CONFIG
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MergeError(
            f"cannot read {path}: {error}; give a folder that PEFT's save_pretrained wrote"
        ) from error
    if not isinstance(content, dict):
        raise MergeError(f"{path} holds no table of settings but {type(content).__name__}")
    _check_plain(path, content)
    try:
        return AdapterConfig(
            rank=int(content["r"]),
            alpha=float(content["lora_alpha"]),
            rank_pattern={key: int(rank) for key, rank in _table(content, "rank_pattern")},
            alpha_pattern={key: float(alpha) for key, alpha in _table(content, "alpha_pattern")},
            rank_stabilized=bool(content.get("use_rslora")),
            fan_in_fan_out=bool(content.get("fan_in_fan_out")),
            base=content.get("base_model_name_or_path"),
            task=content.get("task_type"),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MergeError(
            f"{path} is not a complete LoRA configuration, it needs at least the numbers 'r' and "
            f"'lora_alpha': {error!r}"
        ) from error


def _table(content: Mapping[str, object], key: str) -> list[tuple[str, float]]:
    table = content.get(key) or {}
    if not isinstance(table, dict):
        raise TypeError(f"{key} is no table but {table!r}")
    return list(table.items())


def _check_plain(path: Path, content: Mapping[str, object]) -> None:
    kind = content.get("peft_type")
    if kind != "LORA":
        raise MergeError(
            f"{path} has peft_type {kind!r}; only 'LORA' adapters can be merged as factors, so "
            "merge this one into its base with PEFT and give the model folder"
        )
    bias = content.get("bias", "none")
    if bias != "none":
        raise MergeError(
            f"{path} has bias {bias!r}, so biases of the base were trained too; only 'none' can be "
            "merged as factors"
        )
    start = content.get("init_lora_weights", True)
    if start not in STARTS:
        raise MergeError(
            f"{path} has init_lora_weights {start!r}, which changes the base's weights before "
            "training; save it with path_initial_model_for_weight_conversion"
        )
    others = [key for key in content if key not in USED | HARMLESS and content[key]]
    if others:
        raise MergeError(
            f"{path} sets {others[0]!r} to {content[others[0]]!r}, with which an adapter is more "
            "than scale · B · A; merge it into its base with PEFT and give the model folder"
        )


def _first_match(pattern: Mapping[str, Number], module: str, default: Number) -> Number:
    """Return the value of the first key that the end of a module's name fits, as PEFT does."""
    return next(
        (value for key, value in pattern.items() if re.match(rf"(.*\.)?({key})$", module)),
        default,
    )
