"""A weighted sum of adapters as one adapter, exactly.

`Σ cᵢ·sᵢ·Bᵢ·Aᵢ` is the product of the factors put side by side, `[c₁s₁B₁ … cₙsₙBₙ]` and
`[A₁; …; Aₙ]`, whose rank is the sum of the ranks. Such an adapter is served beside its base without
merging, and several of them at once.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from moopt.errors import MergeError
from moopt.merging.adapter_config import ADAPTER_CONFIG
from moopt.merging.adapters import ADAPTER_WEIGHTS, PREFIX, AdaptedModule, Adapter
from moopt.merging.checkpoint import TensorInfo
from moopt.merging.writing import write_tensors


def write_adapter_sum(
    adapters: Sequence[Adapter], coefficients: Sequence[float], folder: Path
) -> None:
    """Write `Σ coefficients[i] · adapters[i]` as a PEFT folder with the scale 1.

    Factors are written in float32. A module that only some of the adapters change gets the ranks of
    these. An adapter with the coefficient 0 keeps its place, so that ranks do not depend on the
    coefficients.

    Source: Hu et al., "LoRA: low-rank adaptation of large language models", ICLR 2022, for the
    product of two factors.

    Args:
        adapters: All of one base model, which is not checked beyond names and shapes.
        coefficients: One for each adapter.
        folder: Made if it is missing; other files in it stay.

    Raises:
        MergeError: The coefficients are not a finite number for each adapter, an adapter has
            tensors that are no factors, the adapters do not fit together, or the folder is one of
            theirs.
    """
    if (
        not adapters
        or len(coefficients) != len(adapters)
        or not all(map(math.isfinite, coefficients))
    ):
        raise MergeError(
            f"expected a finite coefficient for each of {len(adapters)} adapters, at least one, "
            f"got {list(coefficients)}"
        )
    _check_fit(adapters, folder)
    factors: dict[str, tuple[str, int]] = {}
    tensors: dict[str, TensorInfo] = {}
    ranks: dict[str, int] = {}
    for module in sorted({module for adapter in adapters for module in adapter.modules}):
        parts = [adapter.modules[module] for adapter in adapters if module in adapter.modules]
        _check_shapes(module, parts)
        ranks[module] = sum(part.a.shape[0] for part in parts)
        shapes = ((ranks[module], parts[0].a.shape[1]), (parts[0].b.shape[0], ranks[module]))
        for index, (end, shape) in enumerate(zip(parts[0].names, shapes, strict=True)):
            name = PREFIX + module + end
            factors[name] = (module, index)
            tensors[name] = TensorInfo(shape, torch.float32)

    def load(name: str) -> Tensor:
        module, index = factors[name]
        found = [
            (adapter.factors(module), coefficient)
            for adapter, coefficient in zip(adapters, coefficients, strict=True)
            if module in adapter.modules
        ]
        if index == 0:
            return torch.cat([each.a.float() for each, _ in found])
        return torch.cat([c * each.scale * each.b.float() for each, c in found], dim=1)

    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / ADAPTER_WEIGHTS, tensors, lambda name: [load(name)])
    text = json.dumps(_settings(adapters[0], ranks), indent=2)
    (folder / ADAPTER_CONFIG).write_text(text + "\n", encoding="utf-8")


def _check_fit(adapters: Sequence[Adapter], folder: Path) -> None:
    for adapter in adapters:
        if adapter.folder.resolve() == folder.resolve():
            raise MergeError(f"{folder} is a source of this sum; write to another folder")
        if adapter.whole:
            raise MergeError(
                f"the adapter in {adapter.folder} holds {len(adapter.whole)} tensors that are no "
                f"factors, for example {next(iter(adapter.whole))!r}, which cannot be summed "
                "without the base; merge it as a model, with add_adapter"
            )
        if adapter.config.fan_in_fan_out != adapters[0].config.fan_in_fan_out:
            raise MergeError(
                f"the adapters in {adapters[0].folder} and {adapter.folder} have different values "
                "of fan_in_fan_out; sum adapters of one base model"
            )


def _check_shapes(module: str, parts: Sequence[AdaptedModule]) -> None:
    found = {(part.b.shape[0], part.a.shape[1], part.is_embedding) for part in parts}
    if len(found) > 1:
        sizes = ", ".join(f"{rows} x {columns}" for rows, columns, _ in sorted(found))
        raise MergeError(
            f"the adapters change {module!r} in different shapes ({sizes}) or as different kinds "
            "of layers; sum adapters of one base model"
        )


def _settings(first: Adapter, ranks: dict[str, int]) -> dict[str, object]:
    """Return a configuration of PEFT in which every module has the scale 1."""
    usual = Counter(ranks.values()).most_common(1)[0][0]
    # The mark of a beginning keeps a pattern from fitting longer names that end the same.
    unusual = {f"^{re.escape(name)}": rank for name, rank in ranks.items() if rank != usual}
    return {
        "peft_type": "LORA",
        "task_type": first.config.task,
        "base_model_name_or_path": first.config.base,
        "inference_mode": True,
        "r": usual,
        "lora_alpha": usual,
        "rank_pattern": unusual,
        "alpha_pattern": unusual,
        "use_rslora": False,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": first.config.fan_in_fan_out,
        "target_modules": list(ranks),
        "modules_to_save": None,
    }
