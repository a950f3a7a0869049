"""BoTorch's compiled kernel of hypervolume improvement, built so that nobody waits for the dead."""

import os
import sys
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

import botorch
import torch
from filelock import FileLock
from torch.utils import cpp_extension

NAME = "logei_fused_ext"
"""The module that BoTorch imports first; it compiles one of its own where there is none."""


@cache
def prepare_fused_kernel() -> None:
    """Compile BoTorch's kernel once per machine and have it found by BoTorch in this process.

    PyTorch marks a compilation that runs by a file. A process that is killed meanwhile leaves the
    file behind, and all later ones wait for it to disappear. Here the system's own lock tells
    whether anybody compiles: it ends with its process. Without a compiler nothing happens, and
    BoTorch falls back to a slower path with the same values.
    """
    root = os.environ.get("TORCH_EXTENSIONS_DIR") or cpp_extension.get_default_build_root()
    versions = f"{sys.implementation.cache_tag}_{torch.__version__}_{version('botorch')}"
    folder = Path(root) / f"moopt_{versions}"
    source = Path(botorch.__file__).parent / "csrc" / "logei_fused.cpp"
    with suppress(OSError, RuntimeError, ImportError):
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "compiling"):
            (folder / "lock").unlink(missing_ok=True)
            sys.modules[NAME] = cpp_extension.load(
                NAME,
                [str(source)],
                extra_cflags=["-O3", "-march=native"],
                build_directory=str(folder),
            )
