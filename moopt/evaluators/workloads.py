"""Measure one update rule on several workloads: how soon each comes to its target.

The score of a workload is a ratio: steps to the target by those of the baseline. A rule that misses
a target scores between one and two times the ratio of the most steps, the worse the less of the way
it came: so that a search sees in which direction the target lies.
"""

import math
from collections.abc import Callable, Sequence

from moopt.evaluators.aggregation import mean, mean_of_sample, worst_case
from moopt.study.evaluation import Context
from moopt.study.objectives import Direction
from moopt.study.parameters import Parameters
from moopt.study.trials import Measurement, Trial
from moopt.training.time_to_target import Examples, Training, Workload, time_to_target
from moopt.training.update_rule import UpdateRule

HELD_OUT_SEED = 1_000_003
"""Added to a trial's seed: other weights at the start, other orders of the examples."""

NEXT_SEED = 7919

TRUSTED_SEEDS = 5
"""From so many runs on their spread is taken for the standard error."""


class WorkloadsEvaluator:
    """Measures `typical`, the geometric mean of the workloads' ratios, and `worst`, the largest.

    Each workload's own ratio is measured as well, under the workload's name.
    """

    def __init__(
        self,
        workloads: Sequence[Workload],
        rule_of: Callable[[Parameters], UpdateRule],
        *,
        seeds: int = 1,
        held_out_seeds: int = 3,
    ) -> None:
        """Remember what to train; no data is loaded yet.

        Args:
            workloads: One or more.
            rule_of: Makes the update rule of a trial's parameters.
            seeds: Runs of a trial on each workload, of which the mean logarithm counts.
            held_out_seeds: As many, for a trial on the front.
        """
        self._workloads = tuple(workloads)
        self._rule_of = rule_of
        self._seeds = seeds
        self._held_out_seeds = held_out_seeds
        self._examples: dict[str, Examples] = {}

    def __call__(self, trial: Trial, context: Context) -> dict[str, Measurement]:
        """Return typical and worst ratio and that of every workload."""
        seeds = [trial.seed + NEXT_SEED * index for index in range(self._seeds)]
        return self._measured(trial, context, seeds)

    def held_out(self, trial: Trial, context: Context) -> dict[str, Measurement]:
        """Return the same with seeds that the search has not seen."""
        first = trial.seed + HELD_OUT_SEED
        seeds = [first + NEXT_SEED * index for index in range(self._held_out_seeds)]
        return self._measured(trial, context, seeds)

    def _measured(
        self, trial: Trial, context: Context, seeds: Sequence[int]
    ) -> dict[str, Measurement]:
        rule = self._rule_of(trial.parameters)
        logarithms = {}
        for workload in self._workloads:
            if workload.name not in self._examples:
                self._examples[workload.name] = workload.examples()
            examples = self._examples[workload.name]
            runs = [time_to_target(workload, examples, rule, seed) for seed in seeds]
            context.logger.info(
                "%s: target after %s steps, %.2f s",
                workload.name,
                [run.steps for run in runs],
                sum(run.seconds for run in runs),
            )
            logarithms[workload.name] = _over_seeds(
                [Measurement(math.log(ratio(workload, run))) for run in runs]
            )
        parts = list(logarithms.values())
        summary = {
            "typical": mean(parts, Direction.MINIMIZE),
            "worst": worst_case(parts, Direction.MINIMIZE),
        }
        return {name: _exp(each) for name, each in (summary | logarithms).items()}


def ratio(workload: Workload, run: Training) -> float:
    """Return a run's steps by the baseline's; of a miss, 1 to 2 times that of the most steps."""
    most = workload.most_steps / workload.baseline_steps
    if run.steps is None:
        return most * (2 - run.progress)
    return run.steps / workload.baseline_steps


def _over_seeds(logarithms: Sequence[Measurement]) -> Measurement:
    found = mean_of_sample(logarithms, Direction.MINIMIZE)
    # The spread of a few runs may be small by chance: then the surrogate learns the noise.
    return found if len(logarithms) >= TRUSTED_SEEDS else Measurement(found.mean)


def _exp(logarithm: Measurement) -> Measurement:
    value = math.exp(logarithm.mean)
    return Measurement(value, None if logarithm.sem is None else value * logarithm.sem)
