"""The record of studies and trials in a database, for many processes at once.

Every change of a trial takes a turn: of one study there is one change after the other, whoever
makes them. Each checks the state that it starts from, so that no outcome is counted twice, whoever
was killed or late, and each leaves an event that says why.
"""

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from sqlalchemy.orm import Session

from moopt.store import bringing, changes, proposing_again, reports
from moopt.store.database import PATIENCE_SECONDS, Database
from moopt.store.definitions import study_row
from moopt.store.drivers import Watch
from moopt.store.events import (
    MEASURED,
    STOPPED_EARLY,
    Turn,
    changed_number,
    new_change,
    take_turn,
)
from moopt.store.reports import PartialResult
from moopt.store.rows import read_trials, trial_of
from moopt.store.tables import TrialRow
from moopt.store.trials import TrialRecord
from moopt.study.outcomes import Measured
from moopt.study.study import Study
from moopt.study.trials import Candidate, Failure, Measurement, Trial, TrialState
from moopt.study.usage import Usage


class Store(TrialRecord):
    """Studies and their trials in one database. Threads may share a store.

    Where the database is away or its disk is full, every method tries again for some minutes.

    Args:
        url: Of a database, or the path of a SQLite file.
        patience_seconds: How long to try again.

    Raises:
        StoreError: The database cannot be opened; from every method: it cannot be read or written.
    """

    def __init__(
        self, url: str = "sqlite:///moopt.db", *, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        super().__init__(Database(url, patience_seconds=patience_seconds))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections. A store in memory is gone then."""
        self._database.close()

    def add(
        self,
        name: str,
        candidate: Candidate,
        seed: int,
        *,
        number: int | None = None,
        driver: str | None = None,
    ) -> Trial:
        """Give a candidate the next number.

        Args:
            name: The study.
            candidate: What is to be tried.
            seed: Seed of the run; the trial gets one of its own, made of this and its number. One
                that takes another trial further gets that one's.
            number: What the next number has to be. It is not when somebody else has added a trial,
                one that this candidate does not know of. None: any.
            driver: Who starts it at once. None: nobody, it is proposed.

        Raises:
            StateError: The next number is another one.
            SelectionError: There is no study of that name, or no trial to take further.
        """
        cause = f"started by {driver}" if driver else changes.proposed_by(candidate)
        return self._change(
            name,
            cause,
            lambda turn: changes.add(turn, name, candidate, seed, expected=number, driver=driver),
        )

    def bring(
        self, study: Study, trials: Sequence[Trial], inferred: Mapping[str, float] | None = None
    ) -> None:
        """Enter a study of another record with its trials; running ones are proposed again.

        Args:
            study: What is entered, where the store does not have it yet.
            trials: By number.
            inferred: References that no user gave, by objective.

        Raises:
            StudyError: Another study has this name.
            StateError: The study has trials.
        """
        self._database.write_again(
            lambda session: bringing.bring(session, study, trials, inferred or {})
        )

    def start(self, name: str, number: int, *, driver: str) -> Trial:
        """Take a proposed trial to run it, for a driver that has entered.

        Raises:
            StateError: It is not proposed: somebody else took it.
            SelectionError: There is no such trial.
        """
        return self._change(
            name, f"started by {driver}", lambda turn: changes.start(turn, name, number, driver)
        )

    def hand_back(self, name: str, number: int, cause: str, *, attempt: int | None = None) -> None:
        """Propose a running trial again: it was interrupted through no fault of its own.

        Args:
            name: The study.
            number: Of the trial.
            cause: Why, for people.
            attempt: The one that is given up. None: whichever runs.

        Raises:
            StateError: It is not running, or as another attempt.
            SelectionError: There is no such trial.
        """
        self._change(name, cause, lambda turn: changes.hand_back(turn, name, number, attempt))

    def complete(
        self,
        name: str,
        number: int,
        measurements: Mapping[str, Measurement],
        *,
        reached: float | None = None,
        usage: Usage | None = None,
    ) -> None:
        """Record what was measured: by the first who brings it, whoever runs the trial now.

        Args:
            name: The study.
            number: Of the trial.
            measurements: By name.
            reached: The fidelity that they are at, where the trial was stopped before its own.
                None: it went to its end.
            usage: What it took.

        Raises:
            StateError: The trial has an outcome already, or was never started.
            SelectionError: There is no such trial.
        """
        measured = Measured(measurements, reached)
        self._change(
            name,
            MEASURED if reached is None else f"{STOPPED_EARLY} at fidelity {reached:g}",
            lambda turn: changes.complete(turn, name, number, measured, usage),
        )

    def fail(
        self,
        name: str,
        number: int,
        failure: Failure,
        *,
        attempt: int | None = None,
        usage: Usage | None = None,
    ) -> None:
        """Record why there is nothing.

        Raises:
            StateError: The trial is not running, or as another attempt.
            SelectionError: There is no such trial.
        """
        self._change(
            name,
            f"failed ({failure.kind.value}): {failure.message}",
            lambda turn: changes.fail(turn, name, number, failure, attempt=attempt, usage=usage),
        )

    def lose(
        self, name: str, number: int, failure: Failure, *, attempt: int | None = None
    ) -> TrialState:
        """Propose a trial again whose worker was lost, or end it where that happened too often.

        Raises:
            StateError: The trial is not running, or as another attempt.
            SelectionError: There is no such trial.
        """
        return self._change(
            name,
            f"lost: {failure.message}",
            lambda turn: changes.lose(turn, name, number, failure, attempt),
        ).state

    def report(self, name: str, result: PartialResult) -> None:
        """Keep a partial result, in place of what the same attempt reported at that fidelity.

        Raises:
            SelectionError: There is no such trial.
        """
        self._database.write_again(
            lambda session: reports.keep(take_turn(session, name), name, result)
        )

    def record_held_out(
        self,
        name: str,
        number: int,
        measurements: Mapping[str, Measurement],
        *,
        usage: Usage | None = None,
    ) -> None:
        """Record what was measured on held-out data, in place of what was before.

        Raises:
            StateError: The trial is not completed.
            SelectionError: There is no such trial.
        """
        self._change(
            name,
            "measured on held-out data",
            lambda turn: changes.measure_again(turn, name, number, measurements, usage),
        )

    def retry(self, name: str, numbers: Sequence[int] | None = None) -> list[int]:
        """Propose failed trials again, and return their numbers.

        Args:
            name: The study.
            numbers: Which. None: all that failed through no fault of their own.

        Raises:
            StateError: One of them has not failed.
            SelectionError: There is no such study or trial.
        """
        return self._database.write_again(
            lambda session: proposing_again.retry(take_turn(session, name), name, numbers)
        )

    def reclaim(self, name: str, watch: Watch) -> list[int]:
        """Propose again what lost drivers ran, and return the numbers.

        Args:
            name: The study.
            watch: Which has to be asked again and again, for it sees drivers fall silent.

        Raises:
            SelectionError: There is no study of that name.
        """
        holders = self.drivers.holders(name)
        lost = watch.lost(holders)
        if not lost:
            return []
        # Who has beaten since was not lost after all.
        silent = {driver: (holders[driver].count, reason) for driver, reason in lost.items()}
        return self._database.write_again(
            lambda session: proposing_again.reclaim(take_turn(session, name), silent)
        )

    def _change(self, name: str, cause: str, work: Callable[[Turn], TrialRow]) -> Trial:
        """Change one trial, enter the event, and return the trial without its measurements."""
        change = new_change()

        def once(session: Session) -> Trial:
            turn = take_turn(session, name)
            row = work(turn)
            state = TrialState(row.state)
            turn.note(cause, number=row.number, state=state, driver=row.driver, change=change)
            return trial_of(row)

        def before(session: Session) -> Trial | None:
            number = changed_number(session, change)
            if number is None:
                return None
            study_id = study_row(session, name).id
            (trial,) = read_trials(
                session, TrialRow.study_id == study_id, TrialRow.number == number
            )
            return trial

        return self._database.write(once, before=before)
