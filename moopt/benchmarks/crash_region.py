"""A search where nearly a third of the space crashes, in worker processes that really raise.

Run it with `python -m moopt.benchmarks.crash_region`. It is its own study file: the evaluator
raises RuntimeError inside of the region. The best hypervolume is that of a dense grid without it.
"""

import argparse
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from rich.console import Console

from moopt.benchmarks.crashing import crash_band, crash_edge
from moopt.executors.local import LocalExecutor
from moopt.loop import optimize
from moopt.store.store import Store
from moopt.study.evaluation import Context
from moopt.study.trials import Failure, Trial, TrialState
from moopt.study.validation import Raw

OUT = Console(highlight=False, soft_wrap=True)
REGION_VARIABLE = "MOOPT_BENCHMARK_REGION"
"""Tells worker processes which region crashes."""

REGIONS = {"edge": crash_edge, "band": crash_band}
LAST = 20
"""Trials at the end of a run, by which the search should know the region."""

problem = REGIONS[os.environ.get(REGION_VARIABLE, "edge")]()
study = problem.study


def evaluate(trial: Trial, context: Context) -> Mapping[str, Raw]:
    """Measure a point without noise.

    Raises:
        RuntimeError: It lies in the region.
    """
    match problem.measure(trial.parameters, context.seed):
        case Failure(message=message):
            raise RuntimeError(message)
        case measured:
            return measured


@dataclass(frozen=True, slots=True)
class Crashes:
    """What a run came to."""

    failed: int
    failed_at_last: int
    """Among the last 20 trials."""

    trials: int
    share: float
    """Of the best hypervolume."""


def crashes(region: str, *, sampler: str, workers: int, trials: int, seed: int) -> Crashes:
    """Run a search in worker processes and count what failed.

    Raises:
        SelectionError: There is no sampler of that name.
    """
    os.environ[REGION_VARIABLE] = region
    searched = REGIONS[region]()
    with tempfile.TemporaryDirectory() as folder:
        executor = LocalExecutor(Path(__file__), workers=workers, directory=Path(folder))
        with closing(executor), Store("sqlite://") as store:
            found = optimize(
                searched.study,
                evaluate,
                trials=trials,
                sampler=sampler,
                executor=executor,
                store=store,
                seed=seed,
            )
            history = store.trials(searched.study.name)
    failed = [trial.state is TrialState.FAILED for trial in history]
    return Crashes(
        failed=sum(failed),
        failed_at_last=sum(failed[-LAST:]),
        trials=len(failed),
        share=searched.scored(found.front.hypervolume()),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, run the searches and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--regions", default=",".join(REGIONS), help="names, comma between")
    parser.add_argument("--sampler", default="auto")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    OUT.print(f"{'region':<8}{'seed':>6}{'failed':>8}{'of last 20':>12}{'hypervolume / best':>20}")
    for region in chosen.regions.split(","):
        runs = []
        for seed in range(chosen.first_seed, chosen.first_seed + chosen.seeds):
            run = crashes(
                region,
                sampler=chosen.sampler,
                workers=chosen.workers,
                trials=chosen.trials,
                seed=seed,
            )
            runs.append(run)
            OUT.print(
                f"{region:<8}{seed:>6}{run.failed:>8}{run.failed_at_last:>12}{run.share:>20.4f}"
            )
        worst = min(run.share for run in runs)
        share_failed = mean(run.failed / run.trials for run in runs)
        OUT.print(f"{region}: {share_failed:.1%} failed on average, the worst share is {worst:.4f}")


if __name__ == "__main__":
    main()
