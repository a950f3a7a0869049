"""`moopt status`: how far studies are."""

from collections import Counter
from datetime import UTC, datetime
from typing import Annotated

import typer

from moopt.cli.display import print_text
from moopt.cli.errors import NothingFoundError
from moopt.cli.options import DEFAULT_STORE, StoreOption
from moopt.cli.sources import StoredStudy, existing_store, stored_study
from moopt.front.front import front_of
from moopt.reports.best import best_value_text, has_one_objective, numbers_text
from moopt.reports.failures import failure_groups
from moopt.reports.formatting import duration_text, quantity_text, shortened
from moopt.reports.tables import outcome_title
from moopt.samplers.notes import told_by_sampler
from moopt.study.trials import Trial, TrialState


def status(
    study: Annotated[
        str | None,
        typer.Argument(
            metavar="[STUDY]",
            help="A study file or the name of a study. Without it: all studies of the store.",
            show_default=False,
        ),
    ] = None,
    *,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Show how far a study is: trials by state, hypervolume so far, failures and what to do.

    Example: moopt status studies/merge_minilm.py
    """
    with existing_store(store) as opened:
        names = opened.studies() if study is None else [study]
        found = [stored_study(name, opened) for name in names]
    if not found:
        raise NothingFoundError(f"the store {store!r} has no study yet; `moopt run STUDY` adds one")
    print_text("\n\n".join(_summary(each) for each in found) + "\n")


def _summary(stored: StoredStudy) -> str:
    front = front_of(stored.study, stored.trials)
    lines = [stored.study.name, f"  trials       {_states(stored.trials)}"]
    newest = max(stored.trials, key=lambda trial: trial.number, default=None)
    if newest is not None and newest.sampler:
        lines.append(f"  sampler      {told_by_sampler(newest)}")
    if front.trials and has_one_objective(front.study):
        name = outcome_title(front.study, front.study.objectives[0].name)
        lines.append(
            f"  best         {name} {best_value_text(front)}, {numbers_text(front.trials)}"
        )
    elif front.trials:
        lines.append(f"  front        {quantity_text(len(front.trials), 'trial')}")
        lines.append(f"  hypervolume  {front.hypervolume():.6g}")
        references = ", ".join(
            f"{objective.name} {objective.reference:.6g}"
            + (" (inferred)" if objective.name in stored.inferred else "")
            for objective in front.study.objectives
            if objective.reference is not None
        )
        lines.append(f"  reference    {references}")
    latest = max((trial.ended for trial in stored.trials if trial.ended), default=None)
    if latest is not None:
        ago = duration_text((datetime.now(UTC) - latest.astimezone(UTC)).total_seconds())
        lines.append(f"  last ended   {ago} ago")
    for group in failure_groups(stored.trials):
        last = f"trial {group.trials[-1].number}: {shortened(group.message, 160)}"
        lines.append(f"  failed       {len(group.trials)} x {group.title}, last: {last}")
        lines.append(f"               what to do: {group.advice}")
    return "\n".join(lines)


def _states(trials: list[Trial]) -> str:
    counts = Counter(trial.state for trial in trials)
    states = ", ".join(f"{counts[state]} {state.value}" for state in TrialState if counts[state])
    return f"{len(trials)}: {states}" if states else "none"
