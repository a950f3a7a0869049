"""What trials cost, in whole evaluations."""

from collections.abc import Collection, Sequence

from moopt.study.study import Study
from moopt.study.trials import Trial, TrialState


def cost_of(study: Study, trial: Trial, trials: Sequence[Trial]) -> float:
    """Return what a trial costs: 1 without fidelities, else what its own takes after an earlier's.

    A failed trial counts as if it had gone to its end, and a stopped one as far as it came.

    Args:
        study: What it belongs to.
        trial: May be none of the trials yet.
        trials: By number.
    """
    if study.fidelity is None or trial.fidelity is None:
        return 1.0
    earlier = None if trial.continues is None else trials[trial.continues].fidelity
    # What came no further than the earlier one had begun anew.
    after = earlier if earlier is not None and earlier < trial.fidelity else 0.0
    return study.fidelity.cost(trial.fidelity, after=after)


def spent(study: Study, trials: Sequence[Trial], states: Collection[TrialState]) -> float:
    """Return what the trials in some states cost together.

    Args:
        study: What they belong to.
        trials: All of them, by number.
        states: Of those that count.
    """
    return sum(cost_of(study, trial, trials) for trial in trials if trial.state in states)
