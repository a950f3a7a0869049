"""The trials as rows of a grid: what each cell holds, and how a column sorts and filters."""

from typing import Any

from moopt.dashboard.live import Snapshot
from moopt.dashboard.marks import groups_of
from moopt.reports.failures import last_line
from moopt.reports.tables import outcome_names, outcome_title, parameter_columns, parameter_value
from moopt.study.study import Study
from moopt.study.trials import Trial

_NUMBER = {
    "filter": "agNumberColumnFilter",
    "type": "rightAligned",
    "valueFormatter": {"function": "params.value == null ? '—' : d3.format('.4~g')(params.value)"},
    # Digits of measurements are no words: a search for `12` means trial 12.
    "getQuickFilterText": {"function": "''"},
    "width": 130,
}
_TEXT = {"filter": "agTextColumnFilter", "width": 130}


def columns_of(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return the columns. Fields are short and free of dots, which grids read as paths."""
    study = snapshot.study
    columns: list[dict[str, Any]] = [
        {
            "field": "number",
            "headerName": "trial",
            "pinned": "left",
            "width": 86,
            "filter": "agNumberColumnFilter",
        },
        {"field": "state", "headerName": "state", **_TEXT, "width": 124},
        {"field": "place", "headerName": "place", **_TEXT},
    ]
    if study.fidelity is not None:
        columns.append({"field": "fidelity", "headerName": study.fidelity.name, **_NUMBER})
    for place, name in enumerate(outcome_names(study)):
        title = outcome_title(study, name)
        columns.append({**_NUMBER, **_headed(f"mean{place}", title)})
        has_error = any(t.measurements[name].sem for t in snapshot.trials if name in t.measurements)
        error = {**_NUMBER, **_headed(f"sem{place}", f"± {name}")}
        columns.append(error | {"hide": not has_error})
    columns += [
        {**_kind(study, column), **_headed(f"p{place}", ".".join(column))}
        for place, column in enumerate(parameter_columns(study))
    ]
    columns += [
        {"field": "seconds", "headerName": "seconds", **_NUMBER, "width": 110},
        {"field": "sampler", "headerName": "sampler", **_TEXT},
        {"field": "host", "headerName": "host", **_TEXT},
        {"field": "failure", "headerName": "failure", **_TEXT, "width": 360},
    ]
    return columns


def rows_of(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return a row for each trial, the latest first."""
    places = {trial.number: group.label for group in groups_of(snapshot) for trial in group.trials}
    return [
        _row(snapshot.study, trial, places.get(trial.number, trial.state.value))
        for trial in reversed(snapshot.trials)
    ]


def seconds_of(trial: Trial) -> float | None:
    """Return how long a trial took, in seconds; None: it is not known."""
    if trial.usage is not None:
        return trial.usage.wall_seconds
    if trial.started is None or trial.ended is None:
        return None
    return (trial.ended - trial.started).total_seconds()


def _row(study: Study, trial: Trial, place: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": str(trial.number),
        "number": trial.number,
        "state": trial.state.value,
        "place": place,
        "fidelity": trial.fidelity,
        "seconds": seconds_of(trial),
        "sampler": trial.sampler,
        "host": trial.usage.host if trial.usage else None,
        "failure": f"{trial.failure.kind.value}: {last_line(trial.failure)}"
        if trial.failure
        else None,
    }
    for index, name in enumerate(outcome_names(study)):
        measurement = trial.measurements.get(name)
        row[f"mean{index}"] = measurement.mean if measurement else None
        row[f"sem{index}"] = measurement.sem if measurement else None
    for index, column in enumerate(parameter_columns(study)):
        value = parameter_value(trial, column)
        row[f"p{index}"] = str(value) if isinstance(value, bool) else value
    return row


def _headed(field: str, title: str) -> dict[str, Any]:
    """Return a field with a title, wide enough for it."""
    return {"field": field, "headerName": title, "width": min(260, max(110, 62 + 8 * len(title)))}


def _kind(study: Study, column: tuple[str, ...]) -> dict[str, Any]:
    parameter = next(each for each in study.parameters if each.name == column[0])
    choices = getattr(parameter, "choices", None)
    is_number = choices is None or all(
        isinstance(choice, int | float) and not isinstance(choice, bool) for choice in choices
    )
    return _NUMBER if is_number else _TEXT
