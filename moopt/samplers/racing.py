"""Look at every candidate briefly, and go on with those that promise most.

For fidelities that are unbiased, such as the share of the examples that a model is measured on: a
measurement on a few is the same number with a larger standard error, so one model learns from all
of them. What a whole measurement adds is certainty, and only the front needs that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import torch

from moopt.acquisition.hypervolume import noisy_hypervolume_improvement
from moopt.encoding.space import SpaceEncoding
from moopt.encoding.training_data import training_data, trials_to_learn_from
from moopt.errors import SelectionError
from moopt.front.ranking import best_first
from moopt.front.values import is_whole
from moopt.samplers.asha import promoted
from moopt.samplers.bayesian import BayesianSampler
from moopt.samplers.lineages import fidelity_of
from moopt.samplers.starting_points import announced
from moopt.study.costs import spent
from moopt.study.objectives import Fidelity
from moopt.study.study import Study
from moopt.study.trials import Candidate, Trial, TrialState
from moopt.surrogates.outcomes import learn_outcomes
from moopt.surrogates.reproducible import reproducible

NAME = "racing"


@dataclass(frozen=True, slots=True)
class RacingSampler:
    """Bayesian search at the lowest fidelity; a part of what it finds is measured as a whole.

    Taken further is what is expected to add most to the front of whole measurements. What was
    stopped on the way, because others dominate it for sure, is not taken up again.
    """

    begun_for_each: int = 3
    """Candidates that are begun for each that is taken further."""

    budget: float | None = None
    """What the search may spend, in whole evaluations. The last part of it is kept to take further
    what is best in the end: what looks best halfway is often beaten later. None: that of the run,
    where it has one."""

    kept: float = 0.4
    """Share of the budget that is kept for the end."""

    new: BayesianSampler = field(default_factory=BayesianSampler)
    """Proposes what is begun."""

    def within(self, budget: float) -> "RacingSampler":
        """Return the sampler for a run that may spend so much; a budget of its own stands."""
        return self if self.budget is not None else replace(self, budget=budget)

    def first_fidelity(self, study: Study) -> float:
        """Return the lowest fidelity: starting points race as all others do."""
        return fidelity_of(study, NAME).low

    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        """Return candidates, new ones and trials to take further.

        Raises:
            SelectionError: The study has no fidelity, or one that is not unbiased.
            SurrogateError: No Gaussian process fits an outcome.
        """
        fidelity = fidelity_of(study, NAME)
        if not fidelity.unbiased:
            raise SelectionError(
                f"sampler {NAME!r} needs a fidelity whose measurements are unbiased, such as a "
                f"share of examples; say unbiased=True for {fidelity.name!r} if they are, or "
                "choose 'multi_fidelity'"
            )
        known, chosen = list(trials), list[Candidate]()
        while len(chosen) < count:
            candidate = self._next(study, fidelity, known, seed)
            if candidate is None:
                break
            chosen.append(candidate)
            known.append(announced(candidate))
        return chosen

    def _next(
        self, study: Study, fidelity: Fidelity, trials: Sequence[Trial], seed: int
    ) -> Candidate | None:
        further = sum(trial.continues is not None for trial in trials)
        begun = sum(_began(trial) for trial in trials)
        if begun >= (further + 1) * self.begun_for_each or self._is_ending(study, trials):
            best = self._most_promising(study, trials, seed)
            if best is not None:
                return promoted(best, fidelity.high, NAME)
        found = self.new.propose(study, trials, 1, seed)
        if found:
            return replace(found[0], fidelity=fidelity.low)
        best = self._most_promising(study, trials, seed)
        return None if best is None else promoted(best, fidelity.high, NAME)

    def _is_ending(self, study: Study, trials: Sequence[Trial]) -> bool:
        if self.budget is None:
            return False
        counted = set(TrialState) - {TrialState.CANCELLED}
        return spent(study, trials, counted) >= (1 - self.kept) * self.budget

    def _most_promising(self, study: Study, trials: Sequence[Trial], seed: int) -> Trial | None:
        """Return the trial that is expected to add most to the front of whole measurements."""
        encoding = SpaceEncoding.of(study)
        data = training_data(study, encoding, trials)
        if not self.new.can_learn(study, data, trials):
            return None
        taken = {trial.continues for trial in trials}
        paused = [each for each in trials if _is_paused(study, each) and each.number not in taken]
        if not paused:
            return None
        rows = [is_whole(study, each) for each in trials_to_learn_from(study, trials)]
        going_on = encoding.encode_all([each.parameters for each in trials if _goes_on(each)])
        if not any(rows) and not len(going_on):
            return paused[next(chain.from_iterable(best_first(study, paused)))]
        with reproducible(seed * 1_000_003 + len(trials), self.new.threads):
            outcomes = learn_outcomes(encoding, data, self.new.surrogate)
            whole = replace(
                outcomes.data,
                points=data.points[rows],
                outcomes=data.outcomes[rows],
                standard_errors=data.standard_errors[rows],
                pending=going_on,
            )
            gain = noisy_hypervolume_improvement(outcomes.restricted(whole), seed + len(trials))
            with torch.no_grad():
                points = encoding.encode_all([each.parameters for each in paused])
                return paused[int(gain(points[:, None, :]).argmax())]


def _began(trial: Trial) -> bool:
    return trial.continues is None and trial.state is not TrialState.CANCELLED


def _is_paused(study: Study, trial: Trial) -> bool:
    """Say whether a trial ended at the fidelity that it was to come to, and could go on."""
    return trial.state is TrialState.COMPLETED and not is_whole(study, trial)


def _goes_on(trial: Trial) -> bool:
    running = trial.state in (TrialState.PROPOSED, TrialState.RUNNING)
    return running and trial.continues is not None
