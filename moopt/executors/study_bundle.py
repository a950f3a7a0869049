"""A study file and what lies beside it, as it goes to machines that do not have it.

Python files and small data are shipped; stores, artifacts, hidden folders, environments and big
files are not. A machine that has all of it under the same path, as on shared storage, uses that:
there the big files are too.
"""

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from moopt.errors import StudyError

MOST_BYTES_A_FILE = 10 * 2**20
MOST_BYTES = 100 * 2**20
MOST_FILES = 2000

STUDY_FOLDER = "moopt_study_files"
"""Where the files of a study lie among what was shipped."""

_NEVER_FOLDERS = frozenset({"__pycache__", "node_modules", "moopt-artifacts", "moopt_trials"})
_NEVER_FILES = (".pyc", ".db", ".db-wal", ".db-shm", ".db-journal", ".sqlite", ".sqlite3")
_ENVIRONMENT = "pyvenv.cfg"


@dataclass(frozen=True, slots=True)
class Bundle:
    """What belongs to a study file."""

    folder: Path
    """Of the study file, on the driver's machine."""

    study_file: str
    """Its name."""

    shipped: Mapping[str, str]
    """SHA-256 of each file that is shipped, by its path in the folder."""

    left_out: Mapping[str, int]
    """Bytes of each file that is too big."""


def bundle_of(study_file: Path) -> Bundle:
    """Return what is to be shipped of the folder of a study file.

    Raises:
        StudyError: It is more than the limits allow.
    """
    path = study_file.resolve()
    shipped: dict[str, str] = {}
    left_out: dict[str, int] = {}
    sizes: Counter[str] = Counter()
    for file in _files(path.parent):
        name = file.relative_to(path.parent)
        size = file.stat().st_size
        if size > MOST_BYTES_A_FILE:
            left_out[name.as_posix()] = size
            continue
        shipped[name.as_posix()] = _digest(file)
        sizes[name.parts[0]] += size
        if len(shipped) > MOST_FILES or sizes.total() > MOST_BYTES:
            raise StudyError(
                f"too much lies beside {path} to be shipped: more than {MOST_FILES} files or "
                f"{MOST_BYTES >> 20} MiB, most of it in {sizes.most_common(1)[0][0]!r}; move the "
                "study file and what it imports into a folder of their own"
            )
    return Bundle(path.parent, path.name, shipped, left_out)


def pack(bundle: Bundle, package: Path, target: Path) -> None:
    """Copy what is to be shipped to an empty folder: the study's files and a Python package."""
    for name in bundle.shipped:
        copy = target / STUDY_FOLDER / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(bundle.folder / name, copy)
    for file in _files(package):
        copy = target / package.name / file.relative_to(package)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, copy)


def lies_here(bundle: Bundle) -> bool:
    """Say whether this machine has every file of the bundle, under the same path."""
    try:
        return all(
            _digest(bundle.folder / name) == digest for name, digest in bundle.shipped.items()
        ) and all(
            (bundle.folder / name).stat().st_size == size for name, size in bundle.left_out.items()
        )
    except OSError:
        return False


def _files(folder: Path) -> Iterator[Path]:
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in _NEVER_FOLDERS
            and not (Path(where) / name / _ENVIRONMENT).exists()
        )
        for name in sorted(files):
            if not name.startswith(".") and not name.endswith(_NEVER_FILES):
                file = Path(where) / name
                if file.is_file():
                    yield file


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
