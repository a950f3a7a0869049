"""The table of all benchmark problems, as docs/benchmark.md has it.

`python -m moopt.benchmarks.problem_table` prints it; every problem is made for it.
"""

from collections import Counter
from collections.abc import Iterator
from typing import assert_never

from rich.console import Console

from moopt.benchmarks.problem import Problem
from moopt.benchmarks.problems import PROBLEMS, problem_named
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter
from moopt.study.simplex import Simplex

OUT = Console(highlight=False, soft_wrap=True, markup=False)

HEAD = (
    "| problem | family | inputs | objectives | measured | use | source |",
    "|---|---|---|---|---|---|---|",
)


def lines() -> Iterator[str]:
    """Yield the lines of the table."""
    yield from HEAD
    for name in PROBLEMS:
        yield row(name, problem_named(name))


def row(name: str, problem: Problem) -> str:
    """Return the line of one problem."""
    entry, study = PROBLEMS[name], problem.study
    kinds = Counter(_kind(each) for each in study.parameters)
    conditional = sum(each.when is not None for each in study.parameters)
    inputs = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    if conditional:
        inputs += f"; {conditional} conditional"
    wanted = str(len(study.objectives))
    if limits := len(study.outcome_constraints):
        wanted += f", {limits} limit{'s' if limits > 1 else ''}"
    cells = (f"`{name}`", entry.family.value, inputs, wanted, _measured(problem))
    return f"| {' | '.join(cells)} | {entry.use.value} | {entry.source} |"


def _kind(parameter: Parameter) -> str:
    match parameter:
        case Continuous():
            return "continuous"
        case Integer():
            return "integer"
        case Categorical(ordered=ordered):
            return "ordered" if ordered else "categorical"
        case Simplex(parts=parts):
            return f"simplex of {len(parts)}"
        case never:
            assert_never(never)


def _measured(problem: Problem) -> str:
    if problem.repeats is not None:
        return "one of several seeds"
    if not problem.noise:
        return "exactly"
    return "with known noise" if problem.known_noise else "with noise"


def main() -> None:
    """Print the table."""
    for line in lines():
        OUT.print(line)


if __name__ == "__main__":
    main()
