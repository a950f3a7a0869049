"""The sampler for whoever does not want to choose one: it says what it chose, and why."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from moopt.errors import SelectionError
from moopt.protocols import Sampler
from moopt.samplers.bayesian import BayesianSampler
from moopt.samplers.history import initial_trials, only_choices
from moopt.samplers.notes import CHOICE
from moopt.samplers.optional import pymoo_sampler
from moopt.samplers.pareto_classifier import NAME as CLASSIFIER
from moopt.samplers.pareto_classifier import ParetoClassifierSampler
from moopt.samplers.quasi_random import CENTRE
from moopt.samplers.sources import NAME as FROM_SOURCES
from moopt.samplers.starting_points import announced
from moopt.samplers.trust_region import TrustRegionSampler
from moopt.study.source import Source
from moopt.study.study import Study
from moopt.study.trials import Candidate, Trial, TrialState


@dataclass(frozen=True, slots=True)
class AutoSampler:
    """Covers the space first, then learns: of the whole at first, of a few places from much."""

    initial_trials: int | None = None
    """Trials before the first model. None: as many as `BayesianSampler` takes."""

    whole: int = 1_000
    """Most measured trials for models of the whole space: their time grows with the cube."""

    learnable: int = 10_000
    """Most measured trials for any model; from more on a search evolves."""

    sources: Sequence[Source] = ()
    """Earlier studies to learn from."""

    def learning_from(self, sources: Sequence[Source]) -> "AutoSampler":
        """Return the same sampler that learns from earlier studies, too."""
        return replace(self, sources=(*self.sources, *sources))

    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        """Return candidates that say in their notes who proposed them, and why."""
        initial = self.initial_trials
        if initial is None:
            initial = initial_trials(study, self.sources)
        begun = sum(trial.state is not TrialState.CANCELLED for trial in trials)
        measured = sum(_is_measured(study, trial) for trial in trials)
        learned = _counted(measured, "trial") + " measured"
        reasons = {
            CLASSIFIER: "every other trial where all parameters are unordered choices",
            "sobol": f"{learned}, too few to learn from",
            FROM_SOURCES: "the fronts of earlier studies come first",
        }
        if begun < initial:
            reasons["sobol"] = f"{begun} of {initial} initial trials have begun"
            reasons[CENTRE] = "the middle of the space comes first"
        sampler, wish = self._learner(study, measured, initial), ""
        if measured > self.learnable:
            try:
                sampler = pymoo_sampler("nsga2")
            except SelectionError:
                wish = "; pip install 'moopt[pymoo]' for a sampler that is quicker by now"
            else:
                reasons["nsga2"] = f"{learned}, too many for a Gaussian process"
                reasons["sobol"] = f"{learned}, of which nsga2 has no new child"
        known = [
            _counted(len(study.objectives), "objective"),
            _counted(len(study.parameters), "parameter"),
            learned,
        ]
        otherwise = ", ".join(known) + wish
        return [
            _with_note(each, f"{each.sampler}: {reasons.get(each.sampler, otherwise)}")
            for each in sampler.propose(study, trials, count, seed)
        ]

    def _learner(self, study: Study, measured: int, initial: int) -> Sampler:
        if measured > self.whole:
            return TrustRegionSampler(initial_trials=initial)
        bayesian = BayesianSampler(initial_trials=initial, sources=self.sources)
        if only_choices(study) and len(study.objectives) > 1 and not self.sources:
            return _InTurns(ParetoClassifierSampler(initial_trials=initial), bayesian)
        return bayesian


@dataclass(frozen=True, slots=True)
class _InTurns:
    """Every other trial is one sampler's, the others are another's."""

    even: Sampler
    odd: Sampler

    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        of_odd = (count + len(trials) % 2) // 2
        first = self.odd.propose(study, trials, of_odd, seed) if of_odd else []
        if of_odd == count:
            return first
        known = [*trials, *map(announced, first)]
        return first + self.even.propose(study, known, count - of_odd, seed)


def _with_note(candidate: Candidate, choice: str) -> Candidate:
    return replace(candidate, notes={CHOICE: choice, **candidate.notes})


def _is_measured(study: Study, trial: Trial) -> bool:
    return trial.state is TrialState.COMPLETED and any(
        name in trial.measurements for name in study.outcomes
    )


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
