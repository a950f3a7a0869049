"""Carry out a recipe: stream every tensor through the method into a new model folder."""

from pathlib import Path

from torch import Tensor

from moopt.errors import MergeError
from moopt.merging.checkpoint import WEIGHTS, copy_companions, write_weights
from moopt.merging.layer_groups import layer_groups
from moopt.merging.methods import METHODS
from moopt.merging.recipe import MergeRecipe
from moopt.merging.task_vectors import open_task_vectors


def write_merge(recipe: MergeRecipe, folder: Path) -> None:
    """Write the merged model as a Hugging Face folder, with the base's names and dtypes.

    Only one tensor of each model is in memory at a time. Base and experts are only read; equal
    recipes and sources give equal bytes.

    Args:
        recipe: What to merge.
        folder: Made if it is missing; other files in it stay.

    Raises:
        MergeError: The folder is one of the sources, or the sources do not fit together.
    """
    sources = [Path(recipe.base), *map(Path, recipe.experts.values())]
    if folder.resolve() in [source.resolve() for source in sources]:
        raise MergeError(f"{folder} is a source of this merge; write to another folder")
    vectors = open_task_vectors(
        Path(recipe.base), {name: Path(path) for name, path in recipe.experts.items()}
    )
    group_of = layer_groups(vectors.names, recipe.layer_groups)
    method = METHODS[recipe.method]

    def merged(name: str) -> Tensor:
        if name not in group_of:
            return vectors.base.load(name)
        base, own = vectors.load(name)
        return method(base, own, recipe.for_group(group_of[name]))

    folder.mkdir(parents=True, exist_ok=True)
    copy_companions(vectors.base.folder, folder)
    write_weights(folder / WEIGHTS, vectors.base.tensors, merged)
