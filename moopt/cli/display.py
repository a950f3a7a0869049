"""Rows as Rich tables that fit the terminal, or as they are where there is none."""

import json
import shutil
import sys
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from moopt.front.front import Front
from moopt.front.recommendation import Recommendation
from moopt.reports.advice import advice
from moopt.reports.best import has_one_objective, numbers_text
from moopt.reports.formatting import quantity_text
from moopt.reports.recommended import recommended_table, recommended_title
from moopt.reports.tables import Json, Table, measurement_table, parameter_table
from moopt.study.study import Study
from moopt.study.trials import Trial

WIDEST = 10_000
"""Stands for no limit: for files and pipes, and to see what a table would like to have."""


def print_json(value: Json) -> None:
    """Print a JSON object to stdout. Floats keep every digit."""
    sys.stdout.write(json.dumps(value, indent=2, allow_nan=False) + "\n")


def print_text(text: str) -> None:
    """Print text to stdout as it is."""
    sys.stdout.write(text)


def console() -> Console:
    """Return a console on stdout that knows how wide the terminal is."""
    width, height = shutil.get_terminal_size()
    # Without a height Rich would ignore the width on a terminal without colours.
    return Console(width=width if sys.stdout.isatty() else WIDEST, height=height, highlight=False)


def print_table(table: Table, *, marked: int | None = None) -> None:
    """Print a table; numbers lie to the right, the marked row is bold."""
    console().print(_rich(table, marked=marked))


def print_found(front: Front, trials: int) -> None:
    """Print a front that has trials, the best in the first objective on top.

    Args:
        front: With at least one trial.
        trials: How many trials the study has.
    """
    first = front.study.objectives[0]
    ordered = sorted(
        front.trials, key=lambda each: -first.direction.sign * each.measurements[first.name].mean
    )
    if has_one_objective(front.study):
        print_front(front.study, ordered)
        console().print(f"\nbest of {quantity_text(trials, 'trial')}: {numbers_text(ordered)}")
        return
    knee = front.knee().number
    print_front(front.study, ordered, knee=knee)
    count = quantity_text(len(ordered), "trial")
    console().print(
        f"\n{count} of {trials} on the front, hypervolume {front.hypervolume():.6g}, "
        f"knee: trial {knee}"
    )


def print_title(title: str) -> None:
    """Print the name of a table that is one of several."""
    console().print(f"[bold]{title}[/bold]\n")


def print_recommended(recommended: Recommendation, measured: Front) -> None:
    """Print what the model recommends, below the measured front."""
    out = console()
    out.print()
    print_title(recommended_title(recommended.study))
    if not recommended.front:
        out.print("no trial is likely to meet every outcome constraint")
        return
    print_table(recommended_table(recommended))
    if has_one_objective(recommended.study):
        _print_agreement(recommended.front, measured.trials)
        return
    numbers = {trial.number for trial in measured.trials}
    shared = sum(trial.number in numbers for trial in recommended.front)
    out.print(
        f"\n{quantity_text(len(recommended.front), 'trial')}, {shared} of them on the measured "
        f"front too, predicted hypervolume {recommended.hypervolume():.6g}"
    )


def _print_agreement(recommended: Sequence[Trial], measured: Sequence[Trial]) -> None:
    """Print whether the trial that is recommended measured best, too."""
    if recommended == measured:
        console().print("\nmeasured best, too")
    elif measured:
        console().print(f"\n{numbers_text(measured)} measured better; the model thinks less of it")


def print_front(study: Study, trials: Sequence[Trial], *, knee: int | None = None) -> None:
    """Print the measurements of trials, with as many parameters as the terminal has room for.

    Held-out measurements stand beside those of the search, or below them on a narrow terminal.
    """
    out = console()
    held_out = any(trial.held_out for trial in trials)
    marked = next((row for row, trial in enumerate(trials) if trial.number == knee), None)
    measured = measurement_table(study, trials, held_out=held_out)
    parameters = parameter_table(study, trials)
    whole = Table(
        measured.columns + parameters.columns,
        tuple(one + two for one, two in zip(measured.rows, parameters.rows, strict=True)),
    )
    if _fits(out, whole):
        out.print(_rich(whole, marked=marked))
    elif _fits(out, measured):
        out.print(_rich(measured, marked=marked))
    else:
        stacked = measurement_table(study, trials, held_out=held_out, stacked=True)
        out.print(_rich(stacked, marked=marked))
        if held_out:
            out.print("[dim]First line: search data. Second line: held-out data.[/dim]")
    if not _fits(out, whole):
        count = len(parameters.columns)
        out.print(f"[dim]Not shown: {count} parameters, see --format json or --format csv.[/dim]")


def print_trial(study: Study, trial: Trial) -> None:
    """Print one trial: what was measured, then its parameters."""
    out = console()
    out.print(f"[bold]{study.name}, trial {trial.number}[/bold] ({trial.state.value})\n")
    measured = measurement_table(study, [trial], held_out=True)
    names = measured.columns[1::2]
    rows = zip(names, measured.rows[0][1::2], measured.rows[0][2::2], strict=True)
    out.print(_rich(Table(("measured", "search", "held out"), tuple(rows))))
    if trial.failure is not None:
        out.print(escape(f"\nfailed, {trial.failure.kind.value}: {trial.failure.message}"))
        out.print(escape(f"what to do: {advice(trial.failure)}"))
    parameters = parameter_table(study, [trial])
    values = zip(parameters.columns, parameters.rows[0], strict=True)
    out.print()
    out.print(_rich(Table(("parameter", "value"), tuple(values))))


def _fits(out: Console, table: Table) -> bool:
    unlimited = out.options.update(width=WIDEST)
    return out.measure(_rich(table), options=unlimited).maximum <= out.width


def _rich(table: Table, *, marked: int | None = None) -> RichTable:
    drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for index, title in enumerate(table.columns):
        is_text = any(not _is_number(row[index]) for row in table.rows)
        drawn.add_column(
            escape(title), justify="left" if is_text else "right", overflow="fold", no_wrap=False
        )
    for place, row in enumerate(table.rows):
        drawn.add_row(*map(escape, row), style="bold" if place == marked else "")
    return drawn


def _is_number(cell: str) -> bool:
    return not cell or cell[0].isdigit() or cell[0] in "-—"
