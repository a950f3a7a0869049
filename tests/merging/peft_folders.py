"""Folders as PEFT writes them, made by hand."""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

PREFIX = "base_model.model."
CONFIG: dict[str, object] = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "bias": "none"}


def write_adapter(
    folder: Path, tensors: Mapping[str, Tensor], settings: Mapping[str, object] | None = None
) -> Path:
    """Write an adapter; names come without PEFT's prefix."""
    folder.mkdir(parents=True)
    config = {**CONFIG, **(settings or {})}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    stored = {PREFIX + name: each.contiguous() for name, each in tensors.items()}
    save_file(stored, folder / "adapter_model.safetensors")
    return folder


def write_base(folder: Path, tensors: Mapping[str, Tensor]) -> Path:
    folder.mkdir(parents=True)
    save_file(dict(tensors), folder / "model.safetensors")
    return folder


def factors(
    module: str, rows: int, columns: int, *, rank: int = 2, seed: int = 0
) -> dict[str, Tensor]:
    """Return the factors of a linear layer's change."""
    generator = torch.Generator().manual_seed(seed)
    return {
        f"{module}.lora_A.weight": torch.randn(rank, columns, generator=generator),
        f"{module}.lora_B.weight": torch.randn(rows, rank, generator=generator),
    }


def embedding_factors(module: str, words: int, size: int, *, seed: int = 0) -> dict[str, Tensor]:
    """Return the factors of an embedding's change, of rank 2."""
    generator = torch.Generator().manual_seed(seed)
    return {
        f"{module}.lora_embedding_A": torch.randn(2, words, generator=generator),
        f"{module}.lora_embedding_B": torch.randn(size, 2, generator=generator),
    }


def slow_product(tensors: Mapping[str, Tensor], module: str, scale: float) -> Tensor:
    """Return scale · B · A entry by entry, in double precision."""
    a = next(each for name, each in tensors.items() if name.startswith(module) and "_A" in name)
    b = next(each for name, each in tensors.items() if name.startswith(module) and "_B" in name)
    rows = [
        [
            sum(scale * float(b[i, k]) * float(a[k, j]) for k in range(a.shape[0]))
            for j in range(a.shape[1])
        ]
        for i in range(b.shape[0])
    ]
    return torch.tensor(rows)
