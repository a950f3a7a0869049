"""A whole race: matches side by side, each in a process of its own, written down as they end."""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from moopt.benchmarks.contest.matches import Match, Rules, Run, run_to_json, runs_in
from moopt.benchmarks.contest.playing import play
from moopt.errors import MissingDependencyError, MooptError, SelectionError

RUNS = "runs.jsonl"
"""File of a race's folder with one line for each match that was played."""

LOADED = "moopt.benchmarks.contest.playing"
"""What every process needs, loaded once: the processes of matches are copies of that one."""

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

PATIENCE = 4.0
"""Whoever takes so many times its processor time by the clock, and a minute more, is ended."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Playing:
    match: Match
    process: BaseProcess
    answer: Connection
    until: float
    """By the clock."""


def matches(
    problems: Sequence[str], searches: Sequence[str], seeds: Sequence[int], workers: int = 1
) -> list[Match]:
    """Return all matches, interleaved: one seed of all searches on all problems, then the next."""
    return [
        Match(problem, search, seed, workers)
        for seed in seeds
        for problem in problems
        for search in searches
    ]


def race(planned: Sequence[Match], directory: Path, rules: Rules, say: Say) -> list[Run]:
    """Play what has not been played and return all runs of these matches.

    Args:
        planned: In the order in which they begin.
        directory: Keeps the runs: a race that was stopped goes on where it was.
        rules: For each match.
        say: Is told of every match that ends, and of those that cannot be played.

    Raises:
        SelectionError: The folder holds something else.
    """
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / RUNS
    known = runs_in(file)
    _drop_unfinished_line(file)
    to_play = [each for each in planned if not _is_played(known.get(each), rules)]
    refused: set[tuple[str, str]] = set()
    with file.open("a", encoding="utf-8") as written:
        for done, (match, result) in enumerate(_results(to_play, rules, refused), start=1):
            if isinstance(result, Run):
                known[match] = result
                written.write(run_to_json(result) + "\n")
                written.flush()
                say(f"{done} of {len(to_play)}: {_in_words(result)}")
            elif (match.problem, match.search) not in refused:
                # Whoever does not take the problem is asked once, not with every seed.
                refused.add((match.problem, match.search))
                say(f"left out: {match.problem}, {match.search}: {result}")
    return [known[each] for each in planned if each in known]


def _results(
    to_play: Sequence[Match], rules: Rules, refused: set[tuple[str, str]]
) -> Iterator[tuple[Match, Run | MooptError]]:
    """Yield what came of each match, as matches end. Refused ones are passed over."""
    # A process reads them when it loads its libraries.
    os.environ.update(dict.fromkeys(THREADS, "1"))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([LOADED])
    waiting = iter(to_play)
    running: list[_Playing] = []
    try:
        while True:
            while len(running) < rules.processes:
                match = next(waiting, None)
                if match is None:
                    break
                if (match.problem, match.search) in refused:
                    continue
                answer, end = context.Pipe(duplex=False)
                process = context.Process(target=_play, args=(match, rules, end))
                process.start()
                end.close()
                until = time.monotonic() + 60 + PATIENCE * rules.seconds
                running.append(_Playing(match, process, answer, until))
            if not running:
                return
            wait([each.answer for each in running], timeout=1.0)
            for each in list(running):
                result = _result(each)
                if result is not None:
                    running.remove(each)
                    yield each.match, result
    finally:
        for each in running:
            each.process.kill()


def _play(match: Match, rules: Rules, answer: Connection) -> None:
    """Play a match, and send what came of it."""
    try:
        answer.send(play(match, rules))
    except (SelectionError, MissingDependencyError) as error:
        answer.send(error)


def _result(playing: _Playing) -> Run | MooptError | None:
    """Return what came of a match, or None while it is played."""
    try:
        if playing.answer.poll():
            result: Run | MooptError = playing.answer.recv()
        elif time.monotonic() > playing.until:
            result = _nothing(playing.match, "it did not end, and was ended")
        else:
            return None
    except EOFError:
        playing.process.join(10)
        result = _nothing(playing.match, f"its process ended with {playing.process.exitcode}")
    playing.process.kill()
    playing.process.join()
    playing.answer.close()
    return result


def _nothing(match: Match, why: str) -> Run:
    return Run(match, (), (), (), (), (), repeats=0, peak_mib=None, ended=why)


def _is_played(run: Run | None, rules: Rules) -> bool:
    """Say whether a match has all its trials, or has shown that it gets no further."""
    return run is not None and (len(run.hypervolumes) >= rules.trials or bool(run.ended))


def _drop_unfinished_line(file: Path) -> None:
    """Remove what whoever stopped the race has left half written, so that lines stay lines."""
    if file.exists() and not (text := file.read_text(encoding="utf-8")).endswith("\n"):
        file.write_text(text[: text.rfind("\n") + 1], encoding="utf-8")


def _in_words(run: Run) -> str:
    reached = f"{run.hypervolumes[-1]:.5g}" if run.hypervolumes else "nothing"
    stopped = f" ({run.ended})" if run.ended else ""
    return (
        f"{run.match}: hypervolume {reached} after {len(run.hypervolumes)} trials, "
        f"{sum(run.cpu_seconds):.0f} CPU s{stopped}"
    )
