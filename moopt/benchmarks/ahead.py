"""What candidates that are made in advance cost and save, in virtual time.

Run it with `python -m moopt.benchmarks.ahead`. Workers and the search are played on one clock that
nobody waits for: trials take random times, a proposal takes a given one, and the candidates are the
sampler's own. So many seeds take minutes, and the machine's other work changes nothing. A stock
of 0 is what a loop without candidates in advance has; `auto` is the stock that a run chooses.
"""

import argparse
import heapq
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from statistics import fmean, median

from rich.console import Console

from moopt.benchmarks.one_thread import one_thread
from moopt.benchmarks.problem import Problem
from moopt.benchmarks.problems import problem_named
from moopt.benchmarks.waiting import evaluation_seconds
from moopt.protocols import Sampler
from moopt.samplers.bayesian import BayesianSampler
from moopt.samplers.proposer import RECENT, stock, typical_seconds
from moopt.samplers.starting_points import announced, next_candidates
from moopt.study.trials import (
    Candidate,
    Failure,
    Trial,
    TrialState,
    evaluation_seed,
)
from moopt.study.validation import check_measurements

OUT = Console(highlight=False, soft_wrap=True)
ERR = Console(stderr=True, highlight=False, soft_wrap=True)
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Setting:
    """What is played."""

    workers: int
    trials: int
    span: str
    """The shortest and the longest trial in seconds, as in `1-5`."""

    proposal: float | None
    """Seconds that a proposal by a model takes. None: those of the CPU that it does take."""

    stock: int | None
    """How many candidates are ready in advance. None: as many as a run chooses."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it."""

    score: float
    busy: float
    """Share of the workers' time that they evaluate, up to the last start."""

    failed: int


@dataclass
class Play:
    """One run in virtual time."""

    problem: Problem
    sampler: Sampler
    setting: Setting
    seed: int
    now: float = 0.0
    trials: list[Trial] = field(default_factory=list)
    ready: list[Candidate] = field(default_factory=list)
    running: list[tuple[float, int]] = field(default_factory=list)
    """When each running trial ends, and its number: a heap."""

    made: tuple[float, list[Candidate]] | None = None
    """When the proposal that is being made is there, and what it is."""

    recent: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    """Seconds of the last proposals."""

    def run(self) -> Outcome:
        """Play until every trial has ended."""
        while len(self.trials) < self.setting.trials or self.running:
            if not self._start():
                self._order()
                self._advance()
        points = [trial.parameters for trial in self.trials]
        last = max(trial.started for trial in self.trials if trial.started)
        inside = sum(
            (min(trial.ended, last) - trial.started).total_seconds()
            for trial in self.trials
            if trial.started and trial.ended
        )
        busy = inside / (self.setting.workers * (last - EPOCH).total_seconds())
        failed = sum(trial.state is TrialState.FAILED for trial in self.trials)
        score = self.problem.scored(self.problem.hypervolumes(points)[-1])
        return Outcome(score, busy, failed)

    @property
    def free(self) -> int:
        """How many workers wait."""
        return min(self.setting.workers - len(self.running), self.setting.trials - len(self.trials))

    def _start(self) -> bool:
        if not self.ready or self.free <= 0:
            return False
        candidate, number = self.ready.pop(0), len(self.trials)
        trial = Trial(
            number,
            candidate.parameters,
            state=TrialState.RUNNING,
            seed=evaluation_seed(self.seed, number),
            sampler=candidate.sampler,
            started=EPOCH + timedelta(seconds=self.now),
        )
        self.trials.append(trial)
        end = self.now + evaluation_seconds(trial, self.setting.span)
        heapq.heappush(self.running, (end, number))
        return True

    def _order(self) -> None:
        """Begin a proposal where a candidate is missing and none is being made."""
        ahead = self.setting.stock
        if ahead is None:
            ahead = stock(self.setting.workers, self.recent, typical_seconds(self.trials))
        left = self.setting.trials - len(self.trials)
        if self.made is not None or len(self.ready) >= min(self.free + ahead, left):
            return
        known = [*self.trials, *map(announced, self.ready)]
        began = time.thread_time()
        made = next_candidates(self.sampler, self.problem.study, known, 1, self.seed)
        seconds = time.thread_time() - began
        if self.setting.proposal is not None:
            # Points of a sequence, which come before the first model, are there at once.
            seconds = self.setting.proposal if made[0].sampler == "bayesian" else 0.0
        self.recent.append(seconds)
        self.made = (self.now + seconds, made)

    def _advance(self) -> None:
        """Go to what happens next."""
        if self.made is not None and (not self.running or self.made[0] <= self.running[0][0]):
            self.now, candidates = self.made
            self.ready += candidates
            self.made = None
            return
        self.now, number = heapq.heappop(self.running)
        trial = self.trials[number]
        found = self.problem.measure(trial.parameters, trial.seed)
        ended = replace(trial, ended=EPOCH + timedelta(seconds=self.now))
        if isinstance(found, Failure):
            self.trials[number] = replace(ended, state=TrialState.FAILED, failure=found)
        else:
            measured = check_measurements(found)
            self.trials[number] = replace(ended, state=TrialState.COMPLETED, measurements=measured)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, play and print a row for each problem and stock."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", default="zdt1,branin_currin", help="comma between")
    parser.add_argument("--stocks", default="0,auto", help="numbers or `auto`, comma between")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--span", default="1-5", help="seconds of a trial: shortest-longest")
    parser.add_argument("--proposal", default="0.15", help="seconds of a proposal, or `cpu`")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--first-seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    proposal = None if chosen.proposal == "cpu" else float(chosen.proposal)
    stocks = [None if name == "auto" else int(name) for name in chosen.stocks.split(",")]
    for name in chosen.problems.split(","):
        problem = problem_named(name)
        found: dict[int | None, list[Outcome]] = {each: [] for each in stocks}
        for seed in range(chosen.first_seed, chosen.first_seed + chosen.seeds):
            for each, outcomes in found.items():
                setting = Setting(chosen.workers, chosen.trials, chosen.span, proposal, each)
                sampler = BayesianSampler(initial_trials=problem.initial_trials)
                with one_thread(seed):
                    outcomes.append(Play(problem, sampler, setting, seed).run())
                ERR.print(f"{name} seed {seed} stock {each}: {outcomes[-1]}")
        print_table(problem, found)


def print_table(problem: Problem, found: dict[int | None, list[Outcome]]) -> None:
    """Print a row for each stock, with the seeds on which it beats the first one."""
    OUT.print(f"\n{problem.name}: {problem.score.value}")
    OUT.print(
        f"{'stock':<8}{'median':>9}{'mean':>9}{'busy':>8}{'failed':>8}{'beats the first':>17}"
    )
    first = next(iter(found.values()))
    for each, outcomes in found.items():
        pairs = list(zip(outcomes, first, strict=True))
        wins = sum(problem.is_better(one.score, other.score) for one, other in pairs)
        scores = [outcome.score for outcome in outcomes]
        OUT.print(
            f"{'auto' if each is None else each:<8}{median(scores):>9.4f}{fmean(scores):>9.4f}"
            f"{fmean(each.busy for each in outcomes):>8.1%}"
            f"{fmean(each.failed for each in outcomes):>8.1f}{f'{wins} of {len(pairs)}':>17}"
        )


if __name__ == "__main__":
    main()
