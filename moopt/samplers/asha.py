"""Asynchronous successive halving for several objectives: much tried briefly, the best at length.

Few candidates reach a level of fidelity, and whoever is free takes the next step: a trial that is
among the best of its level is taken to the next one; where there is none, a new one begins.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise

from moopt.errors import SelectionError
from moopt.front.ranking import TieBreak, best_first, crowding, epsilon_net
from moopt.protocols import Sampler
from moopt.samplers.lineages import SLACK, Lineage, fidelity_of, lineages
from moopt.samplers.quasi_random import QuasiRandomSampler, RandomSampler
from moopt.samplers.starting_points import announced
from moopt.study.study import Study
from moopt.study.trials import Candidate, Trial, TrialState

BEGINNERS: dict[str, Callable[[], Sampler]] = {
    "sobol": QuasiRandomSampler,
    "random": RandomSampler,
}
"""What proposes new candidates."""

TIE_BREAKS: dict[str, TieBreak] = {"epsilon_net": epsilon_net, "crowding": crowding}

Step = tuple[float, float]
"""A level and the one above it."""

_UNENDED = {TrialState.PROPOSED, TrialState.RUNNING}


@dataclass(frozen=True, slots=True)
class AshaSampler:
    """Takes trials further that few others of their level beat.

    Source: Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht and Talwalkar, "A system for
    massively parallel hyperparameter tuning", MLSys (2020); Schmucker, Donini, Zafar, Salinas and
    Archambeau, "Multi-objective asynchronous successive halving", arXiv:2106.12639 (2021).
    """

    factor: float = 3.0
    """Between the levels; one in so many trials of a level is taken to the next."""

    new: str = "sobol"
    """A key of `BEGINNERS`."""

    tie_break: str = "epsilon_net"
    """A key of `TIE_BREAKS`: which of the trials that do not dominate each other come first."""

    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        """Return trials to take further, then new ones at the lowest level.

        Where the space is used up, all are taken further, the best first: each level once what runs
        there has ended.

        Raises:
            SelectionError: The study has no fidelity, or there is no such option.
        """
        steps = list(pairwise(fidelity_of(study, "asha").levels(self.factor)))
        for option, options in ((self.new, [*BEGINNERS]), (self.tie_break, [*TIE_BREAKS])):
            if option not in options:
                raise SelectionError(f"asha has no option {option!r}; choose from {options}")
        chosen: list[Candidate] = []

        def known() -> list[Trial]:
            return [*trials, *map(announced, chosen)]

        while len(chosen) < count and (best := self._promotion(study, known(), steps, self.factor)):
            chosen.append(best)
        fresh = BEGINNERS[self.new]().propose(study, known(), count - len(chosen), seed)
        chosen += [replace(each, fidelity=steps[0][0], sampler="asha") for each in fresh]
        while len(chosen) < count and (best := self._last_promotion(study, known(), steps)):
            chosen.append(best)
        return chosen

    def _promotion(
        self, study: Study, trials: Sequence[Trial], steps: Sequence[Step], one_in: float
    ) -> Candidate | None:
        """Return the best trial of the highest level that has one to take further."""
        known = lineages(trials)
        for level, above in reversed(steps):
            seen = [(each, each.between(study, level, above)) for each in known]
            measured = [(each, trial) for each, trial in seen if trial is not None]
            failed = sum(_failed_between(each, level, above) for each in known)
            most = int((len(measured) + failed) / one_in + SLACK)
            ranked = best_first(study, [trial for _, trial in measured], TIE_BREAKS[self.tie_break])
            for place in list(chain.from_iterable(ranked))[:most]:
                lineage = measured[place][0]
                paused = lineage.paused
                if paused is not None and lineage.reached < above * (1 - SLACK):
                    return promoted(paused, above, "asha")
        return None

    def _last_promotion(
        self, study: Study, trials: Sequence[Trial], steps: Sequence[Step]
    ) -> Candidate | None:
        """Return what to take further when the space is used up, however many were before.

        A level that trials run at is passed over: they may be better than those that have ended.
        """
        run = [each.fidelity for each in trials if each.state in _UNENDED and each.fidelity]
        settled = [
            (level, above)
            for level, above in steps
            if not any(_is_between(fidelity, level, above) for fidelity in run)
        ]
        return self._promotion(study, trials, settled, 1.0)


def promoted(paused: Trial, fidelity: float, sampler: str) -> Candidate:
    """Return the candidate that takes a paused trial to a higher fidelity."""
    return Candidate(paused.parameters, fidelity=fidelity, continues=paused.number, sampler=sampler)


def _failed_between(lineage: Lineage, low: float, high: float) -> bool:
    failed = lineage.failed_at
    return failed is not None and _is_between(failed, low, high)


def _is_between(fidelity: float, low: float, high: float) -> bool:
    return low * (1 - SLACK) <= fidelity < high * (1 - SLACK)
