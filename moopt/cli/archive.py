"""`moopt archive`: the best trial of every kind."""

from typing import Annotated

import typer

from moopt.cli.display import console, print_json, print_table, print_text
from moopt.cli.errors import NothingFoundError, no_front
from moopt.cli.options import DEFAULT_STORE, StoreOption, StudyArgument, TableFormat
from moopt.cli.sources import existing_store, stored_study
from moopt.front.archive import archive_of, default_features, judged_objectives
from moopt.front.features import Feature, check_features
from moopt.front.values import is_feasible, measured_trials
from moopt.reports.formatting import quantity_text
from moopt.reports.kinds import kinds_table, kinds_to_csv, kinds_to_json


def archive(
    study: StudyArgument,
    *,
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            metavar="FEATURE",
            help="What makes the kinds: an outcome, a parameter or a part of a simplex such as "
            "mix.news; with the number of ranges, and limits, such as latency_ms:10:0:50. Can be "
            "given several times. Every objective but the first, at most two.",
            show_default=False,
        ),
    ] = None,
    quality: Annotated[
        str | None,
        typer.Option(
            "--quality",
            metavar="OBJECTIVE",
            help="By which the best one is chosen. All objectives that are no feature, together.",
            show_default=False,
        ),
    ] = None,
    format_: Annotated[
        TableFormat, typer.Option("--format", help="For reading, or for programs: json, csv.")
    ] = TableFormat.TABLE,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Show the best trial of every kind, such as the most accurate one of each size.

    Example: moopt archive finetune_minilm --by latency_ms:10 --by rank --quality accuracy
    """
    with existing_store(store) as opened:
        stored = stored_study(study, opened)
    features = tuple(Feature.read(each) for each in by or ()) or default_features(stored.study)
    check_features(stored.study, features)
    judged_objectives(stored.study, [each.name for each in features], quality)
    measured = measured_trials(stored.study, stored.trials)
    if not any(is_feasible(stored.study, trial) for trial in measured):
        raise NothingFoundError(no_front(stored.study, stored.trials))
    found = archive_of(stored.study, stored.trials, features, quality)
    if not found.elites:
        names = [axis.name for axis in found.axes]
        raise NothingFoundError(f"no trial of study {stored.study.name!r} has all of {names}")
    match format_:
        case TableFormat.JSON:
            print_json(kinds_to_json(found))
        case TableFormat.CSV:
            print_text(kinds_to_csv(found))
        case TableFormat.TABLE:
            print_table(kinds_table(found))
            kinds = quantity_text(found.kinds, "kind")
            console().print(
                f"\n{len(found.elites)} of {kinds} found, the best of each by "
                f"{' and '.join(found.judged)}"
            )
