"""What a race consists of: one search on one problem with one seed, and what came of it."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from moopt.errors import SelectionError
from moopt.study.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Match:
    """One search on one problem with one seed."""

    problem: str
    search: str
    seed: int
    workers: int = 1
    """How many trials run at once. With several, each proposal knows what had ended by then."""

    def __str__(self) -> str:
        """Return it in words."""
        crew = "" if self.workers == 1 else f", {self.workers} workers"
        return f"{self.problem}, {self.search}, seed {self.seed}{crew}"


@dataclass(frozen=True, slots=True)
class Rules:
    """What every match of a race may use."""

    trials: int
    seconds: float = math.inf
    """Of processor time, for all proposals of a match together. The proposal that passes them is
    the last one."""

    processes: int = 1
    """Matches that are played at once."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a search found, trial by trial, in the order in which trials ended."""

    match: Match
    parameters: tuple[Parameters, ...]
    hypervolumes: tuple[float, ...]
    """Of the true values, after each trial."""

    failed: tuple[bool, ...]
    cpu_seconds: tuple[float, ...]
    """To propose each trial, in the order of proposal."""

    wall_seconds: tuple[float, ...]
    repeats: int
    """Trials with the parameters of an earlier one."""

    peak_mib: float | None
    """Most memory that the process held. None: the system does not tell."""

    ended: str = ""
    """Why it has fewer trials than were asked for. Empty: it has all of them."""


def run_to_json(run: Run) -> str:
    """Return a run as one line of JSON."""
    return json.dumps(asdict(run), separators=(",", ":"))


def runs_in(file: Path) -> dict[Match, Run]:
    """Return the runs of a file by match; of several of a match, the last one.

    A last line that was cut off, by whoever stopped the race, is left out.

    Raises:
        SelectionError: Another line is not a run.
    """
    if not file.exists():
        return {}
    lines = file.read_text(encoding="utf-8").split("\n")
    found = {}
    # Whatever follows the last line break was not written to its end.
    for number, line in enumerate(lines[:-1], start=1):
        try:
            run = _run(json.loads(line))
        except (ValueError, TypeError, KeyError) as error:
            raise SelectionError(
                f"line {number} of {file} is not a run of this version of the benchmark "
                f"({error}); give --to a new folder"
            ) from error
        found[run.match] = run
    return found


def _run(read: dict[str, Any]) -> Run:
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in read.items()
    }
    return Run(**{**values, "match": Match(**read["match"])})
