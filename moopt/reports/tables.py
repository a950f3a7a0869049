"""The front and the trials as JSON objects, as CSV and as rows of text.

The JSON objects are a promise to scripts: their keys do not change and their floats are not
rounded. The rows are for people.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moopt.front.front import Front
from moopt.reports.advice import advice
from moopt.reports.failures import last_line
from moopt.reports.formatting import (
    ABSENT,
    decimals_for,
    duration_text,
    measurement_text,
    value_text,
)
from moopt.study.objectives import Direction, OutcomeConstraint
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from moopt.study.trials import Measurements, Trial

Json = dict[str, Any]
"""A JSON object: strings, numbers, truth values, null, lists and objects."""

ARROWS = {Direction.MAXIMIZE: "↑", Direction.MINIMIZE: "↓"}
"""Which way is better."""

_RECORD_FIELDS = ("number", "state", "sampler", "fidelity", "continues")
_FAILURE_FIELDS = ("kind", "cause", "message", "advice")


@dataclass(frozen=True, slots=True)
class Table:
    """Text in rows and columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """Each as long as the columns."""


def front_to_json(front: Front) -> Json:
    """Return the front as a JSON object."""
    return {
        "study": front.study.name,
        "objectives": [
            {
                "name": objective.name,
                "direction": objective.direction.value,
                "reference": objective.reference,
            }
            for objective in front.study.objectives
        ],
        "hypervolume": front.hypervolume(),
        "trials": [point_to_json(trial) for trial in front.trials],
    }


def trials_to_json(study: Study, trials: Sequence[Trial]) -> Json:
    """Return trials in any state as a JSON object."""
    return {"study": study.name, "trials": [trial_to_json(trial) for trial in trials]}


def point_to_json(trial: Trial) -> Json:
    """Return a point of a front as a JSON object."""
    return {
        "number": trial.number,
        "state": trial.state.value,
        "parameters": {
            name: dict(value) if isinstance(value, Mapping) else value
            for name, value in trial.parameters.items()
        },
        "measurements": measurements_to_json(trial.measurements),
        "held_out": measurements_to_json(trial.held_out),
    }


def trial_to_json(trial: Trial) -> Json:
    """Return a trial with its record as a JSON object. Times are ISO 8601 in UTC."""
    failure = trial.failure
    return point_to_json(trial) | {
        "fidelity": trial.fidelity,
        "continues": trial.continues,
        "failure": failure
        and {
            "kind": failure.kind.value,
            "cause": failure.cause.value,
            "message": failure.message,
            "advice": advice(failure),
        },
        "started": _time(trial.started),
        "ended": _time(trial.ended),
        "sampler": trial.sampler,
    }


def measurements_to_json(measurements: Measurements) -> Json:
    """Return measurements by name; a standard error that is not known is null."""
    return {name: {"mean": each.mean, "sem": each.sem} for name, each in measurements.items()}


def trials_to_csv(study: Study, trials: Sequence[Trial]) -> str:
    """Return trials as CSV, one a line, every number with all its digits."""
    parameters = parameter_columns(study)
    outcomes = outcome_names(study)
    header = [*_RECORD_FIELDS]
    header += ["parameter." + ".".join(column) for column in parameters]
    for kind in ("measurement", "held_out"):
        header += [f"{kind}.{name}.{field}" for name in outcomes for field in ("mean", "sem")]
    header += [f"failure.{name}" for name in _FAILURE_FIELDS]
    header += ["started", "ended"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for trial in trials:
        record = trial_to_json(trial)
        failure = record["failure"] or dict.fromkeys(_FAILURE_FIELDS)
        writer.writerow(
            [
                *(record[name] for name in _RECORD_FIELDS),
                *(parameter_value(trial, column) for column in parameters),
                *_flat(trial.measurements, outcomes),
                *_flat(trial.held_out, outcomes),
                *(failure[name] for name in _FAILURE_FIELDS),
                *(record[name] for name in ("started", "ended")),
            ]
        )
    return text.getvalue()


def measurement_table(
    study: Study, trials: Sequence[Trial], *, held_out: bool, stacked: bool = False
) -> Table:
    """Return what was measured, one trial a row.

    Args:
        study: Its objectives come first, then outcomes that are only constrained.
        trials: In the order of the rows.
        held_out: Also show the measurements on held-out data.
        stacked: Held-out measurements below those of the search rather than beside them.
    """
    columns = ["trial"]
    cells: list[list[str]] = [[str(trial.number) for trial in trials]]
    for name in outcome_names(study):
        decimals = decimals_for(
            each.measurements[name] for each in trials if name in each.measurements
        )
        search = [measurement_text(each.measurements.get(name), decimals) for each in trials]
        again = [measurement_text(each.held_out.get(name), decimals) for each in trials]
        columns.append(outcome_title(study, name))
        if not held_out:
            cells.append(search)
        elif stacked:
            cells.append([f"{one}\n{two}" for one, two in zip(search, again, strict=True)])
        else:
            columns.append("held out")
            cells += [search, again]
    return Table(tuple(columns), tuple(zip(*cells, strict=True)))


def parameter_table(study: Study, trials: Sequence[Trial]) -> Table:
    """Return the parameters, one trial a row, a column for each part of a simplex."""
    columns = parameter_columns(study)
    rows = tuple(
        tuple(value_text(parameter_value(trial, column)) for column in columns) for trial in trials
    )
    return Table(tuple(".".join(column) for column in columns), rows)


def parameter_columns(study: Study) -> list[tuple[str, ...]]:
    """Return the name of every parameter, with the part where it is a simplex."""
    columns: list[tuple[str, ...]] = []
    for parameter in study.parameters:
        if isinstance(parameter, Simplex):
            columns += [(parameter.name, part) for part in parameter.parts]
        else:
            columns.append((parameter.name,))
    return columns


def parameter_value(trial: Trial, column: tuple[str, ...]) -> str | int | float | bool | None:
    """Return what a trial has in a column of `parameter_columns`; None: not active."""
    value = trial.parameters.get(column[0])
    if isinstance(value, Mapping):
        weights: Mapping[str, float] = value
        return weights[column[1]]
    return value


def outcome_names(study: Study) -> list[str]:
    """Return the objectives, then the outcomes that are only constrained."""
    objectives = [objective.name for objective in study.objectives]
    return objectives + [name for name in study.outcomes if name not in objectives]


def outcome_title(study: Study, name: str) -> str:
    """Return the name of an outcome with what is wanted of it."""
    for objective in study.objectives:
        if objective.name == name:
            return f"{name} {ARROWS[objective.direction]}"
    for constraint in study.outcome_constraints:
        if constraint.name == name:
            return f"{name} {limits_text(constraint)}"
    return name


def limits_text(constraint: OutcomeConstraint) -> str:
    """Return the limits of a constraint, such as `≥ 0.2, ≤ 0.5`."""
    low = [] if constraint.at_least is None else [f"≥ {constraint.at_least:g}"]
    high = [] if constraint.at_most is None else [f"≤ {constraint.at_most:g}"]
    return ", ".join(low + high)


def record_table(study: Study, trials: Sequence[Trial]) -> Table:
    """Return the trials with state, sampler, fidelity, objectives, duration and failure."""
    measured = measurement_table(study, trials, held_out=False)
    has_failures = any(trial.failure for trial in trials)
    rows = []
    for trial, row in zip(trials, measured.rows, strict=True):
        cells = [row[0], trial.state.value, trial.sampler or ABSENT]
        if study.fidelity is not None:
            cells.append(fidelity_text(trial))
        cells += [*row[1:], _lasted(trial)]
        if has_failures:
            kind = f"{trial.failure.kind.value}: " if trial.failure else ""
            cells.append(kind + failure_text(trial))
        rows.append(tuple(cells))
    columns = ["trial", "state", "sampler"]
    if study.fidelity is not None:
        columns.append(study.fidelity.name)
    columns += [*measured.columns[1:], "took"]
    if has_failures:
        columns.append("failure")
    return Table(tuple(columns), tuple(rows))


def fidelity_text(trial: Trial) -> str:
    """Return the fidelity of a trial and which one it takes further, such as `9, continues 4`."""
    shown = ABSENT if trial.fidelity is None else f"{trial.fidelity:g}"
    return shown if trial.continues is None else f"{shown}, continues {trial.continues}"


def failure_text(trial: Trial) -> str:
    """Return the last line of why a trial failed, or a dash."""
    if trial.failure is None:
        return ABSENT
    return last_line(trial.failure)


def _lasted(trial: Trial) -> str:
    if trial.usage is not None:
        return duration_text(trial.usage.wall_seconds)
    if trial.started is None or trial.ended is None:
        return ABSENT
    return duration_text((trial.ended - trial.started).total_seconds())


def _flat(measurements: Measurements, outcomes: Sequence[str]) -> list[float | None]:
    flat: list[float | None] = []
    for name in outcomes:
        measurement = measurements.get(name)
        flat += [measurement.mean, measurement.sem] if measurement else [None, None]
    return flat


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()
