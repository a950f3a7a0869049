"""`moopt trials`: every trial with its record."""

from collections.abc import Sequence
from typing import Annotated

import typer

from moopt.cli.display import print_json, print_table, print_text
from moopt.cli.options import DEFAULT_STORE, StoreOption, StudyArgument, TableFormat
from moopt.cli.sources import existing_store, stored_study
from moopt.reports.best import numbers_text
from moopt.reports.events import event_table, events_to_csv, events_to_json
from moopt.reports.failures import failure_groups
from moopt.reports.tables import record_table, trials_to_csv, trials_to_json
from moopt.store.events import Event
from moopt.study.trials import Trial, TrialState


def trials(
    study: StudyArgument,
    *,
    format_: Annotated[
        TableFormat, typer.Option("--format", help="For reading, or for programs: json, csv.")
    ] = TableFormat.TABLE,
    failed: Annotated[
        bool,
        typer.Option("--failed", help="Only those that failed, with the reason and what to do."),
    ] = False,
    events: Annotated[
        int | None,
        typer.Option(
            "--events",
            metavar="N",
            min=1,
            help="The last N changes instead, each with its time and cause.",
            show_default=False,
        ),
    ] = None,
    trial: Annotated[
        int | None,
        typer.Option(
            "--trial", metavar="N", help="Only the trial with this number.", show_default=False
        ),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """List the trials of a study, in any state, or what happened to them.

    Example: moopt trials merge_minilm --failed
    """
    with existing_store(store) as opened:
        stored = stored_study(study, opened)
        if events is not None:
            found = opened.events(stored.study.name, count=events, number=trial)
            _print_events(stored.study.name, found, format_)
            return
    shown = [
        each
        for each in stored.trials
        if (not failed or each.state is TrialState.FAILED) and trial in {None, each.number}
    ]
    match format_:
        case TableFormat.JSON:
            print_json(trials_to_json(stored.study, shown))
        case TableFormat.CSV:
            print_text(trials_to_csv(stored.study, shown))
        case TableFormat.TABLE if shown:
            print_table(record_table(stored.study, shown))
            print_text(_advice(shown))
        case TableFormat.TABLE:
            kind = "failed trials" if failed else "trials yet"
            print_text(f"study {stored.study.name!r} has no {kind}\n")


def _advice(shown: Sequence[Trial]) -> str:
    groups = failure_groups(shown)
    lines = [f"  {group.title}, {numbers_text(group.trials)}: {group.advice}\n" for group in groups]
    return "".join(["\nwhat to do\n", *lines]) if groups else ""


def _print_events(study: str, events: list[Event], format_: TableFormat) -> None:
    match format_:
        case TableFormat.JSON:
            print_json(events_to_json(study, events))
        case TableFormat.CSV:
            print_text(events_to_csv(events))
        case TableFormat.TABLE:
            print_table(event_table(events))
