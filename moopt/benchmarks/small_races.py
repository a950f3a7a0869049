"""What the commands share that play a few samplers on a few problems and print a table."""

import argparse
from collections.abc import Iterable

from rich.console import Console

OUT = Console(highlight=False, soft_wrap=True, markup=False)


def race_parser(
    description: str | None,
    problems: Iterable[str],
    samplers: Iterable[str],
    *,
    seeds: int,
    trials: int,
) -> argparse.ArgumentParser:
    """Return a parser that knows problems, samplers, seeds and trials, with these defaults."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--problems", default=",".join(problems), help="comma between")
    parser.add_argument("--samplers", default=",".join(samplers), help="comma between")
    parser.add_argument("--seeds", type=int, default=seeds, help="how many, counted from 0")
    parser.add_argument("--trials", type=int, default=trials, help="of each run")
    return parser


def print_row(cells: Iterable[str]) -> None:
    """Print the cells of a row below each other's heads."""
    OUT.print("".join(f"{cell:<20}" for cell in cells).rstrip())
