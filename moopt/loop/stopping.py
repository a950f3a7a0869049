"""How a run is stopped before its end: one level, whoever raises it.

Ctrl-C once lets running trials finish, Ctrl-C twice or SIGTERM ends them. Somebody else, such as
another terminal by way of the store, is asked for his level once a round.
"""

import enum
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType


class StopLevel(enum.IntEnum):
    """How urgently a run is to end. It is only ever raised."""

    GO_ON = 0
    DRAIN = 1
    """Start no trial; those that run finish and are recorded."""

    STOP = 2
    """End the running trials and hand them back."""


def go_on() -> StopLevel:
    """Say that nobody wants a run to end."""
    return StopLevel.GO_ON


@dataclass
class Stopping:
    """How urgently one run is to end."""

    ask: Callable[[], StopLevel] = go_on
    """Says what others want."""

    latest: StopLevel = StopLevel.GO_ON
    """The highest level up to now, others as they were when they were last asked."""

    terminated: bool = field(default=False, init=False)
    """SIGTERM came."""

    def level(self) -> StopLevel:
        """Ask the others and return the highest level up to now."""
        return self.raise_to(self.ask())

    def raise_to(self, level: StopLevel) -> StopLevel:
        """Raise the level, unless it is as high already, and return it."""
        self.latest = max(self.latest, level)
        return self.latest


@contextmanager
def stopped_by_signals(stopping: Stopping, tell: Callable[[], None]) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM raise the level, and leave both as they were.

    Only the main thread hears signals: in another one nothing changes. What is ignored stays
    ignored, as Ctrl-C is in a job in the background.

    Args:
        stopping: Whose level it is. When it comes to a stop, `KeyboardInterrupt` is raised.
        tell: Called when trials are to finish, in the middle of whatever runs in this thread.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        if stopping.latest >= StopLevel.DRAIN:
            stopping.raise_to(StopLevel.STOP)
            raise KeyboardInterrupt
        stopping.raise_to(StopLevel.DRAIN)
        # Python forbids to write to a file in the middle of writing to it.
        with suppress(RuntimeError):
            tell()

    def terminate(_number: int, _frame: FrameType | None) -> None:
        stopping.terminated = True
        stopping.raise_to(StopLevel.STOP)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    wanted = {signal.SIGINT: interrupt, signal.SIGTERM: terminate}
    # None stands for a handler that is not Python's, which could not be put back.
    before = {
        number: signal.signal(number, handler)
        for number, handler in wanted.items()
        if signal.getsignal(number) not in {signal.SIG_IGN, None}
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
