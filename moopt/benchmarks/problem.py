"""A benchmark problem: a real study whose true front is known, and how a search did on it.

Searches see what `measure` returns, with noise and crashes. They are judged by the true values at
the points that they tried, so that lucky noise earns nothing, and points that break a constraint
earn nothing either.
"""

import enum
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from moopt.errors import SelectionError
from moopt.front.hypervolume import hypervolume
from moopt.front.reference_point import reference_point
from moopt.study.objectives import Minimize, Objective, OutcomeConstraint
from moopt.study.parameters import Parameter, Parameters
from moopt.study.study import Study
from moopt.study.trials import Failure
from moopt.study.validation import Raw

SMALLEST_GAP = 1e-9
"""As a share of the best hypervolume: some best ones are approximate and can be passed."""


class Score(enum.Enum):
    """What is made of a hypervolume."""

    LOG_GAP = "log10 of the gap to the best hypervolume, smaller is better"
    SHARE = "share of the best hypervolume, larger is better"
    HYPERVOLUME = "hypervolume, larger is better"


Found = Mapping[str, Raw] | Failure
"""What became of a point: a value for every outcome, or why there is none."""

TrueValues = Callable[[Parameters], Mapping[str, float] | Failure]
"""From a point to its outcomes without noise, by name, or why it has none."""

Noise = Mapping[str, float] | Callable[[Parameters], Mapping[str, float]]
"""Standard deviations of one measurement, by outcome: everywhere the same, or of the point."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A study, its true values and what can be reached."""

    study: Study
    """With a reference for each objective."""

    true_values: TrueValues
    """Objectives and constrained outcomes by name, without noise, or why the point has none."""

    _: KW_ONLY
    true_best: float | Callable[[], float] | None
    """Hypervolume of the true front above the study's references, or how to find it, where that
    takes seconds. None: the front is not known, and the best known hypervolume is the largest of
    all runs together."""

    checkpoints: Sequence[int]
    """Numbers of trials after which a search is scored. The last one is the budget."""

    score: Score = Score.LOG_GAP
    noise: Noise = field(default_factory=dict)
    """In each outcome's unit. Absent: exact."""

    known_noise: bool = False
    """Whether a measurement comes with its standard error."""

    repeats: Callable[[Parameters, int], Mapping[str, float]] | None = None
    """One of several real measurements of a point, chosen by a seed. None: true values with normal
    noise."""

    initial_trials: int | None = None
    """Trials before a model. None: as many as a search takes by itself."""

    @property
    def name(self) -> str:
        """The study's name."""
        return self.study.name

    @property
    def best(self) -> float | None:
        """Hypervolume of the true front above the study's references. None: it is not known."""
        return self.true_best() if callable(self.true_best) else self.true_best

    @property
    def best_hypervolume(self) -> float:
        """The best hypervolume, of a problem whose front is known.

        Raises:
            SelectionError: It is not known.
        """
        best = self.best
        if best is None:
            raise SelectionError(
                f"the best hypervolume of {self.name!r} is not known; compare hypervolumes, or "
                "take the largest one of all runs"
            )
        return best

    def measure(self, parameters: Parameters, seed: int) -> Mapping[str, Raw] | Failure:
        """Return the values as a search sees them. Equal seeds draw equal noise.

        With `known_noise` each is a pair of a mean and its standard error.
        """
        values = self.true_values(parameters)
        if isinstance(values, Failure):
            return values
        if self.repeats is not None:
            return dict(self.repeats(parameters, seed))
        generator = np.random.default_rng(seed)
        deviations = self.noise if isinstance(self.noise, Mapping) else self.noise(parameters)
        noisy = {
            name: value + deviations.get(name, 0.0) * float(generator.standard_normal())
            for name, value in values.items()
        }
        if not self.known_noise:
            return noisy
        return {name: (value, deviations.get(name, 0.0)) for name, value in noisy.items()}

    def is_feasible(self, values: Mapping[str, float]) -> bool:
        """Say whether true values are within the limits of the study's outcome constraints."""
        return all(each.holds(values[each.name]) for each in self.study.outcome_constraints)

    def hypervolumes(self, points: Sequence[Parameters]) -> list[float]:
        """Return the hypervolume of the true values after each point.

        Crashes and points that break an outcome constraint add nothing.
        """
        reference = reference_point(self.study)
        signs = {each.name: each.direction.sign for each in self.study.objectives}
        rows = np.empty((0, len(signs)))
        history: list[float] = []
        for point in points:
            values = self.true_values(point)
            if not isinstance(values, Failure) and self.is_feasible(values):
                row = np.array([sign * values[name] for name, sign in signs.items()])
                if (row > reference).all():
                    rows = np.vstack([rows, row])
                    history.append(hypervolume(rows, reference))
                    continue
            history.append(history[-1] if history else 0.0)
        return history

    def scored(self, reached: float) -> float:
        """Return the score of a hypervolume.

        Raises:
            SelectionError: The score needs the best hypervolume, which is not known.
        """
        match self.score:
            case Score.LOG_GAP:
                best = self.best_hypervolume
                return math.log10(max(best - reached, SMALLEST_GAP * best))
            case Score.SHARE:
                return reached / self.best_hypervolume
            case Score.HYPERVOLUME:
                return reached

    def is_better(self, score: float, other: float) -> bool:
        """Say whether a score beats another."""
        return score < other if self.score is Score.LOG_GAP else score > other


def remembered(true_values: TrueValues) -> TrueValues:
    """Return the same values without computing those of equal parameters twice in a process."""
    known: dict[str, Mapping[str, float] | Failure] = {}

    def values(parameters: Parameters) -> Mapping[str, float] | Failure:
        key = json.dumps(dict(parameters), sort_keys=True)
        if key not in known:
            known[key] = true_values(parameters)
        return known[key]

    return values


def minimizing(
    name: str,
    parameters: Sequence[Parameter],
    references: Mapping[str, float],
    constraints: Sequence[OutcomeConstraint] = (),
) -> Study:
    """Return a study that minimizes objectives, given by name with their references."""
    return Study(
        name,
        parameters=parameters,
        objectives=[
            Objective(objective, Minimize, reference=reference)
            for objective, reference in references.items()
        ],
        outcome_constraints=constraints,
    )
