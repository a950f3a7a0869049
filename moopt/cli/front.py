"""`moopt front`: the optimal trials."""

from typing import Annotated

import typer

from moopt.cli.display import print_found, print_json, print_text
from moopt.cli.errors import NothingFoundError, no_front
from moopt.cli.options import DEFAULT_STORE, StoreOption, StudyArgument, TableFormat
from moopt.cli.sources import existing_store, stored_study
from moopt.front.front import front_of
from moopt.reports.tables import front_to_json, trials_to_csv


def front(
    study: StudyArgument,
    *,
    format_: Annotated[
        TableFormat, typer.Option("--format", help="For reading, or for programs: json, csv.")
    ] = TableFormat.TABLE,
    include_infeasible: Annotated[
        bool,
        typer.Option(
            "--include-infeasible", help="Also show trials that break an outcome constraint."
        ),
    ] = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Show the front: the trials that no other trial beats in every objective.

    Held-out measurements stand beside those that the search used. The knee is bold.

    Example: moopt front studies/merge_minilm.py --format json
    """
    with existing_store(store) as opened:
        stored = stored_study(study, opened)
    found = front_of(stored.study, stored.trials, include_infeasible=include_infeasible)
    match format_:
        case TableFormat.JSON:
            print_json(front_to_json(found))
        case TableFormat.CSV:
            print_text(trials_to_csv(found.study, found.trials))
        case TableFormat.TABLE if found.trials:
            print_found(found, len(stored.trials))
    if not found.trials:
        raise NothingFoundError(no_front(found.study, stored.trials))
