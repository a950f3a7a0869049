"""Leases that are renewed while a driver lives, whatever it is busy with."""

import logging
import threading
from types import TracebackType
from typing import Self

from moopt.errors import StoreError
from moopt.store.store import Store

LEASE_SECONDS = 60.0
"""How long a trial stays with a driver that does not say a word."""

INTERVAL_SECONDS = 10.0

_LOGGER = logging.getLogger(__name__)


class Heartbeat:
    """Renews the leases of a driver from a thread of its own, from entering to leaving it.

    A sampler may think and a trial may run in this process for longer than a lease lasts.
    """

    def __init__(
        self, store: Store, driver: str, *, interval_seconds: float = INTERVAL_SECONDS
    ) -> None:
        self._store = store
        self._driver = driver
        self._interval = interval_seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="moopt leases", daemon=True)

    def __enter__(self) -> Self:
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

    def _beat(self) -> None:
        while not self._stopped.wait(self._interval):
            try:
                self._store.renew(self._driver, LEASE_SECONDS)
            except StoreError as error:
                # The lease outlasts several beats; what records an outcome will raise.
                _LOGGER.warning("could not renew the leases of the running trials: %s", error)
