"""A study with one objective in words: it has a best trial where others have a front."""

from collections.abc import Sequence

from moopt.front.front import Front
from moopt.reports.formatting import ABSENT, decimals_for, measurement_text
from moopt.study.study import Study
from moopt.study.trials import Trial

MOST_NUMBERS = 6


def has_one_objective(study: Study) -> bool:
    """Say whether a study has a best trial rather than a front."""
    return len(study.objectives) == 1


def reached_text(front: Front) -> str:
    """Return how far a search got, in a few words: its hypervolume, or its best value."""
    if not has_one_objective(front.study):
        return f"hypervolume {front.hypervolume():.5g}"
    (objective,) = front.study.objectives
    values = [trial.measurements[objective.name].mean for trial in front.trials[:1]]
    return f"best {objective.name} {f'{values[0]:.5g}' if values else ABSENT}"


def best_value_text(front: Front) -> str:
    """Return the best value of the only objective, of a front that has a trial."""
    (objective,) = front.study.objectives
    measurement = front.trials[0].measurements[objective.name]
    return measurement_text(measurement, decimals_for([measurement]))


def numbers_text(trials: Sequence[Trial]) -> str:
    """Return the numbers of trials, such as `trial 3` or `trials 3, 7`; of many only the first."""
    numbers = ", ".join(str(trial.number) for trial in trials[:MOST_NUMBERS])
    hidden = len(trials) - MOST_NUMBERS
    more = f" and {hidden} more" if hidden > 0 else ""
    return f"{'trial' if len(trials) == 1 else 'trials'} {numbers}{more}"
