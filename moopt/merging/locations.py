"""Where the models of a recipe lie on this disk.

A recipe names them as its author did: a folder beside the recipe, a folder seen from the current
one, or a model on the Hugging Face hub, which has to be in the hub's cache already. Nothing is
downloaded.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from moopt.errors import MergeError
from moopt.merging.recipe import MergeRecipe

HUB_NAME = re.compile(r"([\w\-]+(?:\.[\w\-]+)*/[\w\-]+(?:\.[\w\-]+)*)(?:@([\w.\-/]+))?")
"""What `owner/model` on a model hub looks like, with a revision if one is asked for."""

NEWEST = "main"


@dataclass(frozen=True, slots=True)
class LocatedRecipe:
    """A recipe in two forms."""

    here: MergeRecipe
    """With the folders on this disk."""

    named: MergeRecipe
    """To be written down: with models of the hub by their names, and other folders in full."""


def locate_models(recipe: MergeRecipe, folder: Path) -> LocatedRecipe:
    """Find the models of a recipe.

    Args:
        recipe: What to merge.
        folder: Where the recipe lies.

    Raises:
        MergeError: A model is neither a folder nor in the hub's cache.
    """
    return LocatedRecipe(
        here=_with_models(recipe, lambda model: str(locate(model, folder)), folder),
        named=_with_models(recipe, lambda model: _name(model, folder), folder),
    )


def locate(model: str, folder: Path) -> Path:
    """Return the folder of a model: beside the recipe, else from here, else in the hub's cache.

    Args:
        model: A folder or a name on the hub.
        folder: Where the recipe lies.

    Raises:
        MergeError: There is no such folder.
    """
    found = _folder(model, folder) or _cached(model)
    if found is not None:
        return found
    searched = f"looked in {folder.resolve()} and in the current folder"
    if HUB_NAME.fullmatch(model):
        raise MergeError(
            f"the model {model!r} is not on this disk; {searched}, and in the cache of the "
            f"Hugging Face hub; download it first, for example with "
            f"`hf download {model.partition('@')[0]}`"
        )
    raise MergeError(f"there is no folder {model!r}; {searched}")


def _with_models(recipe: MergeRecipe, find: Callable[[str], str], folder: Path) -> MergeRecipe:
    return replace(
        recipe,
        base=None if recipe.base is None else find(recipe.base),
        experts={name: find(model) for name, model in recipe.experts.items()},
        statistics={
            name: str(_statistics(file, folder)) for name, file in recipe.statistics.items()
        },
    )


def _name(model: str, folder: Path) -> str:
    found = _folder(model, folder)
    return model if found is None else str(found)


def _folder(model: str, folder: Path) -> Path | None:
    return next((each for each in _places(model, folder) if each.is_dir()), None)


def _statistics(file: str, folder: Path) -> Path:
    places = _places(file, folder)
    return next((each for each in places if each.is_file()), places[0])


def _places(name: str, folder: Path) -> tuple[Path, Path]:
    path = Path(name).expanduser()
    return (folder / path).resolve(), path.resolve()


def _cached(model: str) -> Path | None:
    """Return the folder of a model that the hub's own tools have downloaded."""
    named = HUB_NAME.fullmatch(model)
    if named is None:
        return None
    stored = _hub_cache() / f"models--{named[1].replace('/', '--')}"
    revision = named[2] or NEWEST
    reference = stored / "refs" / revision
    if reference.is_file():
        revision = reference.read_text(encoding="utf-8").strip()
    snapshot = stored / "snapshots" / revision
    return snapshot if snapshot.is_dir() else None


def _hub_cache() -> Path:
    home = os.environ.get("HF_HOME") or Path(
        os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "huggingface"
    )
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home, "hub")).expanduser()
