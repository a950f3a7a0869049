"""From what was typed to a study and its trials: study files, names in the store, stores."""

from dataclasses import dataclass, replace
from pathlib import Path

from moopt.errors import SelectionError, StoreError
from moopt.store.store import Store
from moopt.study.loading import StudyFile, load_study_file
from moopt.study.scale import SCALE_VARIABLE
from moopt.study.study import Study
from moopt.study.trials import Trial

SQLITE = "sqlite:///"
ARTIFACTS = "moopt-artifacts"


@dataclass(frozen=True, slots=True)
class StoredStudy:
    """A study as the store has it."""

    study: Study
    trials: list[Trial]
    path: Path | None
    """The study file. None: it was made by a program."""

    inferred: tuple[str, ...]
    """Objectives whose reference the user did not give."""


def sqlite_file(store: str) -> Path | None:
    """Return the file of a store, or None where it is another kind of database."""
    if "://" not in store:
        return Path(store).expanduser()
    return Path(store.removeprefix(SQLITE)) if store.startswith(SQLITE) else None


def artifacts(store: str) -> Path:
    """Return the folder for what trials leave behind: beside a SQLite store, else here."""
    file = sqlite_file(store)
    return (file.parent if file else Path()) / ARTIFACTS


def holds_store(store: str) -> bool:
    """Say whether there is a store: false for a SQLite file that does not exist."""
    file = sqlite_file(store)
    return file is None or file.exists()


def existing_store(store: str) -> Store:
    """Open a store to read from it; never makes an empty one.

    Raises:
        StoreError: There is none.
    """
    if not holds_store(store):
        raise StoreError(
            f"there is no store {store!r}; `moopt run STUDY` makes one, --store or MOOPT_STORE "
            "names another"
        )
    return Store(store)


def is_file(text: str) -> bool:
    """Say whether STUDY means a file rather than a name in the store."""
    return text.endswith(".py") or "/" in text or Path(text).is_file()


def study_file(text: str, store: Store) -> StudyFile:
    """Load the study file that STUDY names, directly or by the name of its study.

    Raises:
        SelectionError: The store knows no such study, or not from which file it came.
    """
    return load_study_file(Path(text)) if is_file(text) else named_study_file(text, store)


def named_study_file(name: str, store: Store) -> StudyFile:
    """Load the file of a study that the store knows; the name is never taken for a file.

    Raises:
        SelectionError: The store knows no such study, or not from which file it came.
    """
    _check_known(name, store)
    path = store.path(name)
    if path is None:
        raise SelectionError(
            f"study {name!r} was not made from a study file; give the path of one instead"
        )
    file = load_study_file(path)
    if file.study.name != name:
        raise SelectionError(
            f"{path} was to define study {name!r} and defines {file.study.name!r}; if the study "
            f"has several sizes, name the one that is meant with {SCALE_VARIABLE} or --scale"
        )
    return file


def stored_study(text: str, store: Store) -> StoredStudy:
    """Return the study that STUDY names, with its trials.

    Raises:
        SelectionError: The store knows no such study.
    """
    if not is_file(text):
        return named_study(text, store)
    file = load_study_file(Path(text))
    return replace(named_study(file.study.name, store), path=file.path)


def named_study(name: str, store: Store) -> StoredStudy:
    """Return a study that the store knows; the name is never taken for a file.

    Raises:
        SelectionError: The store knows no such study.
    """
    _check_known(name, store)
    inferred = tuple(store.inferred(name))
    return StoredStudy(store.study(name), store.trials(name), store.path(name), inferred)


def _check_known(name: str, store: Store) -> None:
    names = store.studies()
    if name not in names:
        known = f"it has {', '.join(map(repr, names))}" if names else "it is empty"
        raise SelectionError(
            f"the store has no study {name!r}, {known}; give a study file, or run it first"
        )
