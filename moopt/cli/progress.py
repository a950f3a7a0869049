"""What a search says while it runs, on stderr: a live line on a terminal, plain lines elsewhere."""

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import TaskID

from moopt.cli.steps import NAMED_STEPS, bars, print_line
from moopt.front.front import front_of
from moopt.loop import Phase, Progress, StopLevel
from moopt.reports.best import reached_text
from moopt.reports.formatting import duration_text
from moopt.study.costs import spent
from moopt.study.trials import ENDED_STATES, TrialState


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a run is, for reading."""

    done: int
    total: int | None
    """None: any number of trials."""

    facts: str

    @property
    def trials(self) -> str:
        """How many there are, and of how many."""
        return (
            f"{self.done} trials" if self.total is None else f"{self.done} of {self.total} trials"
        )


@dataclass(slots=True)
class Summary:
    """Sums up the progress of a run.

    It keeps what was there at the start, because the time left depends on what this run achieved,
    and what was reached, which changes only when a trial has ended.
    """

    _ended_before: int | None = None
    _spent_before: float = 0.0
    _ended: int = -1
    _reached: str = ""

    def standing(self, progress: Progress) -> Standing:
        """Return how far a run is."""
        if progress.phase is Phase.HELD_OUT:
            front = front_of(progress.study, progress.trials).trials
            done = sum(bool(trial.held_out) for trial in front)
            return Standing(done, len(front), _draining(progress) or _workers(progress))
        ended = sum(trial.state in ENDED_STATES for trial in progress.trials)
        cost = spent(progress.study, progress.trials, ENDED_STATES)
        if self._ended_before is None:
            self._ended_before, self._spent_before = ended, cost
        if ended != self._ended:
            self._ended = ended
            self._reached = reached_text(front_of(progress.study, progress.trials))
        facts = [self._reached, _draining(progress) or _workers(progress)]
        if progress.budget is not None:
            facts.append(f"{cost:.3g} of {progress.budget:g} evaluations spent")
        counts = Counter(trial.state for trial in progress.trials)
        facts += [
            f"{counts[state]} {state.value}"
            for state in (TrialState.FAILED, TrialState.STOPPED)
            if counts[state]
        ]
        left = [
            progress.elapsed / (now - before) * (wanted - now)
            for before, now, wanted in (
                (self._ended_before, ended, progress.target),
                (self._spent_before, cost, progress.budget),
            )
            if wanted is not None and before < now < wanted
        ]
        if left and progress.stopping is StopLevel.GO_ON:
            facts.append(f"about {duration_text(min(left))} left")
        return Standing(ended, progress.target, ", ".join(facts))


class Observer(Protocol):
    """Shows the preparation of a study, then its search."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def preparation(self, step: str, share: float) -> None:
        """Show how far the preparation is, from 0 to 1."""
        ...

    def search(self, progress: Progress) -> None:
        """Show how far the search is."""
        ...


def observer() -> Observer:
    """Return what suits stderr."""
    return LiveObserver() if sys.stderr.isatty() else PlainObserver(print_line)


@dataclass(slots=True)
class PlainObserver:
    """Says a line when something has ended."""

    say: Callable[[str], None]
    _summary: Summary = field(default_factory=Summary)
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

    def preparation(self, step: str, share: float) -> None:
        """Say each new topic, what stands before a colon, and now and then how far it is."""
        news = (step.partition(":")[0], int(share * NAMED_STEPS))
        if news != self._last:
            self._last = news
            self.say(f"preparing, {share:4.0%}: {step}")

    def search(self, progress: Progress) -> None:
        """Say how far the search is, when that has changed."""
        standing = self._summary.standing(progress)
        news = (progress.phase, standing.done, progress.stopping)
        if news != self._last:
            self._last = news
            self.say(f"{progress.phase}, {standing.trials}: {standing.facts}")


class LiveObserver:
    """Keeps a bar up to date."""

    def __init__(self) -> None:
        self._bars = bars(Console(stderr=True))
        self._summary = Summary()
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

    def preparation(self, step: str, share: float) -> None:
        """Move the bar of the preparation."""
        self._move("prepare", Standing(round(100 * share), 100, step))

    def search(self, progress: Progress) -> None:
        """Move the bar of the search, or that of the held-out measurements."""
        self._move(str(progress.phase), self._summary.standing(progress))

    def _move(self, name: str, standing: Standing) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, facts="")
        self._bars.update(
            self._tasks[name],
            completed=standing.done,
            total=standing.total,
            facts=standing.facts,
        )


def _draining(progress: Progress) -> str:
    """Return what a run waits for that starts no more trials; empty for any other."""
    if progress.stopping is not StopLevel.DRAIN or not progress.running:
        return ""
    trials = "1 running trial" if progress.running == 1 else f"{progress.running} running trials"
    return f"stopping after {trials}, Ctrl-C stops at once"


def _workers(progress: Progress) -> str:
    return f"{progress.running} of {progress.capacity} workers busy"
