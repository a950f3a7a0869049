"""What an evaluator and its driver say to each other during a trial, in plain numbers."""

import math
import reprlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import SupportsFloat

from moopt.errors import EvaluationError
from moopt.executors.raised import cause_of
from moopt.study.evaluation import Outcome, Report
from moopt.study.outcomes import checked_fidelity
from moopt.study.trials import FailureCause, Measurement, Trial
from moopt.study.validation import Raw, check_measurements


@dataclass
class Talk:
    """What an evaluator says of one trial, and what it is told."""

    trial: Trial
    take: Callable[[Report], None]
    """Is given each partial result."""

    ask: Callable[[], bool]
    """Says whether the driver has told to come to an end."""

    mistake: EvaluationError | None = None
    """The first of the evaluator, which may have caught the error."""

    untold: Exception | None = None
    """Why a partial result could not be handed over."""

    _reported: float | None = None
    _was_told: bool = False

    def report(self, fidelity: float, measurements: Mapping[str, Raw]) -> None:
        """Hand over a partial result.

        Raises:
            EvaluationError: It is none.
            NonFiniteError: A measurement is not finite.
        """
        with self._noting_mistakes():
            report = Report(_fidelity(self.trial, fidelity), plain(measurements))
        check_measurements(report.measurements)
        self._reported = report.fidelity
        try:
            self.take(report)
        except Exception as error:
            self.untold = error
            raise

    def should_stop(self) -> bool:
        """Say whether the trial is not worth finishing; once it is not, it never is."""
        self._was_told = self._was_told or self.ask()
        return self._was_told

    def outcome(self, returned: object) -> Outcome:
        """Return what the evaluator returned, and at which fidelity where it ended early.

        Raises:
            EvaluationError: It is no mapping to numbers, or it ended early and had not reported.
        """
        with self._noting_mistakes():
            if isinstance(returned, Report):
                fidelity = _fidelity(self.trial, returned.fidelity)
                return Report(fidelity, plain(returned.measurements))
            measured = plain(returned)
            if not self._was_told:
                return measured
            if self._reported is None:
                raise EvaluationError(
                    "the evaluator was told to stop early and returned measurements, but never "
                    "reported a fidelity; call context.report(fidelity, measurements) before "
                    "context.should_stop()"
                )
            return Report(self._reported, measured)

    @contextmanager
    def _noting_mistakes(self) -> Iterator[None]:
        try:
            yield
        except EvaluationError as error:
            self.mistake = self.mistake or error
            raise


def plain(raw: object) -> dict[str, Raw]:
    """Return what an evaluator returned with every number a Python float.

    NaN and infinity pass: what they mean is not for an executor to say.

    Raises:
        EvaluationError: It is not a mapping from name to a number, (mean, standard error) or None.
    """
    if not isinstance(raw, Mapping):
        raise EvaluationError(
            "an evaluator returns a mapping from objective name to a number or "
            f"(mean, standard error), got {reprlib.repr(raw)}"
        )
    for name in raw:
        if not isinstance(name, str):
            raise EvaluationError(
                f"an evaluator returns measurements by name, got the key {reprlib.repr(name)}"
            )
    return {name: _plain_value(name, value) for name, value in raw.items()}


def _plain_value(name: str, value: object) -> Raw:
    match value:
        case None | Measurement():
            return value
        case (mean, sem):
            return _number(name, mean), _number(name, sem)
        case number:
            return _number(name, number)


def _fidelity(trial: Trial, value: object) -> float:
    number = _number("fidelity", value)
    if not math.isfinite(number):
        raise EvaluationError(f"a fidelity needs to be finite, got {number}")
    return number if trial.fidelity is None else checked_fidelity(trial, number)


def _number(name: str, value: object) -> float:
    wrong = f"measurement {name!r} needs a number or (mean, standard error), got "
    if not isinstance(value, SupportsFloat):
        raise EvaluationError(wrong + reprlib.repr(value))
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError) as error:
        if cause_of(error) is not FailureCause.ERROR:
            raise
        # A tensor or an array of several numbers.
        raise EvaluationError(wrong + reprlib.repr(value)) from error
