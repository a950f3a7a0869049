"""`moopt front`: the optimal trials, as they were measured and as a model believes them."""

from collections.abc import Sequence
from typing import Annotated

import typer

from moopt.cli.display import (
    print_found,
    print_json,
    print_recommended,
    print_text,
    print_title,
)
from moopt.cli.errors import NothingFoundError, no_front
from moopt.cli.options import DEFAULT_STORE, StoreOption, StudyArgument, TableFormat
from moopt.cli.sources import existing_store, stored_study
from moopt.front.front import Front, front_of
from moopt.front.recommendation import Recommendation
from moopt.reports.recommended import measured_title, recommendation_for, recommended_to_json
from moopt.reports.tables import Json, front_to_json, trials_to_csv
from moopt.study.trials import Trial


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
    measured_only: Annotated[
        bool,
        typer.Option("--measured-only", help="Leave out the front that the model recommends."),
    ] = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Show the front: the trials that no other trial beats in every objective.

    Held-out measurements stand beside those that the search used. The knee is bold. With one
    objective the front is the best trial.

    Where measurements are noisy, the front that the model recommends follows.

    Example: moopt front studies/merge_minilm.py --format json
    """
    with existing_store(store) as opened:
        stored = stored_study(study, opened)
    found = front_of(stored.study, stored.trials, include_infeasible=include_infeasible)
    match format_:
        case TableFormat.JSON:
            recommended = None if measured_only else recommendation_for(found.study, stored.trials)
            print_json(with_recommended(found, recommended))
        case TableFormat.CSV:
            print_text(trials_to_csv(found.study, found.trials))
        case TableFormat.TABLE:
            show(found, stored.trials, measured_only=measured_only)
    if not found.trials:
        raise NothingFoundError(no_front(found.study, stored.trials))


def with_recommended(found: Front, recommended: Recommendation | None) -> Json:
    """Return both fronts as a JSON object; null: the model was not asked."""
    listed = None if recommended is None else recommended_to_json(recommended)
    return front_to_json(found) | {"recommended": listed}


def show(found: Front, trials: Sequence[Trial], *, measured_only: bool) -> None:
    """Print the measured front where there is one, and below it the recommended one."""
    if found.trials:
        print_title(measured_title(found.study))
        print_found(found, len(trials))
    recommended = None if measured_only else recommendation_for(found.study, trials)
    if recommended is not None:
        print_recommended(recommended, found)
