"""The front of a study: its optimal trials, and how to choose one of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from moopt.errors import SelectionError
from moopt.front.alpha_point import alpha_point, distance_to_alpha_point
from moopt.front.dominance import is_nondominated
from moopt.front.growth import affordable_hypervolume, hypervolume_growth
from moopt.front.named_numbers import numbers_by_column, objective_column, objective_names
from moopt.front.reference_point import infer_references, reference_point
from moopt.front.utilities import (
    lexicographic_choice,
    log_nash_product,
    log_sigmoid_utility,
    smallest_gain,
)
from moopt.front.values import is_feasible, measured_trials, objective_values
from moopt.study.study import Study
from moopt.study.trials import Trial

AUGMENTATION = 0.05
"""Weight of the sum in the augmented Chebyshev distance: breaks ties towards better points."""

SHARPNESS = 0.1
"""Share of the front's range in which `all_good` passes from bad to good."""


@dataclass(frozen=True, slots=True)
class Front:
    """The trials that no other feasible trial beats in every objective."""

    study: Study
    """With a reference for each objective, inferred where the user gave none."""

    trials: tuple[Trial, ...]
    """By number."""

    def hypervolume(self) -> float:
        """Return the volume that the front dominates above the study's reference point.

        With many objectives and many trials it is an estimate: see `affordable_hypervolume`.
        """
        if not self.trials:
            return 0.0
        values = objective_values(self.study, self.trials)
        return affordable_hypervolume(values, reference_point(self.study))

    def knee(self, *, within: Callable[[Trial], bool] | None = None) -> Trial:
        """Return the trial that gives up least for what it gains.

        With every objective scaled to [0, 1] over the front, it is the trial furthest above the
        plane through the best points of the single objectives. With one objective it is the best
        trial, the first of equals.

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
        weights = numbers_by_column(self.study, "importance", preferences)
        if not weights.any():
            raise SelectionError(
                "a preference needs a positive importance for at least one of "
                f"{objective_names(self.study)}"
            )
        losses = weights / weights.sum() * (1.0 - self._scaled())
        distances = losses.max(axis=1) + AUGMENTATION * losses.sum(axis=1)
        return self.trials[int(np.argmin(distances))]

    def nash(self) -> Trial:
        """Return the trial with the largest product of gains over the study's reference point.

        The choice does not depend on units. See `utilities.log_nash_product`.

        Raises:
            SelectionError: The front is empty, or no trial gains in every objective.
        """
        values, references = self._gaining()
        return self.trials[int(np.argmax(log_nash_product(values, references)))]

    def egalitarian(self) -> Trial:
        """Return the trial whose least gain over the study's reference point is largest.

        A gain of 1 is the best value of an objective on the front. See `utilities.smallest_gain`.

        Raises:
            SelectionError: The front is empty, or no trial gains in every objective.
        """
        values, references = self._gaining()
        return self.trials[int(np.argmax(smallest_gain(values, references, values.max(axis=0))))]

    def lexicographic(
        self, names: Sequence[str], *, tolerance: Mapping[str, float] | None = None
    ) -> Trial:
        """Return the best trial in the first objective; ties are left to the next, and so on.

        Args:
            names: Objectives, the most important first; those not named do not count.
            tolerance: What may be lost of an objective for the sake of the next, in its own unit;
                0 for those not named.

        Raises:
            SelectionError: The front is empty, nothing is named or something twice, a name is no
                objective, or a tolerance is negative.
        """
        order = [objective_column(self.study, name) for name in names]
        if not order or len(set(order)) < len(order):
            raise SelectionError(
                f"name one or more of {objective_names(self.study)}, each once; got {names}"
            )
        tolerances = numbers_by_column(self.study, "tolerance", tolerance or {})
        return self.trials[lexicographic_choice(self._values(), order, tolerances)]

    def all_good(
        self, good: Mapping[str, float], *, scales: Mapping[str, float] | None = None
    ) -> Trial:
        """Return the trial that is most probably good in every one of the named objectives.

        More than good is worth little, less than good costs much. See
        `utilities.log_sigmoid_utility`.

        Args:
            good: What is good enough, by objective and in its own unit.
            scales: How far from there a value is clearly good or clearly bad, in the objective's
                own unit and above 0; a tenth of the front's range for those not named.

        Raises:
            SelectionError: The front is empty, nothing is named, a name is no objective, or a
                number is not finite or a scale not positive.
        """
        if not good:
            raise SelectionError(
                f"say what is good enough for one or more of {objective_names(self.study)}"
            )
        values = self._values()
        spread = values.max(axis=0) - values.min(axis=0)
        default = np.where(spread > 0, SHARPNESS * spread, 1.0)
        scale = numbers_by_column(self.study, "scale", scales or {}, default=default)
        if not scale.all():
            raise SelectionError(f"a scale of 0 has no place between good and bad, got {scales}")
        signs = np.array([each.direction.sign for each in self.study.objectives])
        # Beyond -∞ everything is good: what is not named does not count.
        thresholds = numbers_by_column(
            self.study, "good value", good, default=-signs * np.inf, at_least=-np.inf
        )
        utilities = log_sigmoid_utility(values, signs * thresholds, scale)
        return self.trials[int(np.argmax(utilities))]

    def alpha_point(self, alpha: float = 0.5) -> Trial:
        """Return the trial nearest to the share `alpha` of the way along a front of two objectives.

        The objectives are scaled to [0, 1] over the front. See `alpha_point.alpha_point`.

        Args:
            alpha: 0: the best trial in the first objective; 1: the best in the second.

        Raises:
            SelectionError: The front is empty, the objectives are not two, or `alpha` is no share.
        """
        self._check_alpha(alpha)
        return self.trials[alpha_point(self._scaled(), alpha)]

    def distance(self, trial: Trial, alpha: float = 0.5) -> float:
        """Return how far a trial, on the front or off it, is from the front's α-point.

        The objectives are scaled as for `alpha_point`. See `alpha_point.distance_to_alpha_point`.

        Raises:
            SelectionError: As for `alpha_point`, or the trial lacks an objective.
        """
        self._check_alpha(alpha)
        front, values = self._values(), objective_values(self.study, [trial])
        if np.isnan(values).any():
            raise SelectionError(f"trial {trial.number} lacks a measurement of an objective")
        spread = front.max(axis=0) - front.min(axis=0)
        units = np.where(spread > 0, spread, 1.0)
        return float(distance_to_alpha_point(values / units, front / units, alpha)[0])

    def _scaled(self) -> Float[np.ndarray, "n m"]:
        values = self._values()
        worst = values.min(axis=0)
        spread = values.max(axis=0) - worst
        scaled = (values - worst) / np.where(spread > 0, spread, 1.0)
        return np.asarray(np.where(spread > 0, scaled, 1.0))

    def _values(self) -> Float[np.ndarray, "n m"]:
        if not self.trials:
            raise SelectionError(
                f"study {self.study.name!r} has no front yet: no trial has completed with every "
                "objective measured and every outcome constraint met"
            )
        return objective_values(self.study, self.trials)

    def _gaining(self) -> tuple[Float[np.ndarray, "n m"], Float[np.ndarray, " m"]]:
        """Return values and reference point, once a trial is known to gain in every objective."""
        values, references = self._values(), reference_point(self.study)
        if not (values > references).all(axis=1).any():
            raise SelectionError(
                f"no trial on the front of {self.study.name!r} is better than the reference in "
                "every objective; give references that are easier to beat"
            )
        return values, references

    def _check_alpha(self, alpha: float) -> None:
        if len(self.study.objectives) != 2:
            raise SelectionError(
                f"an alpha-point needs two objectives, study {self.study.name!r} has "
                f"{len(self.study.objectives)}; use the knee or a preference"
            )
        if not 0 <= alpha <= 1:
            raise SelectionError(f"an alpha-point needs 0 <= alpha <= 1, got {alpha}")


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
    counted = np.array([is_feasible(study, trial) for trial in ended], dtype=bool)
    values = objective_values(resolved, ended)
    growth = hypervolume_growth(values, counted, reference_point(resolved))
    return [float(each) for each in growth]
