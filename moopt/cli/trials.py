"""`moopt trials`: every trial with its record."""

from collections.abc import Sequence
from typing import Annotated

import typer

from moopt.cli.display import print_json, print_table, print_text
from moopt.cli.options import DEFAULT_STORE, StoreOption, StudyArgument, TableFormat
from moopt.cli.sources import existing_store, stored_study
from moopt.reports.best import numbers_text
from moopt.reports.failures import failure_groups
from moopt.reports.tables import record_table, trials_to_csv, trials_to_json
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
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """List the trials of a study, in any state.

    Example: moopt trials merge_minilm --failed
    """
    with existing_store(store) as opened:
        stored = stored_study(study, opened)
    shown = [trial for trial in stored.trials if not failed or trial.state is TrialState.FAILED]
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
