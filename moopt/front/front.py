"""The front of a study: its optimal trials, and how to choose one of them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from moopt.errors import SelectionError
from moopt.front.dominance import is_nondominated
from moopt.front.hypervolume import hypervolume
from moopt.front.reference_point import infer_references, reference_point
from moopt.front.values import is_feasible, measured_trials, objective_values
from moopt.study.study import Study
from moopt.study.trials import Trial

AUGMENTATION = 0.05
"""Weight of the sum in the augmented Chebyshev distance: breaks ties towards better points."""


@dataclass(frozen=True, slots=True)
class Front:
    """The trials that no other feasible trial beats in every objective."""

    study: Study
    """With a reference for each objective, inferred where the user gave none."""

    trials: tuple[Trial, ...]
    """By number."""

    def hypervolume(self) -> float:
        """Return the volume that the front dominates above the study's reference point."""
        if not self.trials:
            return 0.0
        return hypervolume(objective_values(self.study, self.trials), reference_point(self.study))

    def knee(self, *, within: Callable[[Trial], bool] | None = None) -> Trial:
        """Return the trial that gives up least for what it gains.

        With every objective scaled to [0, 1] over the front, it is the trial furthest above the
        plane through the best points of the single objectives.

        Source: Das, "On characterizing the knee of the Pareto curve based on normal-boundary
        intersection", Structural Optimization 18 (1999).

        Args:
            within: Which trials may be it; the scale stays that of the whole front. None: all.

        Raises:
            SelectionError: The front is empty, or no trial may be it.
        """
        heights = self._scaled().sum(axis=1)
        allowed = [n for n, each in enumerate(self.trials) if within is None or within(each)]
        if not allowed:
            raise SelectionError(
                f"none of the {len(self.trials)} trials on the front of {self.study.name!r} is "
                "within the limits; loosen one"
            )
        return self.trials[max(allowed, key=lambda n: float(heights[n]))]

    def pick(self, preferences: Mapping[str, float]) -> Trial:
        """Return the trial that suits the preferences best.

        It has the smallest augmented Chebyshev distance to the best value of each objective, with
        every objective scaled to [0, 1] over the front.

        Source: Steuer and Choo, "An interactive weighted Tchebycheff procedure for multiple
        objective programming", Mathematical Programming 26 (1983).

        Args:
            preferences: Importance of objectives by name, at least 0; those not named have 0.

        Raises:
            SelectionError: The front is empty, a name is no objective, or nothing is important.
        """
        names = [objective.name for objective in self.study.objectives]
        for name, importance in preferences.items():
            if name not in names:
                raise SelectionError(
                    f"{name!r} is no objective of study {self.study.name!r}; choose from {names}"
                )
            if not (math.isfinite(importance) and importance >= 0):
                raise SelectionError(
                    f"the importance of {name!r} needs to be a number >= 0, got {importance}"
                )
        weights = np.array([preferences.get(name, 0.0) for name in names])
        if not weights.any():
            raise SelectionError(
                f"a preference needs a positive importance for at least one of {names}"
            )
        losses = weights / weights.sum() * (1.0 - self._scaled())
        distances = losses.max(axis=1) + AUGMENTATION * losses.sum(axis=1)
        return self.trials[int(np.argmin(distances))]

    def _scaled(self) -> Float[np.ndarray, "n m"]:
        if not self.trials:
            raise SelectionError(
                f"study {self.study.name!r} has no front yet: no trial has completed with every "
                "objective measured and every outcome constraint met"
            )
        values = objective_values(self.study, self.trials)
        worst = values.min(axis=0)
        spread = values.max(axis=0) - worst
        scaled = (values - worst) / np.where(spread > 0, spread, 1.0)
        return np.asarray(np.where(spread > 0, scaled, 1.0))


def front_of(study: Study, trials: Sequence[Trial], *, include_infeasible: bool = False) -> Front:
    """Return the front of the trials.

    Args:
        study: Where it lacks references, they are inferred from the trials.
        trials: In any state; only completed ones with every objective count.
        include_infeasible: Also let trials on it that break an outcome constraint.
    """
    candidates = [
        trial
        for trial in measured_trials(study, trials)
        if include_infeasible or is_feasible(study, trial)
    ]
    candidates.sort(key=lambda trial: trial.number)
    best = is_nondominated(objective_values(study, candidates))
    resolved = study.with_references(infer_references(study, trials))
    return Front(resolved, tuple(t for t, is_best in zip(candidates, best, strict=True) if is_best))


def hypervolume_history(study: Study, trials: Sequence[Trial]) -> list[float]:
    """Return the hypervolume after each measured trial, in the order in which they ended.

    Infeasible trials have a place in the list and add nothing.
    """
    resolved = study.with_references(infer_references(study, trials))
    ended = sorted(
        measured_trials(study, trials),
        key=lambda trial: (trial.ended.timestamp() if trial.ended else 0.0, trial.number),
    )
    reference = reference_point(resolved)
    history: list[float] = []
    front = np.empty((0, len(study.objectives)))
    for trial in ended:
        if is_feasible(study, trial):
            front = np.vstack([front, objective_values(resolved, [trial])])
            front = front[is_nondominated(front)]
        history.append(hypervolume(front, reference) if len(front) else 0.0)
    return history
