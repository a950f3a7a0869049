"""How long a cluster without room is waited for, and what is said when it is too long."""

import logging
import time

from moopt.errors import ExecutorError
from moopt.executors.ray_address import LOCAL, answers
from moopt.executors.ray_connection import Connection
from moopt.executors.ray_crew import Crew
from moopt.executors.ray_room import Cluster, Share

START_SECONDS = 120.0
"""How long a worker that has room may take to start."""

SETTLE_SECONDS = 10.0
"""How long the others are waited for once the first worker is there."""

FULL_SECONDS = 30.0
"""How long a full cluster is waited for where the user does not say."""

LOST_SECONDS = 120.0
"""How long others are waited for when all workers were lost and the user does not say."""

HEAD_SECONDS = 30.0
"""How long the head may not answer. After 60 s Ray ends this process."""

ASK_SECONDS = 5.0
"""How often the head is asked."""

logger = logging.getLogger(__name__)


def check_possible(cluster: Cluster, share: Share, patience: float | None) -> None:
    """See whether any node could hold a worker.

    Raises:
        ExecutorError: None could, and the cluster is given no time to grow.
    """
    if cluster.can_hold(share):
        return
    what = f"no node of the Ray cluster has {share} for a trial, it is {cluster}"
    if patience is None:
        raise ExecutorError(
            f"{what}; ask for less, or give a cluster that grows time with --ray-wait SECONDS"
        )
    logger.warning("%s; waiting %g s for it to grow", what, patience)


def settle(crew: Crew, connection: Connection, patience: float | None) -> None:
    """Wait for the workers that there is room for, at least for one.

    Raises:
        ExecutorError: None comes.
    """
    before = connection.cluster()
    fits = before.room(crew.share) > 0
    longest = START_SECONDS if fits else patience or FULL_SECONDS
    if not fits and before.can_hold(crew.share):
        logger.warning(
            "the Ray cluster is full, it is %s; waiting %g s for %s", before, longest, crew.share
        )
    expected = max(1, min(len(crew.slots), before.most(crew.share)))
    end = time.monotonic() + longest
    while crew.usable and crew.placed < expected and time.monotonic() < end:
        alone = crew.placed == 0
        crew.look(end - time.monotonic())
        if alone and crew.placed:
            end = min(end, time.monotonic() + SETTLE_SECONDS)
    if not crew.usable:
        return
    if crew.placed == 0:
        raise ExecutorError(
            f"Ray has started no worker in {longest:g} s: each needs {crew.share}, and the cluster "
            f"is {connection.cluster()}; ask for less, wait longer with --ray-wait SECONDS, or see "
            "what holds the rest with `ray status`"
        )
    if crew.placed < len(crew.slots):
        logger.warning(
            "Ray has room for %d of the %d workers now; the others join when there is more",
            crew.placed,
            len(crew.slots),
        )


class Attendance:
    """Looks for how long there has been no worker, or no head.

    Args:
        crew: Who could be there.
        connection: To the cluster.
        patience: Seconds that the workers may be gone. None: as long as is usual.
    """

    def __init__(self, crew: Crew, connection: Connection, patience: float | None) -> None:
        self._crew = crew
        self._address = connection.address
        self._patience = patience or LOST_SECONDS
        self._since: float | None = None
        self._answered = self._asked = time.monotonic()

    def check(self) -> None:
        """See whether there are workers and a head, or were not long ago.

        Raises:
            ExecutorError: They have been gone for too long.
        """
        self._check_head()
        if self._crew.placed:
            self._since = None
            return
        if self._since is None:
            self._since = time.monotonic()
            logger.warning("no Ray worker is left; waiting %g s for others", self._patience)
        alone = time.monotonic() - self._since
        if alone > self._patience:
            raise ExecutorError(
                f"all Ray workers were lost, and none is back after {alone:.0f} s; what was "
                "measured is kept: run again when the cluster is there"
            )

    def _check_head(self) -> None:
        if self._address == LOCAL or time.monotonic() < self._asked + ASK_SECONDS:
            return
        answered = answers(self._address)
        self._asked = time.monotonic()
        if answered:
            self._answered = self._asked
        silence = self._asked - self._answered
        if silence > HEAD_SECONDS:
            raise ExecutorError(
                f"the head of the Ray cluster at {self._address} has not answered for "
                f"{silence:.0f} s; what was measured is kept: run again when the cluster is there"
            )
