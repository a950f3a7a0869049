"""Playing one match: a search proposes, trials take their time, the search learns."""

import heapq
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from moopt.benchmarks.contest.matches import Match, Rules, Run
from moopt.benchmarks.one_thread import one_thread
from moopt.benchmarks.peers import Apart, Search, cpu_seconds
from moopt.benchmarks.problem import Found, Problem
from moopt.benchmarks.problems import problem_named
from moopt.benchmarks.searches import search_named
from moopt.samplers.history import key
from moopt.study.parameters import Parameters
from moopt.study.trials import Failure, evaluation_seed

STATUS = Path("/proc/self/status")
"""Where Linux tells a process of its memory."""

_LOGGER = logging.getLogger(__name__)


@dataclass(slots=True)
class _Told:
    """What is known of a match so far."""

    points: list[Parameters] = field(default_factory=list)
    failed: list[bool] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    ended: str = ""


def play(match: Match, rules: Rules) -> Run:
    """Play a match in this process, with one thread.

    A search that raises an error, or that has spent its time, keeps what it has found by then.

    Args:
        match: Who plays where.
        rules: What it may use.

    Raises:
        SelectionError: There is no such problem or search, or the search does not take the problem.
        MissingDependencyError: A package for it is not installed.
    """
    return played_on(problem_named(match.problem), match, rules)


def played_on(problem: Problem, match: Match, rules: Rules) -> Run:
    """Play a match on a problem that need not be one of the registered ones; else as `play`."""
    told = _Told()
    with one_thread(match.seed):
        search = search_named(
            match.search, problem.study, match.seed, initial_trials=problem.initial_trials
        )
        try:
            for point, outcome in _played(problem, search, match, rules, told):
                told.points.append(point)
                told.failed.append(isinstance(outcome, Failure))
        # A peer is foreign code. What it found before it broke down counts.
        except Exception as error:
            _LOGGER.debug("%s broke down", match, exc_info=True)
            told.ended = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
    return Run(
        match,
        parameters=tuple(told.points),
        hypervolumes=tuple(problem.hypervolumes(told.points)),
        failed=tuple(told.failed),
        cpu_seconds=tuple(told.cpu),
        wall_seconds=tuple(told.wall),
        repeats=len(told.points) - len({key(each) for each in told.points}),
        peak_mib=search.peak_mib if isinstance(search, Apart) else peak_mib(),
        ended=told.ended,
    )


def _played(
    problem: Problem, search: Search, match: Match, rules: Rules, told: _Told
) -> Iterator[tuple[Parameters, Found]]:
    """Yield what was tried and what came of it, in the order in which trials end."""
    running: list[tuple[float, int, Parameters]] = []
    now, asked = 0.0, 0
    while True:
        while len(running) < match.workers and asked < rules.trials and not told.ended:
            cpu, wall = cpu_seconds(search), time.perf_counter()
            point = search.ask()
            told.cpu.append(cpu_seconds(search) - cpu)
            told.wall.append(time.perf_counter() - wall)
            heapq.heappush(running, (now + duration(match, asked), asked, point))
            asked += 1
            if sum(told.cpu) > rules.seconds and asked < rules.trials:
                told.ended = f"it took more than {rules.seconds:g} CPU s for {asked} proposals"
        if not running:
            return
        now, number, point = heapq.heappop(running)
        outcome = problem.measure(point, evaluation_seed(match.seed, number))
        search.tell(number, outcome)
        yield point, outcome


def duration(match: Match, number: int) -> float:
    """Return how long a trial runs, on a clock that nobody waits for: the same for all searches."""
    return float(np.random.default_rng([match.seed, number]).uniform(0.5, 1.5))


def peak_mib() -> float | None:
    """Return the most memory that this process has held. None: the system does not tell."""
    if not STATUS.exists():
        return None
    fields = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return int(fields["VmHWM"].split()[0]) / 1024
