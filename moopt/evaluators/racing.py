"""Stop measuring a model that others beat for sure.

A model is measured on growing shares of the examples, all objectives in step. After each share its
means over all examples are estimated with their uncertainty, and where even the bounds that favour
it are dominated by a model that was measured on all, it is measured no further.

The first answer to a race is due to Maron and Moore; here it is asked of all objectives at once.

Source: Maron and Moore, "Hoeffding races: accelerating model selection search for classification
and function approximation", NeurIPS (1994); Birattari, Stützle, Paquete and Varrentrapp, "A racing
algorithm for configuring metaheuristics", GECCO (2002), for tests on paired results.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, sqrt
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from scipy import stats

from moopt.errors import EvaluationError
from moopt.evaluators.control_variates import mean_of_all
from moopt.evaluators.example_record import (
    Scores,
    data_name,
    other_scores,
    read_scores,
    write_scores,
)
from moopt.evaluators.measures import ExampleMeasures
from moopt.study.evaluation import Context, Report
from moopt.study.objectives import Direction
from moopt.study.trials import Trial

LEAST = 8
"""Examples of each objective before a model may lose: fewer say nothing of their spread."""


@dataclass(frozen=True, slots=True)
class Racing:
    """How models race. The study needs a fidelity that is the share of the examples, up to 1.

    A trial measures the share of the examples that its fidelity says, in a random order that is the
    same for all; one that is taken further measures only what is missing.

    Raises:
        EvaluationError: The shares are not ascending between 0 and 1, or `alpha` is no probability.
    """

    directions: Mapping[str, Direction]
    """Of the objectives of the study, by name. Every one of them has to be a mean over examples:
    what is not compared could be what makes a model worth having."""

    shares: tuple[float, ...] = (1 / 8, 1 / 4, 1 / 2)
    """Shares of the examples after which a model may be found to lose."""

    alpha: float = 0.05
    """Most that the probability may be to stop a model that no other would dominate if all were
    measured on all examples."""

    seed: int = 0
    """Of the order of the examples."""

    def __post_init__(self) -> None:
        ascending = all(low < high for low, high in pairwise((0.0, *self.shares, 1.0)))
        if not ascending or not 0 < self.alpha < 1:
            raise EvaluationError(
                "a race needs ascending shares between 0 and 1 and 0 < alpha < 1, got "
                f"shares={self.shares}, alpha={self.alpha:g}"
            )

    def measure(
        self, measures: ExampleMeasures, trial: Trial, context: Context, split: str
    ) -> dict[str, tuple[float, float]] | Report:
        """Measure the live model as far as its trial's fidelity says, or until it has lost.

        What is measured on some examples is reported as an estimate for all, with a standard error
        that says so.

        Raises:
            EvaluationError: An objective is not measured by examples.
        """
        counts = measures.example_counts(split)
        missing = sorted(set(self.directions) - set(counts))
        if missing:
            raise EvaluationError(
                f"a race needs every objective measured by examples; {missing} are not among "
                f"{sorted(counts)}; leave racing out for this study"
            )
        data = data_name(counts, split, self.seed, measures.example_digest(split))
        order = self._order(counts)
        goal = 1.0 if trial.fidelity is None else trial.fidelity
        looks = () if trial.fidelity is None else self.shares
        scores = _known(context.continues, data, counts)
        complete = [each for each in other_scores(context.directory, data) if _whole(each, counts)]
        for share in looks:
            if share >= goal:
                break
            if _holds(scores, counts, share):
                continue  # the trial that is taken further was not stopped here
            scores = _scored(scores, measures, split, order, share)
            write_scores(context.directory, scores, data)
            estimates = _estimates(scores, complete, counts)
            measured = _measurements(scores, measures, split, order, estimates)
            context.report(share, measured)
            if context.should_stop() or self._has_lost(scores, estimates, complete):
                return Report(share, measured)
        scores = _scored(scores, measures, split, order, goal)
        write_scores(context.directory, scores, data)
        return _measurements(scores, measures, split, order, _estimates(scores, complete, counts))

    def _order(self, counts: Mapping[str, int]) -> dict[str, list[int]]:
        return {
            name: np.random.default_rng([self.seed, place]).permutation(count).tolist()
            for place, (name, count) in enumerate(sorted(counts.items()))
        }

    def _has_lost(
        self,
        scores: Scores,
        estimates: Mapping[str, tuple[float, float]],
        complete: Sequence[Scores],
    ) -> bool:
        if min(len(scores[name]) for name in self.directions) < LEAST:
            return False
        signs = np.array([direction.sign for direction in self.directions.values()])
        means, errors = np.array([estimates[name] for name in self.directions]).T
        beside = [[each[name].mean() for name in self.directions] for each in complete]
        least = min(len(scores[name]) for name in self.directions)
        level = self.alpha / (len(signs) * len(self.shares))
        return bool(
            lost(
                signs * means,
                errors * stats.t.isf(level, least - 1),
                signs * np.array(beside).reshape(len(complete), len(signs)),
            ).any()
        )


def lost(
    means: Float[np.ndarray, " m"],
    margins: Float[np.ndarray, " m"],
    others: Float[np.ndarray, "n m"],
) -> Bool[np.ndarray, " n"]:
    """Say which others dominate a model even if it is better than measured by all the margins.

    Args:
        means: Of the model; larger is better.
        margins: How much better it may be.
        others: Means of models that are measured on all examples, one a row.
    """
    best = means + margins
    return np.asarray((others >= best).all(axis=1) & (others > best).any(axis=1))


def _known(folder: Path | None, data: str, counts: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Return the scores of the trial that is taken further; none where there are none."""
    found = None if folder is None else read_scores(folder, data)
    if found is None or set(found) != set(counts):
        return {name: np.empty(0) for name in counts}
    return found


def _holds(scores: Scores, counts: Mapping[str, int], share: float) -> bool:
    return all(len(scores[name]) >= ceil(share * count) for name, count in counts.items())


def _whole(scores: Scores, counts: Mapping[str, int]) -> bool:
    return set(scores) == set(counts) and _holds(scores, counts, 1.0)


def _estimates(
    scores: Scores, complete: Sequence[Scores], counts: Mapping[str, int]
) -> dict[str, tuple[float, float]]:
    """Return the mean over all examples of every measurement, and its error against that mean."""
    return {
        name: mean_of_all(
            found,
            np.array([each[name][: len(found)] for each in complete]).reshape(-1, len(found)),
            np.array([each[name].mean() for each in complete]),
            counts[name],
        )
        for name, found in scores.items()
    }


def _scored(
    scores: Scores,
    measures: ExampleMeasures,
    split: str,
    order: Mapping[str, Sequence[int]],
    share: float,
) -> dict[str, np.ndarray]:
    """Return the scores up to a share of the examples; those that are missing are measured."""
    missing = {
        name: places[len(scores[name]) : ceil(share * len(places))]
        for name, places in order.items()
    }
    return {
        name: np.concatenate([scores[name], measures.example_scores(name, split, places)])
        if places
        else scores[name]
        for name, places in missing.items()
    }


def _measurements(
    scores: Scores,
    measures: ExampleMeasures,
    split: str,
    order: Mapping[str, Sequence[int]],
    estimates: Mapping[str, tuple[float, float]],
) -> dict[str, tuple[float, float]]:
    """Return what the scores tell of all examples, with the errors of whole measurements.

    The error of a partial one is that of the estimate and that of a measurement on all examples.
    """
    found = {}
    for name, each in scores.items():
        mean, error = measures.summary(name, split, order[name][: len(each)], each)
        share = len(each) / len(order[name])
        if share < 1:
            partial = sqrt(estimates[name][1] ** 2 + share * error**2)
            is_alike = bool(np.ptp(each) == 0)
            mean, error = estimates[name][0], max(partial, error) if is_alike else partial
        found[name] = mean, error
    return found
