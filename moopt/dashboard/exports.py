"""Models that the page writes to folders, each in a process of its own."""

import importlib
import threading
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

from moopt.dashboard.jobs import Job, Keeper
from moopt.dashboard.live import LiveStudies
from moopt.dashboard.picking import MODELS, folder_for
from moopt.errors import SelectionError

LONGEST_SECONDS = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an export is."""

    number: int
    """Of the trial."""

    text: str
    _: KW_ONLY
    kind: str = "quiet"
    is_done: bool = True


class Exports:
    """Starts exports and knows how they went. Threads may share it.

    Args:
        export: A function as `module:name`, imported in the process and called with the name of a
            study, and with `to`, `trial` and `store` by name. It must take names of the store
            only: what it is given came from a browser.
        store: Where the studies are.
        live: The studies that may be seen; of others nothing is written.
    """

    def __init__(self, export: str, store: str, live: LiveStudies) -> None:
        self._export = export
        self._store = store
        self._live = live
        self._lock = threading.Lock()
        self._jobs: dict[tuple[str, int], Job] = {}
        self._keeper = Keeper(self._lock, self._is_busy)

    def start(self, study: str, number: int) -> None:
        """Write the model of a trial, unless that is going on.

        Raises:
            SelectionError: There is no such study or trial to be seen, or its folder would lie
                elsewhere than in `models`.
        """
        self._check(study, number)
        with self._lock:
            job = self._jobs.get((study, number))
            if job is None or job.is_done:
                # The latest stands last.
                self._jobs.pop((study, number), None)
                folder = folder_for(study, number)
                self._jobs[study, number] = Job(
                    run_export,
                    *(self._export, study, folder, number, self._store),
                    seconds=LONGEST_SECONDS,
                    has_children=True,
                )
                self._keeper.start()

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            for job in self._jobs.values():
                job.cancel()

    def _is_busy(self) -> bool:
        for job in self._jobs.values():
            job.collect()
        return any(not job.is_done for job in self._jobs.values())

    def _check(self, study: str, number: int) -> None:
        """Check what a browser sent; no annotation holds there."""
        if study not in self._live.names():
            raise SelectionError(f"there is no study {study!r} here to export from")
        # True is an int too, and names no trial.
        if type(number) is not int or self._live.snapshot(study).trial(number) is None:
            raise SelectionError(f"study {study!r} has no trial {number!r} to export")
        folder = folder_for(study, number).resolve()
        if folder.parent != MODELS.resolve():
            raise SelectionError(f"a model is written to {MODELS}/, and {folder} is not in it")

    def progress(self, study: str) -> list[Progress]:
        """Return how far the exports of a study are, the latest first."""
        with self._lock:
            mine = [(n, job) for (name, n), job in self._jobs.items() if name == study]
            return [_progress(study, number, job) for number, job in reversed(mine)]


def _progress(study: str, number: int, job: Job) -> Progress:
    job.collect()
    folder = folder_for(study, number).resolve()
    if not job.is_done:
        return Progress(number, f"Writing trial {number} to {folder} …", is_done=False)
    if job.problem:
        return Progress(number, f"Trial {number} was not written: {job.problem}", kind="problem")
    return Progress(number, f"Trial {number} is in {folder}", kind="good")


def run_export(export: str, study: str, folder: Path, number: int, store: str) -> Iterator[str]:
    """Export a trial; runs in a process."""
    module, _, name = export.partition(":")
    getattr(importlib.import_module(module), name)(study, to=folder, trial=number, store=store)
    yield str(folder)
