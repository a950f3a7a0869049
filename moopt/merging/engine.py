"""Carry out a recipe in bounded memory: stream every tensor into a new model folder."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from moopt.errors import MergeError
from moopt.merging.checkpoint import TensorInfo
from moopt.merging.methods import METHODS
from moopt.merging.methods.method import Settings
from moopt.merging.one_tensor import merged_pieces
from moopt.merging.random_bits import mask_keys, rounding_key
from moopt.merging.recipe import MergeRecipe
from moopt.merging.rounding import require_random_rounding
from moopt.merging.settings import settings_of
from moopt.merging.sources import Sources, open_sources, pieces
from moopt.merging.statistics import open_statistics
from moopt.merging.tensor_facts import TensorSource
from moopt.merging.writing import SHARD_SIZE, copy_companions, write_model_weights

Report = Callable[[str, float], None]
"""Takes a topic and, behind a colon, a detail; and the share of the topic that is done, 0 to 1."""


def write_merge(
    recipe: MergeRecipe,
    folder: Path,
    *,
    shard_size: int = SHARD_SIZE,
    report: Report | None = None,
) -> None:
    """Write the merged model as a Hugging Face folder, with the names of the base.

    Only pieces of tensors are in memory, and one whole task vector where its numbers have to be
    ranked. Base and experts are only read; equal recipes and sources give equal bytes.

    Args:
        recipe: What to merge.
        folder: Made if it is missing; other files in it stay.
        shard_size: Most bytes of weights in one file.
        report: Told how far it is.

    Raises:
        MergeError: The folder is one of the sources, the sources do not fit together, one holds
            NaN, or the recipe is not for them. Nothing is written then.
    """
    sources = sources_of(recipe)
    read_from = [Path(path) for path in (recipe.base, *recipe.experts.values()) if path is not None]
    if folder.resolve() in [source.resolve() for source in read_from]:
        raise MergeError(f"{folder} is a source of this merge; write to another folder")
    tell = report or _silent
    sources.check_finite(tell)
    merged = merged_tensors(recipe, sources)
    infos = {
        name: TensorInfo(info.shape, _dtype(recipe, info.dtype))
        for name, info in sources.reference.tensors.items()
    }
    total = max(1, sum(info.size for info in infos.values()))
    written = 0

    def tensor(name: str) -> Iterator[Tensor]:
        nonlocal written
        tell(f"merging: {name}", written / total)
        written += infos[name].size
        yield from merged[name]() if name in merged else _copied(sources, name)

    folder.mkdir(parents=True, exist_ok=True)
    copy_companions(sources.reference.folder, folder, recipe.dtype)
    write_model_weights(folder, infos, tensor, shard_size)
    tell("merging: done", 1.0)


def merged_tensors(
    recipe: MergeRecipe, sources: Sources
) -> Mapping[str, Callable[[], Iterator[Tensor]]]:
    """Return what gives the pieces of each merged tensor, rounded as the recipe says.

    Raises:
        MergeError: The recipe's blocks are not those of the model, its options do not go together,
            or a dtype cannot be rounded as it says.
    """
    names = sources.names
    settings = settings_of(recipe, names)
    mask = METHODS[recipe.method].mask
    if mask is not None and mask.check is not None:
        mask.check(settings)
    if recipe.rounding_seed is not None:
        for name in names:
            require_random_rounding(_dtype(recipe, sources.info(name).dtype))

    def stream(name: str, own: Settings) -> Callable[[], Iterator[Tensor]]:
        return lambda: _merged(recipe, sources, name, own)

    return {name: stream(name, settings.at(index)) for index, name in enumerate(names)}


def sources_of(recipe: MergeRecipe) -> Sources:
    """Open the models that a recipe names.

    Raises:
        MergeError: They do not fit together.
    """
    base = None if recipe.base is None else Path(recipe.base)
    sources = open_sources(base, {name: Path(path) for name, path in recipe.experts.items()})
    statistics = {name: open_statistics(Path(path)) for name, path in recipe.statistics.items()}
    wanted = METHODS[recipe.method].statistics
    for name, each in statistics.items():
        if each.kind is not wanted:
            raise MergeError(
                f"{recipe.method} needs other statistics than those of {name!r} in "
                f"{recipe.statistics[name]}, which are of the kind {each.kind.value}"
            )
    return replace(sources, statistics=statistics)


def _merged(
    recipe: MergeRecipe, sources: Sources, name: str, settings: Settings
) -> Iterator[Tensor]:
    info = sources.info(name)
    source = TensorSource(
        info.shape,
        len(sources.experts),
        lambda start, stop: sources.read(name, start, stop),
        lambda: sources.load_statistics(name),
    )
    keys = mask_keys(settings.seed, name, list(recipe.experts))
    seed = recipe.rounding_seed
    return merged_pieces(
        METHODS[recipe.method],
        settings,
        source,
        keys,
        _dtype(recipe, info.dtype),
        rounding_key=None if seed is None else rounding_key(seed, name),
    )


def _copied(sources: Sources, name: str) -> Iterator[Tensor]:
    for start, stop in pieces(sources.info(name).shape):
        yield sources.reference.read(name, start, stop)


def _dtype(recipe: MergeRecipe, stored: torch.dtype) -> torch.dtype:
    if recipe.dtype is None or not stored.is_floating_point:
        return stored
    chosen: torch.dtype = getattr(torch, recipe.dtype)
    return chosen


def _silent(what: str, share: float) -> None:
    del what, share
