"""The folder of a base model that a package carries, converted once where it is a GGUF file."""

from collections.abc import Callable
from pathlib import Path

from moopt.training.folders import cache_root, new_folder
from moopt.training.gguf import SUFFIX, convert_gguf
from moopt.training.packaged_models import PackagedModel


def base_folder(
    model: PackagedModel, report: Callable[[str, float], None] = lambda _message, _done: None
) -> Path:
    """Return a folder that transformers loads; the first call may take a minute.

    A converted model is kept below `MOOPT_CACHE`, or `~/.cache/moopt`.

    Args:
        model: In a package that is installed.
        report: Told what is being done, and the share of it that is done.

    Raises:
        MissingDependencyError: The package, or one that reads GGUF files, is not installed.
        TrainingError: The package holds other weights than expected.
    """
    if not model.weights.endswith(SUFFIX):
        return model.locate()
    folder = cache_root() / f"base-{model.sha256[:16]}"
    if not folder.is_dir():
        report("converting the base model", 0.0)
        source = model.locate()
        with new_folder(folder) as unfinished:
            convert_gguf(source / model.weights, unfinished)
    report("the base model is ready", 1.0)
    return folder
