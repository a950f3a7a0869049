"""A thread that beats while its driver lives, whatever the driver is busy with."""

import logging
import threading
from types import TracebackType
from typing import Self

from moopt.errors import StoreError
from moopt.store.drivers import LEASE_SECONDS, Driver
from moopt.store.store import Store

BEATS_IN_A_LEASE = 6
"""So that one that is late, or two that get lost, cost nobody a trial."""

_LOGGER = logging.getLogger(__name__)


class Heartbeat:
    """Enters a driver, beats for it, and lets it leave: from entering to leaving the context.

    A sampler may think and a trial may run in this process for longer than a lease lasts.

    Args:
        store: Where.
        driver: Who. It beats six times in its lease.
        study: Whose trials it runs.
        workers: How many trials it runs at once.
        target: How many trials the study is to have in the end. None: not known.
    """

    def __init__(
        self,
        store: Store,
        driver: Driver,
        study: str,
        workers: int = 1,
        *,
        target: int | None = None,
    ) -> None:
        self._store = store
        self._driver = driver
        self._study = study
        self._workers = workers
        self._target = target
        self._interval = (driver.lease_seconds or LEASE_SECONDS) / BEATS_IN_A_LEASE
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="moopt heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._store.drivers.enter(
            self._driver, self._study, workers=self._workers, target=self._target
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self._thread.join()
        self._store.drivers.leave(self._driver, self._study)

    def _beat(self) -> None:
        while not self._stopped.wait(self._interval):
            try:
                self._store.drivers.beat(self._driver)
            except StoreError as error:
                # The lease outlasts several beats; what records an outcome will raise.
                _LOGGER.warning("could not say that this driver lives: %s", error)
