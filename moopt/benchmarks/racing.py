"""Racing beside measuring every candidate on all examples: the same front for half of them?

Run it with `python -m moopt.benchmarks.racing --to DIR` where `studies/merge_minilm.py` is. Both
ways search with the same seeds, one after the other: one measures every candidate on all examples,
the other may spend half as many example evaluations. Compared are hypervolumes of the fronts, all
of whose models are measured on all examples, with the noise that lies in the choice of the
examples. Runs are kept in DIR and are not made again.
"""

import argparse
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from jaxtyping import Float
from rich.console import Console

from moopt.errors import SelectionError
from moopt.evaluators.example_record import RECORD
from moopt.evaluators.merge import MergeEvaluator
from moopt.evaluators.raced_merges import RacedMerges
from moopt.evaluators.racing import Racing
from moopt.front.hypervolume import hypervolume
from moopt.front.reference_point import reference_point
from moopt.optimizer import Optimizer
from moopt.samplers.racing import RacingSampler
from moopt.study.evaluation import Context, Report
from moopt.study.loading import StudyFile, load_study_file
from moopt.study.objectives import Fidelity
from moopt.study.study import Study
from moopt.study.trials import Trial

STUDY = Path("studies/merge_minilm.py")
RESAMPLES = 500
EXAMPLES = Fidelity("examples", low=1 / 8, high=1, unbiased=True)

BEGUN_FOR_EACH = 6
"""Before the end, where racing takes further what is best."""

OUT = Console(highlight=False, soft_wrap=True)
ERR = Console(stderr=True, highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Run:
    """What one search came to."""

    spent: float
    """Example evaluations, in those of a candidate that is measured on all."""

    begun: int
    """Candidates that were measured at all."""

    whole: int
    """Candidates that were measured on all examples."""

    front: tuple[int, ...]
    """Numbers of the trials on the front."""


def search(study: Study, evaluate: RacedMerges, *, budget: float, seed: int, to: Path) -> Run:
    """Search within a budget of whole evaluations; records of examples stay in a folder."""
    racing = RacingSampler(begun_for_each=BEGUN_FOR_EACH, budget=budget)
    sampler = "bayesian" if study.fidelity is None else racing
    optimizer, spent = Optimizer(study, sampler, seed), 0.0
    most = 1.0 if study.fidelity is None else EXAMPLES.cost(EXAMPLES.high, after=EXAMPLES.low)
    while spent + most <= budget:
        (trial,) = optimizer.ask()
        earlier = None if trial.continues is None else to / str(trial.continues)
        outcome = evaluate(trial, _context(trial, to, earlier))
        measured = outcome.measurements if isinstance(outcome, Report) else outcome
        fidelity = outcome.fidelity if isinstance(outcome, Report) else trial.fidelity
        optimizer.tell(trial.number, measured, fidelity=fidelity)
        spent += _cost(optimizer, trial, fidelity)
    trials = optimizer.trials
    whole = [each for each in trials if each.fidelity in (None, EXAMPLES.high)]
    return Run(
        spent,
        sum(each.continues is None for each in trials),
        len(whole),
        tuple(each.number for each in optimizer.front().trials),
    )


def _cost(optimizer: Optimizer, trial: Trial, fidelity: float | None) -> float:
    if fidelity is None:
        return 1.0
    after = 0.0 if trial.continues is None else optimizer.trials[trial.continues].fidelity
    return EXAMPLES.cost(fidelity, after=after or 0.0)


def _context(trial: Trial, to: Path, earlier: Path | None) -> Context:
    folder = to / str(trial.number)
    folder.mkdir(parents=True, exist_ok=True)
    return Context("cpu", trial.seed, folder, logging.getLogger(__name__), continues=earlier)


def front_scores(study: Study, run: Run, folder: Path) -> list[Float[np.ndarray, "f n"]]:
    """Return by objective what the models of a front scored on every example."""
    records = [np.load(folder / str(number) / RECORD) for number in run.front]
    return [np.stack([each[one.name] for each in records]) for one in study.objectives]


def front_volumes(
    study: Study, scores: Sequence[Float[np.ndarray, "f n"]], seed: int
) -> Float[np.ndarray, " r"]:
    """Return the hypervolume on all examples, then those on resamples of the examples.

    Equal seeds draw equal resamples, so that differences between fronts are paired.
    """
    generator = np.random.default_rng(seed)
    signs = np.array([objective.direction.sign for objective in study.objectives])
    counts = [each.shape[1] for each in scores]
    draws = [
        [np.arange(count) for count in counts],
        *([generator.integers(count, size=count) for count in counts] for _ in range(RESAMPLES)),
    ]
    return np.array(
        [
            hypervolume(
                np.stack(
                    [each[:, rows].mean(axis=1) for each, rows in zip(scores, draw, strict=True)],
                    axis=1,
                )
                * signs,
                reference_point(study),
            )
            for draw in draws
        ]
    )


def kept_run(path: Path, study: Study, evaluate: RacedMerges, budget: float, seed: int) -> Run:
    """Return the run that a folder holds, made if it is not there."""
    record = path / "run.json"
    if not record.exists():
        run = search(study, evaluate, budget=budget, seed=seed, to=path)
        record.write_text(json.dumps(asdict(run)), encoding="utf-8")
    found = json.loads(record.read_text(encoding="utf-8"))
    return Run(**{**found, "front": tuple(found["front"])})


def compare(file: StudyFile, *, trials: int, share: float, seeds: int, to: Path) -> None:
    """Run both ways with every seed, and print what they spent and came to."""
    if not isinstance(file.evaluate, MergeEvaluator):
        raise SelectionError(f"{file.path} does not merge; racing is measured on a merge study")
    racing = Racing({each.name: each.direction for each in file.study.objectives})
    evaluate = RacedMerges(file.evaluate, racing)
    raced = replace(file.study, fidelity=EXAMPLES)
    OUT.print("seed  way     spent  begun  whole  front  hypervolume   of all's  noise of that")
    shares = []
    for seed in range(seeds):
        base = np.ones(RESAMPLES + 1)
        for name, study, budget in (("all", file.study, trials), ("racing", raced, share * trials)):
            folder = to / f"{name}-{seed}"
            run = kept_run(folder, study, evaluate, budget, seed)
            volumes = front_volumes(study, front_scores(study, run, folder), seed)
            base = volumes if name == "all" else base
            noise = (volumes / base)[1:].std()
            OUT.print(
                f"{seed:<6}{name:<7}{run.spent:>6.2f}{run.begun:>7}{run.whole:>7}"
                f"{len(run.front):>7}{volumes[0]:>13.6f}{volumes[0] / base[0]:>11.3f}{noise:>15.3f}"
            )
        shares.append(volumes[0] / base[0])
    OUT.print(f"racing keeps {fmean(shares):.3f} of the hypervolume, the mean of {seeds} seeds")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, run the comparison and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", type=Path, default=STUDY, help="a merge study")
    parser.add_argument("--trials", type=int, default=40, help="of the search without racing")
    parser.add_argument("--share", type=float, default=0.5, help="of its examples, for racing")
    parser.add_argument("--seeds", type=int, default=3, help="how many, counted from 0")
    parser.add_argument("--to", type=Path, required=True, help="folder for the runs")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    file = load_study_file(chosen.study)
    if file.prepare is not None:
        file.prepare(lambda message, share: ERR.print(f"{share:4.0%} {message}"))
    compare(file, trials=chosen.trials, share=chosen.share, seeds=chosen.seeds, to=chosen.to)


if __name__ == "__main__":
    main()
