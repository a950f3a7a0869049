"""`moopt pick`: one trial."""

from typing import Annotated

import typer

from moopt.cli.display import print_json, print_trial
from moopt.cli.options import (
    DEFAULT_STORE,
    KneeOption,
    PointFormat,
    PreferOption,
    StoreOption,
    StudyArgument,
    TrialOption,
    WhereOption,
)
from moopt.cli.selectors import Selector, choose
from moopt.cli.sources import existing_store, stored_study
from moopt.reports.tables import trial_to_json


def pick(
    study: StudyArgument,
    *,
    knee: KneeOption = False,
    prefer: PreferOption = None,
    trial: TrialOption = None,
    where: WhereOption = None,
    format_: Annotated[
        PointFormat, typer.Option("--format", help="For reading, or for programs: json.")
    ] = PointFormat.TABLE,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Choose one trial: by number, as the knee, by preference or within limits.

    Example: moopt pick merge_minilm --prefer spam_accuracy=0.7,movies_accuracy=0.3
    """
    selector = Selector(knee=knee, prefer=prefer, trial=trial, where=where or ())
    with existing_store(store) as opened:
        stored = stored_study(study, opened)
    chosen = choose(stored.study, stored.trials, selector)
    match format_:
        case PointFormat.JSON:
            print_json(trial_to_json(chosen))
        case PointFormat.TABLE:
            print_trial(stored.study, chosen)
