"""What a study's trials tell every sampler: what was tried, what to try first."""

from collections.abc import Hashable, Iterable, Mapping, Sequence

from moopt.study.parameters import Categorical, Parameters
from moopt.study.source import Source
from moopt.study.study import Study
from moopt.study.trials import Candidate, Trial, TrialState

FEWEST_INITIAL, MOST_INITIAL = 5, 7
"""Trials before the first model; more of them are worth less than as many that a model places."""

MOST_OF_CHOICES = 20
"""The same where all parameters are unordered choices: no value tells of those beside it."""


def key(parameters: Parameters) -> Hashable:
    """Return what equal parameters share and others do not: 1, 1.0 and true are others."""
    return frozenset(
        (name, frozenset(value.items()) if isinstance(value, Mapping) else value, type(value))
        for name, value in parameters.items()
    )


def tried_parameters(trials: Iterable[Trial]) -> list[Parameters]:
    """Return what is not to be proposed again: whatever was, unless it was cancelled.

    What failed through no fault of its own was given up after several attempts; whoever wants
    another one asks for it (`moopt retry`).
    """
    return [trial.parameters for trial in trials if trial.state is not TrialState.CANCELLED]


def initial_trials(study: Study, sources: Sequence[Source] = (), most: int | None = None) -> int:
    """Return how many trials a model needs to begin with.

    Twice as many as there are parameters, 5 to `most`, and at least one more than the study's own
    starting points. With earlier studies to learn from, 5 will. `most` is 7 unless it is given, and
    20 where all parameters are unordered choices.
    """
    if most is None:
        most = MOST_OF_CHOICES if only_choices(study) else MOST_INITIAL
    wanted = FEWEST_INITIAL if sources else 2 * len(study.parameters)
    return max(min(max(wanted, FEWEST_INITIAL), most), len(study.start_with) + 1)


def only_choices(study: Study) -> bool:
    """Return whether every parameter of a study is categorical, and without an order."""
    return all(isinstance(each, Categorical) and not each.ordered for each in study.parameters)


def whole_fidelity(study: Study) -> float | None:
    """Return the fidelity of a whole evaluation, or None where the study has no fidelity."""
    return None if study.fidelity is None else study.fidelity.high


def starting_points(
    study: Study, trials: Sequence[Trial], count: int, fidelity: float | None
) -> list[Candidate]:
    """Return the next of the study's own starting points that have not been tried."""
    if not study.start_with:
        return []
    seen = {key(parameters) for parameters in tried_parameters(trials)}
    candidates: list[Candidate] = []
    for point in study.start_with:
        if key(point) not in seen and len(candidates) < count:
            seen.add(key(point))
            candidates.append(Candidate(point, fidelity=fidelity, sampler="start_with"))
    return candidates
