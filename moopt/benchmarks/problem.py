"""A benchmark problem: a real study whose true front is known, and how a search did on it.

Searches see what `measure` returns, with noise and crashes. They are judged by the true values at
the points that they tried, so that lucky noise earns nothing.
"""

import enum
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from moopt.front.hypervolume import hypervolume
from moopt.front.reference_point import reference_point
from moopt.study.objectives import Minimize, Objective
from moopt.study.parameters import Continuous, Parameters
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


@dataclass(frozen=True, slots=True)
class Problem:
    """A study, its true values and what can be reached."""

    study: Study
    """With a reference for each objective."""

    true_values: Callable[[Parameters], Mapping[str, float] | Failure]
    """Objectives by name, without noise, or why the point has none."""

    _: KW_ONLY
    best: float
    """Hypervolume of the true front above the study's references."""

    checkpoints: Sequence[int]
    """Numbers of trials after which a search is scored. The last one is the budget."""

    score: Score = Score.LOG_GAP
    noise: Mapping[str, float] = field(default_factory=dict)
    """Standard deviation of one measurement, by objective, in its unit. Absent: exact."""

    initial_trials: int | None = None
    """Trials before a model. None: as many as a search takes by itself."""

    @property
    def name(self) -> str:
        """The study's name."""
        return self.study.name

    def measure(self, parameters: Parameters, seed: int) -> dict[str, float] | Failure:
        """Return the values as a search sees them. Equal seeds draw equal noise."""
        values = self.true_values(parameters)
        if isinstance(values, Failure):
            return values
        generator = np.random.default_rng(seed)
        return {
            name: value + self.noise.get(name, 0.0) * float(generator.standard_normal())
            for name, value in values.items()
        }

    def hypervolumes(self, points: Sequence[Parameters]) -> list[float]:
        """Return the hypervolume of the true values after each point. Crashes add nothing."""
        reference = reference_point(self.study)
        signs = {each.name: each.direction.sign for each in self.study.objectives}
        rows = np.empty((0, len(signs)))
        history = []
        for point in points:
            values = self.true_values(point)
            if not isinstance(values, Failure):
                rows = np.vstack([rows, [sign * values[name] for name, sign in signs.items()]])
            history.append(hypervolume(rows, reference))
        return history

    def scored(self, reached: float) -> float:
        """Return the score of a hypervolume."""
        match self.score:
            case Score.LOG_GAP:
                return math.log10(max(self.best - reached, SMALLEST_GAP * self.best))
            case Score.SHARE:
                return reached / self.best
            case Score.HYPERVOLUME:
                return reached

    def is_better(self, score: float, other: float) -> bool:
        """Say whether a score beats another."""
        return score < other if self.score is Score.LOG_GAP else score > other


def minimizing(
    name: str, parameters: Sequence[Continuous], references: Mapping[str, float]
) -> Study:
    """Return a study that minimizes objectives, given by name with their references."""
    return Study(
        name,
        parameters=parameters,
        objectives=[
            Objective(objective, Minimize, reference=reference)
            for objective, reference in references.items()
        ],
    )
