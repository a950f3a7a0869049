"""The workers of a Ray cluster together: what they answer, and who replaces a lost one."""

import logging
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import assert_never

import ray
from ray.exceptions import RayError

from moopt.errors import ExecutorError, StudyError
from moopt.executors.messages import Broken
from moopt.executors.ray_room import Share
from moopt.executors.ray_slot import Answer, Slot, remarks
from moopt.executors.ray_worker import Opened, Setup, Step
from moopt.study.evaluation import Evaluation, Report
from moopt.study.trials import Failure, FailureCause, FailureKind

MAX_FAILED_STARTS = 3
"""How many actors in a row may be lost before they begin."""

_CLOSE_SECONDS = 4.0

logger = logging.getLogger(__name__)


class Crew:
    """Workers, of which each has its place on the cluster or waits for it.

    Args:
        setups: What each of them needs to know.
        share: What each of them asks for.
        directory: The driver's folder for the folders of the trials.
    """

    def __init__(self, setups: Iterable[Setup], share: Share, directory: Path) -> None:
        self.share = share
        self.slots = [Slot.requested(setup, share) for setup in setups]
        self.ended: dict[str, Evaluation] = {}
        """What became of jobs, until it is asked for."""

        self.reports: defaultdict[str, list[Report]] = defaultdict(list)
        """Partial results of jobs, until they are asked for."""

        self.broken: str | None = None
        """Why no worker can use the study file. None: they can."""

        self._directory = directory
        self._hosts: set[str] = set()
        self._failed_starts = 0
        self._unstartable: str | None = None

    @property
    def placed(self) -> int:
        """How many have their place."""
        return sum(slot.opened is not None for slot in self.slots)

    @property
    def usable(self) -> bool:
        """Whether there can be workers: see `check_usable`."""
        return self.broken is None and self._unstartable is None

    @property
    def has_news(self) -> bool:
        """Whether there is an outcome or a partial result to be asked for."""
        return bool(self.ended or self.reports)

    def look(self, seconds: float) -> None:
        """Take in what the workers answer, who was lost and who is silent."""
        calls = {call: slot for slot in self.slots for call in slot.calls}
        if not calls:
            return
        for call in _answered(list(calls), seconds):
            slot = calls[call]
            if slot in self.slots:
                try:
                    answer: Answer = ray.get(call)
                except RayError as error:
                    self._lose(slot, error)
                else:
                    self._take(slot, answer)
        for slot in [each for each in self.slots if each.silent]:
            self._lose(slot, None)

    def lose(self, job: str) -> None:
        """End a job that there is no worker for."""
        message = "the Ray worker was lost before it began"
        self.ended[job] = Evaluation(_lost(message))

    def check_usable(self) -> None:
        """See whether there can be workers.

        Raises:
            StudyError: None can use the study file.
            ExecutorError: They end before they begin.
        """
        if self.broken is not None:
            raise StudyError(self.broken)
        if self._unstartable is not None:
            raise ExecutorError(
                f"{MAX_FAILED_STARTS} Ray workers in a row ended before they could begin; "
                f"{self._unstartable}"
            )

    def dismiss(self) -> None:
        """End all jobs and all workers: idle ones by themselves."""
        slots, self.slots = self.slots, []
        closing = [slot.actor.close.remote() for slot in slots if slot.opened]
        if closing:
            ray.wait(closing, num_returns=len(closing), timeout=_CLOSE_SECONDS)
        for slot in slots:
            slot.kill()

    def _take(self, slot: Slot, answer: Answer) -> None:
        match answer:
            case Opened() as opened:
                slot.opened, slot.opening = opened, None
                self._failed_starts = 0
                self._welcome(opened)
            case Broken(message=message):
                slot.opening = None
                self.broken = message
            case Step(reports=reports, ended=ended):
                if slot.job is not None:
                    if reports:
                        self.reports[slot.job].extend(reports)
                    self._end(slot, slot.job, ended)
            case None:
                self._lose(slot, None)
            case never:
                assert_never(never)

    def _end(self, slot: Slot, job: str, ended: Evaluation | Broken | None) -> None:
        match ended:
            case None:
                slot.ask()
            case Broken(message=message):
                self.broken = message
            case outcome:
                self.ended[job] = outcome
                slot.job = slot.step = None

    def _lose(self, slot: Slot, error: RayError | None) -> None:
        """Clear up after an actor that was lost, and ask for another one."""
        message = slot.lost(error)
        slot.kill()
        if slot.job is not None:
            self.ended[slot.job] = Evaluation(_lost(message))
        if slot.opened is None:
            self._failed_starts += 1
        else:
            logger.warning("%s; another one is asked for", message)
        if self._failed_starts >= MAX_FAILED_STARTS:
            self._unstartable = message
        self.slots[self.slots.index(slot)] = Slot.requested(slot.setup, self.share)

    def _welcome(self, opened: Opened) -> None:
        """Tell of a machine what the user should know, once."""
        if opened.host not in self._hosts:
            for remark in remarks(opened, self._directory):
                logger.warning("%s", remark)
        self._hosts.add(opened.host)


def _lost(message: str) -> Failure:
    return Failure(FailureKind.INFRASTRUCTURE, message, FailureCause.HOST_LOST)


def _answered(
    calls: "list[ray.ObjectRef[Answer]]", seconds: float
) -> "list[ray.ObjectRef[Answer]]":
    """Wait so long at most, less than zero like zero, and return the calls that have an answer.

    Raises:
        ExecutorError: There is no connection any more.
    """
    try:
        some, _ = ray.wait(calls, timeout=max(seconds, 0.0))
        return ray.wait(calls, num_returns=len(calls), timeout=0)[0] if some else []
    # What a connection through ray:// raises when it is lost.
    except ConnectionError as error:
        raise ExecutorError(
            f"the connection to the Ray cluster is lost: {error}; what was measured is kept: run "
            "again when the cluster is there"
        ) from error
