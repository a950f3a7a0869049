"""Cards that take seconds to compute: made in a process, kept, handed out as they become ready."""

import importlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from moopt.dashboard.jobs import Job, Keeper
from moopt.dashboard.live import Snapshot
from moopt.errors import MooptError
from moopt.reports.cards import Card
from moopt.study.study import Study
from moopt.study.trials import ENDED_STATES, Trial

LONGEST_SECONDS = 900.0
UNWATCHED_SECONDS = 90.0
"""After so long without anybody asking, what is being computed is given up. Browsers let a page in
the background ask once a minute."""

MOST_AT_ONCE = 1
"""Processes: search and trials need the machine more."""


@dataclass(frozen=True, slots=True)
class Hand:
    """Cards as far as they are ready."""

    cards: tuple[Card, ...]
    """The new ones first; those of an earlier state of the study stand until theirs are ready."""

    trials: int
    """Ended trials that they know of."""

    is_done: bool
    is_waiting: bool = False
    """Whether others are computed first."""

    problem: str = ""

    @property
    def stamp(self) -> list[object]:
        """What changes when there is something new to show."""
        return [len(self.cards), self.trials, self.is_done, self.is_waiting, self.problem]


@dataclass(slots=True)
class _Place:
    """The cards of one study by one maker."""

    key: tuple[object, ...] = ()
    """The state of the study that the job knows."""

    trials: int = 0
    job: Job | None = None
    earlier: dict[str, Card] = field(default_factory=dict)
    asked: float = 0.0


class CardDesk:
    """Makes and keeps cards. Threads may share it.

    A study that changes while its cards are computed gets them to the end, and then new ones: were
    they cancelled with every new trial, a study with quick trials would never see any.

    Args:
        makers: By name, the generator `f(study, trials)` of each kind of cards as `module:name`. It
            is imported in the process, for it may need seconds and packages that are not installed.
    """

    def __init__(self, makers: Mapping[str, str]) -> None:
        self._makers = makers
        self._lock = threading.Lock()
        self._places: dict[tuple[str, str], _Place] = {}
        self._keeper = Keeper(self._lock, self._look)

    def ask(self, maker: str, snapshot: Snapshot) -> Hand:
        """Return the cards of a study that are ready, and see that the others are computed."""
        with self._lock:
            place = self._places.setdefault((maker, snapshot.study.name), _Place())
            place.asked = time.monotonic()
            if place.job is not None:
                place.job.collect()
            key = state_key(snapshot)
            is_idle = place.job is None or place.job.is_done
            if is_idle and place.key != key:
                if self._running() >= MOST_AT_ONCE:
                    return _hand(place, is_waiting=True)
                self._start(place, maker, snapshot, key)
            return _hand(place)

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            for place in self._places.values():
                if place.job is not None:
                    place.job.cancel()

    def _start(
        self, place: _Place, maker: str, snapshot: Snapshot, key: tuple[object, ...]
    ) -> None:
        _keep_cards(place)
        place.key = key
        place.trials = sum(trial.state in ENDED_STATES for trial in snapshot.trials)
        place.job = Job(
            make_cards,
            self._makers[maker],
            snapshot.study,
            snapshot.trials,
            seconds=LONGEST_SECONDS,
        )
        self._keeper.start()

    def _running(self) -> int:
        jobs = [place.job for place in self._places.values() if place.job is not None]
        for job in jobs:
            job.collect()
        return sum(not job.is_done for job in jobs)

    def _look(self) -> bool:
        """Give up what nobody asks for, and say whether anything is computed."""
        now = time.monotonic()
        for place in self._places.values():
            is_running = place.job is not None and not place.job.is_done
            if place.job is not None and is_running and now - place.asked > UNWATCHED_SECONDS:
                place.job.cancel()
                # Nothing went wrong: whoever comes back finds the cards, and no problem.
                _keep_cards(place)
                place.job, place.key = None, ()
        return self._running() > 0


def make_cards(maker: str, study: Study, trials: Sequence[Trial]) -> Iterator[Card]:
    """Yield the cards of a maker, given as `module:name`.

    Raises:
        MooptError: A package that it needs is not installed.
    """
    module, _, name = maker.partition(":")
    try:
        make = getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise MooptError(
            f"a package is missing ({error}); install it with: pip install 'moopt[dashboard]'"
        ) from error
    yield from make(study, trials)


def state_key(snapshot: Snapshot) -> tuple[object, ...]:
    """Return what the cards of a study depend on: not on trials that only started."""
    ended = [trial for trial in snapshot.trials if trial.state in ENDED_STATES]
    return (
        snapshot.study,
        tuple((trial.number, trial.state, trial.attempts, len(trial.held_out)) for trial in ended),
    )


def _keep_cards(place: _Place) -> None:
    """Let the cards of the job stand, and those before it that it did not get to."""
    if place.job is not None:
        place.job.collect()
        new = {card.name: card for card in place.job.items}
        place.earlier = place.earlier | new if place.job.problem else new


def _hand(place: _Place, *, is_waiting: bool = False) -> Hand:
    job = place.job
    new = {card.name: card for card in job.items} if job is not None else {}
    is_done = job is not None and job.is_done and not is_waiting
    old = {} if is_done and job is not None and not job.problem else place.earlier
    cards = [*new.values(), *(card for name, card in old.items() if name not in new)]
    problem = job.problem if job is not None else ""
    return Hand(tuple(cards), place.trials, is_done, is_waiting, problem)
