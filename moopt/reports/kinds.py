"""The best trial of every kind as a table, a JSON object and CSV."""

import csv
import io

from moopt.front.archive import Archive
from moopt.reports.tables import Json, Table, measurement_table, point_to_json, trials_to_csv


def kinds_table(archive: Archive) -> Table:
    """Return the best trial of each kind, one a row: the kind, then what was measured."""
    cells = archive.elites
    trials = [trial for trial, _ in cells.values()]
    held_out = any(trial.held_out for trial in trials)
    measured = measurement_table(archive.study, trials, held_out=held_out)
    names = tuple(axis.name for axis in archive.axes)
    kinds = [
        tuple(axis.text(place) for axis, place in zip(archive.axes, cell, strict=True))
        for cell in cells
    ]
    rows = (kind + row for kind, row in zip(kinds, measured.rows, strict=True))
    return Table(names + measured.columns, tuple(rows))


def kinds_to_json(archive: Archive) -> Json:
    """Return the best trial of each kind as a JSON object, and what kinds there are."""
    return {
        "study": archive.study.name,
        "features": [
            {
                "name": axis.name,
                "cells": axis.cells,
                "low": None if axis.choices is not None else axis.low,
                "high": None if axis.choices is not None else axis.high,
                "choices": None if axis.choices is None else list(axis.choices),
            }
            for axis in archive.axes
        ],
        "quality": list(archive.judged),
        "kinds": archive.kinds,
        "trials": [
            {"cell": list(cell), "kind": kind_of(archive, cell), "quality": quality}
            | point_to_json(trial)
            for cell, (trial, quality) in archive.elites.items()
        ],
    }


def kind_of(archive: Archive, cell: tuple[int, ...]) -> Json:
    """Return what a kind is: by feature a choice, or where its range begins and ends."""
    return {
        axis.name: list(axis.bounds(place)) if axis.choices is None else axis.choices[place]
        for axis, place in zip(archive.axes, cell, strict=True)
    }


def kinds_to_csv(archive: Archive) -> str:
    """Return the best trial of each kind as CSV: the kind, the quality, then the trial's record."""
    cells = archive.elites
    records = csv.reader(
        io.StringIO(trials_to_csv(archive.study, [trial for trial, _ in cells.values()]))
    )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*(f"kind.{axis.name}" for axis in archive.axes), "quality", *next(records)])
    for (cell, (_, quality)), record in zip(cells.items(), records, strict=True):
        kind = [axis.text(place) for axis, place in zip(archive.axes, cell, strict=True)]
        writer.writerow([*kind, quality, *record])
    return text.getvalue()
