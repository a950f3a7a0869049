"""Makers of cards, for tests of how cards are computed and shown."""

import importlib
import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import plotly.graph_objects as go

from moopt.reports.cards import Card, Table
from moopt.study.study import Study
from moopt.study.trials import Trial


def quick_cards(study: Study, trials: Sequence[Trial]) -> Iterator[Card]:
    """Yield one card of each kind, with markup in every text."""
    figure = go.Figure(go.Scatter(x=[1, 2], y=[2, 1]), {"height": 300})
    yield Card("curve", "A curve <b>bold</b>", figure=str(figure.to_json()), group="Quality")
    yield Card(
        "numbers",
        "Numbers",
        table=Table(["name", "value"], [[study.name, 0.123456789], ["<i>trials</i>", len(trials)]]),
        group="Quality",
    )
    yield Card("words", "Words", text="Some *words* <script>alert(1)</script>", group="More")
    yield Card("none", "Nothing", problem="too few <b>trials</b>", group="More")


def slow_cards(study: Study, trials: Sequence[Trial]) -> Iterator[Card]:
    """Yield one card at once, then another only after a minute."""
    yield Card("first", f"{study.name} with {len(trials)}")
    time.sleep(60)
    yield Card("second", "too late")


def dying_cards(study: Study, trials: Sequence[Trial]) -> Iterator[Card]:
    """Yield one card and die."""
    yield Card("first", f"{study.name} with {len(trials)}")
    os._exit(7)


def missing_package(study: Study, trials: Sequence[Trial]) -> Iterator[Card]:
    """Do what a maker does whose package is not installed."""
    del study, trials
    importlib.import_module("no_such_package")
    yield Card("never", "never")


def export_with_children(study: str, *, to: Path, trial: int, store: str) -> None:
    """Write a folder from a process of its own, as hooks that use several workers do."""
    del study, trial, store
    child = multiprocessing.get_context("fork").Process(target=_write_number, args=(to,))
    child.start()
    child.join()


def _write_number(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "child").write_text(str(os.getpid()))


def sleep_for_long(path: str) -> Iterator[str]:
    """Write which process this is, then do nothing for a minute."""
    Path(path).write_text(str(os.getpid()))
    yield path
    time.sleep(60)
    yield path
