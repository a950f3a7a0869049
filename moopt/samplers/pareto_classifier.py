"""Which configuration is most likely on the front? Learned from who dominates whom.

For spaces of choices. Instead of a model for every objective there is one, of how deep below the
front a trial lies: what dominates another one has no smaller value.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from moopt.acquisition.normal_tails import log_excess
from moopt.encoding.training_data import PENDING
from moopt.front.depth import dominance_margin
from moopt.front.ranking import best_first
from moopt.front.values import is_feasible, measured_trials, objective_values
from moopt.samplers.choice_model import ChoiceModel
from moopt.samplers.choices import ChoiceSpace
from moopt.samplers.history import initial_trials, tried_parameters, whole_fidelity
from moopt.samplers.quasi_random import QuasiRandomSampler, initial_design
from moopt.samplers.starting_points import announced
from moopt.study.study import Study
from moopt.study.trials import Candidate, FailureKind, Trial, TrialState
from moopt.surrogates.reproducible import reproducible

NAME = "pareto_classifier"

DEEPEST = -3.0
"""Margins below it are as bad as it: far from the front no differences are to be learned."""

LISTED = 20_000
"""Spaces up to this size are looked at configuration by configuration."""

DRAWN = 1_024
"""Random configurations of larger spaces from which a climb may begin."""

BEST = 24
"""Trials, the best first, whose neighbours are looked at in larger spaces."""

CLIMBERS = 8
LONGEST = 30
"""Most steps of a climb."""

FEWEST = 3
"""Measured trials from which something can be learned."""


@dataclass(frozen=True, slots=True)
class ParetoClassifierSampler:
    """Proposes what is expected to lie farthest ahead of what dominates it.

    One process over pairs and triples of choices learns the margin of dominance of the trials; the
    candidate is that of the largest expected margin above zero, where the front begins.

    Source: Chen and Mauch, "Order-preserving GFlowNets", ICLR (2024), for learning one score that
    preserves the order of dominance in place of the objectives.
    """

    initial_trials: int | None = None
    """Trials before the first model. None: as many as `BayesianSampler` takes."""

    threads: int = 1
    """For linear algebra."""

    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        """Return untried configurations, fewer only where there are no more.

        Raises:
            SelectionError: The study has parameters other than categorical ones.
        """
        space = ChoiceSpace.of(study, NAME)
        initial = initial_trials(study) if self.initial_trials is None else self.initial_trials
        begun = sum(trial.state is not TrialState.CANCELLED for trial in trials)
        measured = measured_trials(study, trials)
        if begun < initial or len(measured) < FEWEST:
            return initial_design(study, trials, count, seed)
        step = seed * 1_000_003 + len(trials)
        with reproducible(step, self.threads):
            chosen = _chosen(space, _learned(space, study, trials), count, step)
        candidates = [
            Candidate(space.values(row), fidelity=whole_fidelity(study), sampler=NAME)
            for row in chosen
        ]
        if len(candidates) < count:
            known = [*trials, *map(announced, candidates)]
            candidates += QuasiRandomSampler().propose(study, known, count - len(candidates), seed)
        return candidates


@dataclass(frozen=True, slots=True)
class _Learned:
    """What is known of a study of choices."""

    model: ChoiceModel
    goal: float
    """Where the front begins, in the model's unit."""

    best: Int[np.ndarray, "b p"]
    """The best trials, the best first."""

    tried: Int[np.ndarray, "t p"]


def _learned(space: ChoiceSpace, study: Study, trials: Sequence[Trial]) -> _Learned:
    measured = measured_trials(study, trials)
    crashed = [trial for trial in trials if _crashed(trial)]
    margins, front = margins_of(study, measured)
    margins = np.concatenate([margins, np.full(len(crashed), margins.min())])
    known = space.rows([trial.parameters for trial in (*measured, *crashed)])
    mean, deviation = margins.mean(), margins.std()
    deviation = deviation if deviation > 0 else 1.0
    model = ChoiceModel.of(known, (margins - mean) / deviation, seed=len(trials))
    return _Learned(
        model.with_believed(space.rows([t.parameters for t in trials if t.state in PENDING])),
        (front - mean) / deviation,
        known[np.argsort(-margins, kind="stable")[:BEST]],
        space.rows(tried_parameters(trials)),
    )


def _chosen(
    space: ChoiceSpace, learned: _Learned, count: int, seed: int
) -> list[Int[np.ndarray, " p"]]:
    """Choose one configuration after the other, each as if those before it had been measured."""
    generator = np.random.default_rng(seed)
    chosen: list[Int[np.ndarray, " p"]] = []
    for _ in range(count):
        pool, worth = _looked_at(space, learned, generator)
        fresh = _not_among(pool, learned.tried)
        if not fresh.any():
            break
        row = pool[fresh][worth[fresh].argmax()]
        chosen.append(row)
        learned = replace(
            learned,
            model=learned.model.with_believed(row[None]),
            tried=np.concatenate([learned.tried, row[None]]),
        )
    return chosen


def margins_of(study: Study, measured: Sequence[Trial]) -> tuple[Float[np.ndarray, " n"], float]:
    """Return a number for each trial that preserves the order of dominance, and where fronts begin.

    What breaks a limit is below all that does not, by how far it is beyond the limits.
    """
    feasible = np.array([is_feasible(study, trial) for trial in measured])
    margins = np.full(len(measured), DEEPEST)
    lowest, front = 0.0, 0.0
    if feasible.any():
        values = objective_values(study, [each for each in measured if is_feasible(study, each)])
        margins[feasible] = np.maximum(dominance_margin(values), DEEPEST)
        lowest = float(margins[feasible].min())
    if not feasible.all():
        beyond = [layer for layer in best_first(study, measured) if not feasible[layer].any()]
        for place, layer in enumerate(beyond, start=1):
            margins[layer] = lowest - place / len(beyond)
        if not feasible.any():
            front = float(margins.max())
    return margins, front


def _looked_at(
    space: ChoiceSpace, learned: _Learned, generator: np.random.Generator
) -> tuple[Int[np.ndarray, "q p"], Float[np.ndarray, " q"]]:
    """Return configurations and what each is worth: all of them, or those that a climb finds."""
    pool = space.everything(LISTED)
    if pool is not None:
        return pool, _worth(learned, pool)
    around = space.neighbours(learned.best)
    pool = space.settled(np.concatenate([space.drawn(DRAWN, generator), around]))
    worth = _worth(learned, pool)
    here = pool[np.argsort(-worth, kind="stable")[:CLIMBERS]]
    for _ in range(LONGEST):
        found = space.neighbours(here)
        found = found[_not_among(found, pool)]
        if len(found) == 0:
            break
        pool, worth = np.concatenate([pool, found]), np.append(worth, _worth(learned, found))
        top = pool[np.argsort(-worth, kind="stable")[:CLIMBERS]]
        if np.array_equal(top, here):
            break
        here = top
    return pool, worth


def _worth(learned: _Learned, rows: Int[np.ndarray, "q p"]) -> Float[np.ndarray, " q"]:
    """Return the log of what is expected beyond the goal."""
    means, deviations = learned.model.marginals(rows)
    log, _, _ = log_excess(torch.from_numpy((means - learned.goal) / deviations))
    return np.asarray(log.numpy() + np.log(deviations))


def _not_among(
    rows: Int[np.ndarray, "q p"], others: Int[np.ndarray, "n p"]
) -> Bool[np.ndarray, " q"]:
    known = {row.tobytes() for row in np.ascontiguousarray(others, dtype=np.int64)}
    found = np.ascontiguousarray(rows, dtype=np.int64)
    return np.array([row.tobytes() not in known for row in found], dtype=bool)


def _crashed(trial: Trial) -> bool:
    return trial.failure is not None and trial.failure.kind is FailureKind.CANDIDATE
