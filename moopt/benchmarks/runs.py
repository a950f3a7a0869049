"""One search on one problem with one seed: made, written to a file, read again."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from moopt.benchmarks.one_thread import one_thread
from moopt.benchmarks.peers import cpu_seconds
from moopt.benchmarks.problem import Problem
from moopt.benchmarks.searches import search_named
from moopt.study.parameters import Parameters
from moopt.study.trials import Failure, evaluation_seed


@dataclass(frozen=True, slots=True)
class Run:
    """What a search found, trial by trial."""

    problem: str
    search: str
    seed: int
    parameters: tuple[Parameters, ...]
    hypervolumes: tuple[float, ...]
    """Of the true values, after each trial."""

    failed: tuple[bool, ...]
    ask_seconds: tuple[float, ...]
    """Of the CPU, to propose each trial."""


def search_run(problem: Problem, search: str, seed: int, trials: int) -> Run:
    """Let a search propose trials one by one and return what it found.

    Raises:
        SelectionError: There is no search of that name.
        MissingDependencyError: A peer is not installed.
    """
    points: list[Parameters] = []
    failed: list[bool] = []
    seconds: list[float] = []
    with one_thread(seed):
        searching = search_named(search, problem.study, seed, initial_trials=problem.initial_trials)
        for number in range(trials):
            start = cpu_seconds(searching)
            parameters = searching.ask()
            seconds.append(cpu_seconds(searching) - start)
            outcome = problem.measure(parameters, evaluation_seed(seed, number))
            searching.tell(number, outcome)
            points.append(parameters)
            failed.append(isinstance(outcome, Failure))
    return Run(
        problem.name,
        search,
        seed,
        parameters=tuple(points),
        hypervolumes=tuple(problem.hypervolumes(points)),
        failed=tuple(failed),
        ask_seconds=tuple(seconds),
    )


def kept_run(problem: Problem, search: str, seed: int, trials: int, directory: Path) -> Run:
    """Return a run from its file where that has enough trials; else make it and write the file."""
    file = directory / f"{problem.name}-{search.replace(':', '-')}-{seed}.json"
    if file.exists():
        run = _read(file)
        if len(run.parameters) >= trials:
            return run
    run = search_run(problem, search, seed, trials)
    directory.mkdir(parents=True, exist_ok=True)
    # Whoever stops the benchmark here finds whole files only.
    unfinished = file.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(asdict(run)))
    unfinished.replace(file)
    return run


def _read(file: Path) -> Run:
    fields = json.loads(file.read_text())
    lists = ("parameters", "hypervolumes", "failed", "ask_seconds")
    return Run(
        fields["problem"],
        fields["search"],
        fields["seed"],
        **{name: tuple(fields[name]) for name in lists},
    )
