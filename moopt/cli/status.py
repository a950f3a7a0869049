"""`moopt status`: how far studies are."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import fmean
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
from moopt.store.attendance import Presence
from moopt.study.costs import spent
from moopt.study.objectives import Fidelity
from moopt.study.trials import ENDED_STATES, Trial, TrialState


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
        present = {each.study.name: opened.drivers.present(each.study.name) for each in found}
    if not found:
        raise NothingFoundError(f"the store {store!r} has no study yet; `moopt run STUDY` adds one")
    summaries = [_summary(each, present[each.study.name]) for each in found]
    print_text("\n\n".join(summaries) + "\n")


def _summary(stored: StoredStudy, present: Sequence[Presence]) -> str:
    front = front_of(stored.study, stored.trials)
    lines = [stored.study.name, f"  trials       {_states(stored.trials)}"]
    if stored.study.fidelity is not None and stored.trials:
        lines.append(f"  {_fidelities(stored.study.fidelity, stored)}")
    lines += [f"  driver       {_driver(each)}" for each in present]
    lines += [f"  time left    {left}" for left in [_time_left(stored.trials, present)] if left]
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
        lines.append(f"  last ended   {_ago(latest)}")
    for group in failure_groups(stored.trials):
        last = f"trial {group.trials[-1].number}: {shortened(group.message, 160)}"
        lines.append(f"  failed       {len(group.trials)} x {group.title}, last: {last}")
        lines.append(f"               what to do: {group.advice}")
    return "\n".join(lines)


def _fidelities(fidelity: Fidelity, stored: StoredStudy) -> str:
    """Return how many trials ended at which fidelity, and what all of them have cost."""
    ended = [trial for trial in stored.trials if trial.state in ENDED_STATES]
    counts = Counter(trial.fidelity for trial in ended if trial.fidelity is not None)
    found = ", ".join(f"{counts[each]} at {each:g}" for each in sorted(counts)) or "none ended yet"
    cost = spent(stored.study, stored.trials, ENDED_STATES)
    return f"{fidelity.name:<12} {found}; the cost of {cost:.3g} whole trials"


def _driver(present: Presence) -> str:
    workers = quantity_text(present.workers, "worker")
    target = "" if present.target is None else f", up to {present.target} trials"
    return f"{present.driver.name}, {workers}{target}, seen {_ago(present.seen)}"


def _time_left(trials: Sequence[Trial], present: Sequence[Presence]) -> str:
    """Guess it from the drivers that run now; empty where there is nothing to guess from."""
    targets = [each.target for each in present if each.target is not None]
    workers = sum(each.workers for each in present)
    took = [each.usage.wall_seconds for each in trials if each.usage is not None]
    ended = sum(each.state in ENDED_STATES for each in trials)
    if not targets or not took or ended >= max(targets):
        return ""
    return "about " + duration_text((max(targets) - ended) * fmean(took) / max(workers, 1))


def _ago(moment: datetime) -> str:
    return f"{duration_text((datetime.now(UTC) - moment.astimezone(UTC)).total_seconds())} ago"


def _states(trials: list[Trial]) -> str:
    counts = Counter(trial.state for trial in trials)
    states = ", ".join(f"{counts[state]} {state.value}" for state in TrialState if counts[state])
    return f"{len(trials)}: {states}" if states else "none"
