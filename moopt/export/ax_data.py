"""Measurements as rows of Ax's data.

What a trial has reported on the way stands at its step; what it came to stands last.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ax.core.data import Data, DataRow

from moopt.study.trials import Measurements, Trial


def ax_rows(
    trials: Sequence[Trial], arms: Mapping[int, str], metrics: Sequence[tuple[str, str]]
) -> Iterator[DataRow]:
    """Yield the rows of all measurements.

    Args:
        trials: Which were measured.
        arms: Ax's name of each trial's parameters, by number.
        metrics: Pairs of the name in Ax and that of the measurement.
    """
    with_steps = has_steps(trials)
    for trial in trials:
        for step, measured in _steps(trial):
            for name, measurement in metrics:
                if measurement in measured:
                    found = measured[measurement]
                    yield DataRow(
                        trial.number,
                        arms[trial.number],
                        name,
                        name,
                        found.mean,
                        math.nan if found.sem is None else found.sem,
                        step=step if with_steps else None,
                    )


def has_steps(trials: Iterable[Trial]) -> bool:
    """Say whether some trial reported on the way."""
    return any(trial.partial for trial in trials)


def final_rows(data: Data) -> Data:
    """Return data without steps: of each trial what it came to."""
    df = data.df
    return Data(df=df.drop(columns=[name for name in ("step",) if name in df.columns]))


def _steps(trial: Trial) -> list[tuple[float | None, Measurements]]:
    """Return by fidelity what was reported, and last what the trial returned."""
    if not trial.measurements:
        return [*trial.partial.items()]
    before: list[tuple[float | None, Measurements]] = [
        (step, each) for step, each in trial.partial.items() if step != trial.fidelity
    ]
    own = trial.partial.get(trial.fidelity, {}) if trial.fidelity is not None else {}
    return [*before, (trial.fidelity, {**own, **trial.measurements})]
