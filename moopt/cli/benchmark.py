"""`moopt benchmark`: race searches against each other, and time merges."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from moopt.benchmarks.contest.matches import Rules, Run, runs_in
from moopt.benchmarks.contest.page import contest_page
from moopt.benchmarks.contest.programme import facts_of, problems_named
from moopt.benchmarks.contest.schedule import RUNS, matches, race
from moopt.benchmarks.contest.standings import kept_by_workers, results
from moopt.benchmarks.contest.tables import (
    price_table,
    rank_table,
    savings_table,
    verdict_text,
    workers_table,
)
from moopt.benchmarks.peers import PEERS
from moopt.cli.benchmark_merging import merging
from moopt.cli.display import print_table, print_text, print_title
from moopt.cli.errors import NothingFoundError
from moopt.errors import SelectionError

CHECKPOINTS = (20, 40, 80, 160)
"""Numbers of trials after which searches are compared, and the last one of all."""

PLACES = (50, 100, 200)
"""Numbers of known trials at which proposals are timed."""

PAGE, CREW_PAGE = "benchmark.html", "benchmark-{}-workers.html"

benchmark = typer.Typer(
    help="Race searches against each other on problems with known fronts, or time merges.",
    invoke_without_command=True,
)
benchmark.command()(merging)


@benchmark.callback()
def searches(
    context: typer.Context,
    *,
    problems: Annotated[
        str,
        typer.Option(
            metavar="NAMES", help="Problems, families, `reported` or `development`; comma between."
        ),
    ] = "reported",
    samplers: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help=f"Samplers, and of the peers {', '.join(PEERS)}; comma between. The first one is "
            "compared with the best of the others.",
        ),
    ] = "auto,random,sobol,optuna-tpe,optuna-nsga2,optuna-gp",
    seeds: Annotated[int, typer.Option(min=1, help="How many.")] = 5,
    first_seed: Annotated[int, typer.Option(min=0, help="Where they are counted from.")] = 0,
    trials: Annotated[int, typer.Option(min=1, help="Of each search on each problem.")] = 80,
    workers: Annotated[
        int, typer.Option(min=1, help="Trials that run at once, on a clock that nobody waits for.")
    ] = 1,
    seconds: Annotated[
        float,
        typer.Option(min=0.0, help="Processor time of all proposals of a search on a problem."),
    ] = 300.0,
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="Searches that are run at once. Without it: one for each core."),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder that keeps the runs: what is there is not run again.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Race searches: equal budgets, seeds interleaved, one process with one thread for each run.

    Example: moopt benchmark --problems zdt2,dtlz7 --samplers auto,optuna-tpe --to bench
    """
    if context.invoked_subcommand is not None:
        return
    if to is None:
        raise SelectionError("--to is missing: the folder that keeps the runs, such as --to bench")
    names = list(dict.fromkeys(samplers.split(",")))
    chosen = problems_named(problems.split(","))
    runs = race(
        matches(chosen, names, range(first_seed, first_seed + seeds), workers),
        to,
        Rules(trials, seconds, processes or len(os.sched_getaffinity(0))),
        lambda said: typer.echo(said, err=True),
    )
    if not runs:
        raise NothingFoundError("none of the searches takes any of the problems")
    _show(runs, names, trials, to / (PAGE if workers == 1 else CREW_PAGE.format(workers)))
    _show_workers(runs, to, trials)


def _show(runs: list[Run], names: list[str], trials: int, page: Path) -> None:
    found = results(runs, {run.match.problem: facts_of(run.match.problem) for run in runs})
    ours, *peers = names
    checkpoints = [each for each in CHECKPOINTS if each < trials] + [trials]
    places = [each for each in PLACES if each < trials] or [trials // 2]
    for title, table in (
        ("Mean ranks", rank_table(found, trials)),
        (
            f"What the best peer has after {trials} trials",
            savings_table(found, ours, peers, trials),
        ),
        ("What proposals cost", price_table(runs, places)),
    ):
        print_title(title)
        print_table(table)
        print_text("\n")
    print_text(verdict_text(found, ours, peers, trials) + "\n")
    text = contest_page(found, runs, ours=ours, peers=peers, checkpoints=checkpoints, places=places)
    page.write_text(text, encoding="utf-8")
    typer.echo(f"wrote {page}", err=True)


def _show_workers(runs: list[Run], folder: Path, trials: int) -> None:
    """Compare with the same matches played one trial after the other, as far as they are there."""
    if runs[0].match.workers == 1:
        return
    played = runs_in(folder / RUNS)
    alone = [played.get(replace(run.match, workers=1)) for run in runs]
    kept = kept_by_workers(runs, [run for run in alone if run is not None], trials)
    if kept:
        print_text("\n")
        print_title(f"What is kept after {trials} trials of one trial after the other")
        print_table(workers_table(kept))
        print_text("\n")
