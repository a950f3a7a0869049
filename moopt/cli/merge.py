"""`moopt merge`: models merged by a recipe, without a search."""

from dataclasses import replace
from pathlib import Path

from moopt.cli.display import print_json
from moopt.cli.errors import WrongRecipeError
from moopt.cli.merge_options import (
    DtypeOption,
    FolderOption,
    FormatOption,
    JsonOption,
    MergekitOption,
    OverwriteOption,
    RecipeArgument,
    ShardSizeOption,
)
from moopt.cli.options import PointFormat
from moopt.cli.sizes import UNITS, size_in_bytes
from moopt.cli.steps import print_line, steps
from moopt.cli.target_folder import appearing, check_new_or_empty
from moopt.errors import MergeError, SelectionError
from moopt.merging.folder import (
    MergedFolder,
    is_merged_folder,
    mergekit_of,
    write_merged_folder,
)
from moopt.merging.from_mergekit import recipe_from_mergekit, tensors_in
from moopt.merging.locations import LocatedRecipe, locate, locate_models
from moopt.merging.recipe import MergeRecipe
from moopt.reports.formatting import quantity_text
from moopt.reports.tables import Json

YAML = (".yml", ".yaml")


def merge(
    recipe: RecipeArgument,
    *,
    to: FolderOption = None,
    overwrite: OverwriteOption = False,
    dtype: DtypeOption = None,
    shard_size: ShardSizeOption = "5GB",
    json: JsonOption = None,
    mergekit: MergekitOption = None,
    format_: FormatOption = PointFormat.TABLE,
) -> None:
    """Merge models by a recipe, without a search.

    Folders in a recipe are looked for beside it, then in the current folder, then in the cache of
    the Hugging Face hub. With --json or --mergekit and without --to the recipe is only rewritten.

    Example: moopt merge ties.yml --to models/merged --dtype bfloat16
    """
    if to is None and json is None and mergekit is None:
        raise SelectionError("--to says where the merged model is to be written; it is missing")
    most = size_in_bytes(shard_size, "--shard-size")
    located = read_recipe(recipe)
    if dtype is not None:
        located = LocatedRecipe(
            replace(located.here, dtype=dtype.value), replace(located.named, dtype=dtype.value)
        )
    if to is not None:
        check_target(to, located.here, overwrite=overwrite)
    # mergekit may not be able to say it, which is better known before a long merge than after it.
    configuration = mergekit_of(located) if mergekit is not None else ""
    if to is not None:
        with appearing(to) as staging, steps() as shown:
            written = write_merged_folder(
                located, staging, title=to.resolve().name, shard_size=most, report=shown.tell
            )
        conclude(located.named, to, written, format_)
    if json is not None:
        _write(json, located.named.to_json() + "\n")
    if mergekit is not None:
        _write(mergekit, configuration)


def read_recipe(path: Path) -> LocatedRecipe:
    """Read a recipe in either form and find its models.

    Raises:
        SelectionError: There is no such file.
        WrongRecipeError: It is no recipe, or a model of it is not there.
    """
    if not path.is_file():
        raise SelectionError(f"there is no recipe {str(path)!r}; give a .json or .yml file")
    folder = path.parent
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix in YAML:
            read = recipe_from_mergekit(text, lambda model: tensors_in(str(locate(model, folder))))
        else:
            read = MergeRecipe.from_json(text)
        return locate_models(read, folder)
    except (MergeError, UnicodeDecodeError) as error:
        raise WrongRecipeError(f"{path}: {error}") from error


def check_target(folder: Path, recipe: MergeRecipe, *, overwrite: bool) -> None:
    """Refuse to write where something is that `moopt merge` did not write, or over a source.

    Raises:
        SelectionError: Something is there.
    """
    target = folder.resolve()
    for model in (recipe.base, *recipe.experts.values()):
        if model is not None and Path(model).resolve().is_relative_to(target):
            raise SelectionError(
                f"--to {str(folder)!r} holds {model!r}, which is merged; choose another folder"
            )
    if not (overwrite and folder.is_dir() and is_merged_folder(folder)):
        remedy = "choose another, or replace a merge by --overwrite"
        if overwrite:
            remedy = "--overwrite replaces what `moopt merge` wrote and nothing else"
        check_new_or_empty(folder, remedy)


def conclude(recipe: MergeRecipe, folder: Path, written: MergedFolder, form: PointFormat) -> None:
    """Say what was written."""
    if form is PointFormat.JSON:
        print_json(merge_to_json(recipe, folder, written))
        return
    count = sum(name.endswith(".safetensors") for name in written.files)
    files = quantity_text(count, "file")
    models = quantity_text(len(recipe.experts), "model")
    tensors = quantity_text(written.tensors, "tensor")
    size = _size(written.size)
    print_line(f"wrote {recipe.method} of {models} to {folder}: {tensors}, {size} in {files}")
    if written.not_for_mergekit is not None:
        print_line(f"no configuration for mergekit: {written.not_for_mergekit}")


def merge_to_json(recipe: MergeRecipe, folder: Path, written: MergedFolder) -> Json:
    """Return what a program may want to know of a merge."""
    return {
        "folder": str(folder),
        "method": recipe.method,
        "base": recipe.base,
        "experts": dict(recipe.experts),
        "dtype": recipe.dtype,
        "tensors": written.tensors,
        "bytes": written.size,
        "files": list(written.files),
        "not_for_mergekit": written.not_for_mergekit,
    }


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _size(size: int) -> str:
    for unit in ("GB", "MB", "KB"):
        if size >= UNITS[unit]:
            return f"{size / UNITS[unit]:.3g} {unit}"
    return f"{size} bytes"
