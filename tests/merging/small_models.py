"""Models without transformers that have what real ones have, and folders of them.

There are layers, norms, biases of zeros, tied embeddings, a tensor of several rows of the passes,
one of three dimensions and one of none. One expert left a tensor as it was in the base.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from moopt.merging.blocks import Blocks, LayerGroups
from moopt.merging.methods import METHODS
from moopt.merging.recipe import ByBlock, MergeRecipe, OptionValue
from moopt.merging.statistics import Kind, statistics_in_memory, write_statistics

WIDTH = 12
EXPERTS = ("first", "second", "third")
UNCHANGED = "layers.1.norm.bias"
"""What the first expert left as it was."""


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.Linear(WIDTH, WIDTH)
        self.norm = nn.LayerNorm(WIDTH)
        self.mlp = nn.Linear(WIDTH, 31, bias=False)


class SmallModel(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(200, WIDTH)
        self.layers = nn.ModuleList([Layer(), Layer()])
        self.filters = nn.Parameter(torch.zeros(2, 3, 5))
        self.temperature = nn.Parameter(torch.zeros(()))
        self.classifier = nn.Linear(WIDTH, 3)
        self.lm_head = nn.Linear(WIDTH, 200, bias=False)
        self.lm_head.weight = self.embed_tokens.weight


@dataclass(frozen=True, slots=True)
class Models:
    """Folders of a base and of experts, and beside them files of the experts' statistics."""

    base: Path
    experts: Mapping[str, Path]

    def first(self, count: int) -> "Models":
        """Return the same base with the first experts only."""
        return Models(self.base, dict(list(self.experts.items())[:count]))

    def recipe(
        self,
        method: str,
        coefficients: Sequence[ByBlock] | None = None,
        *,
        options: Mapping[str, OptionValue] | None = None,
        blocks: Blocks | None = None,
        dtype: str | None = None,
        rounding_seed: int | None = None,
    ) -> MergeRecipe:
        """Return a merge of them all, with any coefficients unless they are given."""
        kind = METHODS[method].statistics
        given: dict[str, ByBlock] = {}
        if METHODS[method].takes_coefficients:
            third = -0.2 if kind is None else 0.2  # an average takes no negative weights
            chosen = coefficients or [0.4, 0.7, third][: len(self.experts)]
            given = dict(zip(self.experts, chosen, strict=True))
        statistics = {}
        if kind is not None:
            statistics = {name: str(self.statistics(name, kind)) for name in self.experts}
        return MergeRecipe(
            method,
            {name: str(folder) for name, folder in self.experts.items()},
            base=str(self.base),
            coefficients=given,
            blocks=blocks or LayerGroups(),
            options=options or {},
            statistics=statistics,
            dtype=dtype,
            rounding_seed=rounding_seed,
        )

    def statistics(self, expert: str, kind: Kind) -> Path:
        """Return the file of an expert's statistics."""
        return self.base.parent / "statistics" / f"{expert}.{kind.value}"


def write_models(folder: Path, base: torch.dtype = torch.float32, *experts: torch.dtype) -> Models:
    """Write a base and three experts, each stored in a dtype; experts have the base's if none."""
    start = base_weights()
    dtypes = experts or [base] * len(EXPERTS)
    models = Models(
        write_weights(folder / "base", {name: each.to(base) for name, each in start.items()}),
        {
            name: write_weights(
                folder / name,
                {key: each.to(dtype) for key, each in expert_weights(start, seed).items()},
            )
            for seed, (name, dtype) in enumerate(zip(EXPERTS, dtypes, strict=True), start=1)
        },
    )
    for seed, name in enumerate(EXPERTS, start=1):
        write_statistics_of(models, name, seed)
    return models


def base_weights() -> dict[str, Tensor]:
    """Return the weights of a base in float64: biases of zeros, all else at random."""
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.zeros(each.shape, dtype=torch.float64)
        if name.endswith("norm.bias")
        else torch.randn(each.shape, generator=generator, dtype=torch.float64)
        for name, each in SmallModel().named_parameters()
    }


def expert_weights(base: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    """Return the weights of an expert, whose differences to the base have heavy tails."""
    generator = torch.Generator().manual_seed(seed)
    changed = {
        name: each + 0.05 * torch.randn(each.shape, generator=generator) ** 3
        for name, each in base.items()
    }
    return changed | ({UNCHANGED: base[UNCHANGED]} if seed == 1 else {})


def write_statistics_of(models: Models, expert: str, seed: int) -> None:
    """Write Fisher information of every weight and Gram matrices of the linear layers' inputs."""
    generator = torch.Generator().manual_seed(seed)
    fisher, grams = {}, {}
    for name, each in base_weights().items():
        fisher[name] = torch.rand(each.shape, generator=generator)
        if name.endswith(("attention.weight", "mlp.weight", "classifier.weight")):
            inputs = torch.randn(50, WIDTH, generator=generator)
            grams[name] = inputs.T @ inputs / 50
    for kind, tensors in ((Kind.FISHER, fisher), (Kind.GRAM, grams)):
        statistics = statistics_in_memory(kind, tensors, dict.fromkeys(tensors, 1.0), batches=1)
        write_statistics(statistics, models.statistics(expert, kind))


def write_weights(folder: Path, weights: Mapping[str, Tensor]) -> Path:
    """Write a folder with weights and an empty configuration."""
    folder.mkdir(parents=True)
    save_file(dict(weights), folder / "model.safetensors")
    (folder / "config.json").write_text("{}")
    return folder


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Return the weights of a folder, in one file or in several."""
    weights: dict[str, Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        weights |= load_file(file)
    return weights


def bytes_of(weights: Mapping[str, Tensor]) -> dict[str, bytes]:
    """Return the bytes of each tensor, which tell -0 from 0."""
    return {
        name: each.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes()
        for name, each in weights.items()
    }
