"""A merged model as a folder that explains itself: weights, recipe in two forms, model card."""

import re
from dataclasses import dataclass
from pathlib import Path

from moopt.errors import MergeError
from moopt.merging.adapter_config import ADAPTER_CONFIG
from moopt.merging.card import CARD, MERGEKIT, RECIPE, merge_card
from moopt.merging.checkpoint import INDEX, open_checkpoint
from moopt.merging.engine import Report, write_merge
from moopt.merging.from_mergekit import tensors_in
from moopt.merging.locations import LocatedRecipe
from moopt.merging.mergekit import mergekit_yaml
from moopt.merging.recipe import DTYPES, MergeRecipe
from moopt.merging.writing import COMPANIONS, SHARD_SIZE

WEIGHTS_FILE = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors")
OWN_FILES = {*COMPANIONS, CARD, RECIPE, MERGEKIT, INDEX}


@dataclass(frozen=True, slots=True)
class MergedFolder:
    """What was written."""

    files: tuple[str, ...]
    """In alphabetical order."""

    tensors: int
    size: int
    """Bytes of weights."""

    not_for_mergekit: str | None
    """Why there is no configuration for mergekit. None: there is one."""


def write_merged_folder(
    located: LocatedRecipe,
    folder: Path,
    *,
    title: str,
    shard_size: int = SHARD_SIZE,
    report: Report | None = None,
) -> MergedFolder:
    """Merge, and write recipe and model card beside the model.

    Args:
        located: What to merge.
        folder: Made if it is missing; other files in it stay.
        title: The model's name, for its card.
        shard_size: Most bytes of weights in one file.
        report: Told how far it is.

    Raises:
        MergeError: The models cannot be merged.
    """
    write_merge(located.here, folder, shard_size=shard_size, report=report)
    (folder / RECIPE).write_text(located.named.to_json() + "\n", encoding="utf-8")
    refusal = None
    try:
        text = mergekit_of(located)
        (folder / MERGEKIT).write_text(text, encoding="utf-8")
    except MergeError as error:
        refusal = str(error)
    (folder / CARD).write_text(merge_card(folder, located.named, title), encoding="utf-8")
    written = open_checkpoint(folder).tensors
    return MergedFolder(
        tuple(sorted(each.name for each in folder.iterdir())),
        len(written),
        sum(info.size for info in written.values()),
        refusal,
    )


def mergekit_of(located: LocatedRecipe) -> str:
    """Return a recipe as a configuration for mergekit, with the dtype that its models have.

    Raises:
        MergeError: mergekit would compute something else, or a model cannot be opened.
    """
    reference = reference_of(located.here)
    stored = {
        str(info.dtype).removeprefix("torch.")
        for info in open_checkpoint(Path(reference)).tensors.values()
        if info.dtype.is_floating_point
    }
    only = stored.pop() if len(stored) == 1 else None
    return mergekit_yaml(
        located.named,
        tensors_in(reference),
        stored_dtype=only if only in DTYPES else None,
        adapters=[
            name
            for name, folder in located.here.experts.items()
            if (Path(folder) / ADAPTER_CONFIG).is_file()
        ],
    )


def reference_of(recipe: MergeRecipe) -> str:
    """Return the model that lends a merge its names and its configuration."""
    return recipe.base or next(iter(recipe.experts.values()))


def is_merged_folder(folder: Path) -> bool:
    """Say whether a folder holds a merge that `write_merged_folder` wrote, and nothing else."""
    names = [each.name for each in folder.iterdir()]
    return RECIPE in names and all(
        name in OWN_FILES or WEIGHTS_FILE.fullmatch(name) for name in names
    )
