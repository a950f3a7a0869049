"""How far a command is that goes through a few steps: bars on a terminal, plain lines elsewhere.

A step is told as `topic: detail`. Every topic has a bar of its own.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Column

WIDE = 100
"""Columns from which a terminal has room for a long bar."""

NAMED_STEPS = 4
"""How often a topic is reported on its way where no bar can be shown."""


class Steps(Protocol):
    """Shows steps."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def tell(self, step: str, share: float) -> None:
        """Show how much of a topic is done, from 0 to 1."""
        ...


def steps() -> Steps:
    """Return what suits stderr."""
    return LiveSteps() if sys.stderr.isatty() else PlainSteps(print_line)


@dataclass(slots=True)
class PlainSteps:
    """Says each new topic, and now and then how far it is."""

    say: Callable[[str], None]
    _last: object = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Do nothing: every line is complete."""

    def tell(self, step: str, share: float) -> None:
        """Say a line if there is news."""
        topic, _, detail = step.partition(": ")
        news = topic, int(share * NAMED_STEPS)
        if news != self._last:
            self._last = news
            self.say(f"{topic}, {share:4.0%}: {detail}")


class LiveSteps:
    """Keeps a bar for each topic up to date."""

    def __init__(self) -> None:
        self._bars = bars(Console(stderr=True))
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def tell(self, step: str, share: float) -> None:
        """Move the bar of a topic; those before it are done."""
        topic, _, detail = step.partition(": ")
        if topic not in self._tasks:
            for task in self._tasks.values():
                self._bars.update(task, completed=100, facts="")
            self._tasks[topic] = self._bars.add_task(topic, total=100, facts="")
        self._bars.update(self._tasks[topic], completed=round(100 * share), facts=detail)


def bars(console: Console) -> Progress:
    """Return bars with a count and, where there is room, facts."""
    return Progress(
        TextColumn("{task.description}", table_column=Column(no_wrap=True)),
        BarColumn(bar_width=24 if console.width >= WIDE else 6),
        MofNCompleteColumn(table_column=Column(no_wrap=True, min_width=7)),
        # The facts give way where a terminal is narrow, the numbers do not.
        TextColumn(
            "{task.fields[facts]}",
            table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
        ),
        console=console,
        expand=True,
    )


def print_line(line: str) -> None:
    """Print a line to stderr at once."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
