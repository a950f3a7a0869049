"""The failures of a study, those of one cause together."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from moopt.reports.advice import advice
from moopt.reports.formatting import ABSENT
from moopt.study.trials import Failure, FailureCause, FailureKind, Trial


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Trials that failed by one cause."""

    kind: FailureKind
    cause: FailureCause
    trials: tuple[Trial, ...]
    """By number."""

    message: str
    """Of the last one."""

    advice: str
    """What to do, in a line."""

    @property
    def title(self) -> str:
        """The kind and, where it says more, the cause."""
        plain = {FailureCause.UNKNOWN, FailureCause.ERROR, FailureCause.TIMEOUT}
        if self.cause in plain:
            return self.kind.value
        words = self.cause.value.replace("_", " ").replace("gpu", "GPU")
        return f"{self.kind.value}, {words}"


def failure_groups(trials: Sequence[Trial]) -> list[FailureGroup]:
    """Return the failures by kind and cause, both in the order of their enumerations."""
    ordered = sorted(trials, key=lambda each: each.number)
    groups: defaultdict[tuple[FailureKind, FailureCause], list[tuple[Trial, Failure]]]
    groups = defaultdict(list)
    for trial in ordered:
        if trial.failure is not None:
            groups[trial.failure.kind, trial.failure.cause].append((trial, trial.failure))
    return [
        FailureGroup(
            kind,
            cause,
            trials=tuple(trial for trial, _ in groups[kind, cause]),
            message=last_line(groups[kind, cause][-1][1]),
            advice=advice(groups[kind, cause][-1][1]),
        )
        for kind in FailureKind
        for cause in FailureCause
        if (kind, cause) in groups
    ]


def last_line(failure: Failure) -> str:
    """Return the last line of a message, or a dash."""
    return (failure.message.strip().splitlines() or [ABSENT])[-1]
