"""Bayesian optimization over fidelities: look briefly, go on where that pays most per cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.acquisition.gain_per_cost import Cost, GainPerCost
from moopt.acquisition.hypervolume import noisy_hypervolume_improvement
from moopt.acquisition.maximize import best_untried, maximize
from moopt.acquisition.starting_rows import rows_around
from moopt.encoding.enumeration import all_parameters
from moopt.encoding.fidelities import FidelityEncoding
from moopt.encoding.search_box import SearchBox
from moopt.encoding.space import SpaceEncoding
from moopt.front.ranking import best_first
from moopt.samplers.asha import promoted
from moopt.samplers.bayesian import on_front
from moopt.samplers.history import initial_trials, tried_parameters
from moopt.samplers.lineages import SLACK, Lineage, fidelity_of, lineages
from moopt.samplers.quasi_random import ENUMERABLE, QuasiRandomSampler
from moopt.samplers.starting_points import announced
from moopt.study.objectives import Fidelity
from moopt.study.study import Study
from moopt.study.trials import Candidate, Trial
from moopt.surrogates.cost import FidelityCost, learned_cost
from moopt.surrogates.outcomes import Outcomes, learn_outcomes
from moopt.surrogates.reproducible import reproducible

FIRST_WHOLE = 3
"""Whole evaluations before a model: they tell what brief ones leave out."""

STEPWISE = 16
"""Paused trials, the most promising ones, for which levels on the way are considered too."""

LOOKED_AT = 48
"""Points of the space, and as many around the front, by which the level of a new one is chosen."""

NAME = "multi_fidelity"


@dataclass(frozen=True, slots=True)
class MultiFidelitySampler:
    """Gaussian processes with the fidelity as an input; hypervolume gain over cost decides.

    Each step either begins a new candidate, at the fidelity at which looking pays most, or takes a
    paused one further.
    """

    initial_trials: int | None = None
    """Candidates at the lowest fidelity before the first model. None: as `BayesianSampler`."""

    factor: float = 3.0
    """Between the levels of fidelity."""

    surrogate: str | None = None
    """Name of the kernel of every outcome. None: chosen for each by how well it predicts."""

    learn_cost: bool = False
    """Learn from the time of trials how their parameters change the cost that the study's fidelity
    states. Then a search cannot be repeated exactly: times differ."""

    threads: int = 1
    """For linear algebra: at these sizes more are slower."""

    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        """Return candidates, new ones and trials to take further.

        Raises:
            SelectionError: The study has no fidelity, or the surrogate does not suit the space.
            SurrogateError: No Gaussian process fits an outcome.
        """
        fidelity = fidelity_of(study, NAME)
        known, chosen = list(trials), list[Candidate]()
        for _ in range(count):
            candidate = self._next(study, fidelity, known, seed)
            if candidate is None:
                break
            chosen.append(candidate)
            known.append(announced(candidate))
        return chosen

    def _next(
        self, study: Study, fidelity: Fidelity, trials: Sequence[Trial], seed: int
    ) -> Candidate | None:
        families = lineages(trials)
        initial = self.initial_trials
        if initial is None:
            initial = initial_trials(study)
        levels = fidelity.levels(self.factor)
        if len(families) < initial:
            return _new(study, trials, levels[0], seed)
        space, encoding = SpaceEncoding.of(study), FidelityEncoding.of(study, fidelity)
        measured = [each for family in families for each in family.compared(study, levels)]
        data = encoding.training_data(study, trials, measured)
        if min(int(data.measured(column).sum()) for column in range(len(data.names))) < 3:
            return _new(study, trials, levels[0], seed)
        paused = [each.paused for each in families]
        waiting = [each for each in paused if each is not None and not _is_whole(each, fidelity)]
        whole = sum(each.failed_at is None and _reaches(each, fidelity) for each in families)
        if whole < FIRST_WHOLE and waiting:
            best = next(chain.from_iterable(best_first(study, waiting)))
            return promoted(waiting[best], fidelity.high, NAME)
        with reproducible(seed * 1_000_003 + len(trials), self.threads):
            stated = FidelityCost(fidelity)
            cost = learned_cost(space, fidelity, trials) if self.learn_cost else stated
            outcomes = learn_outcomes(encoding.space, data, self.surrogate)
            tried = space.encode_all(tried_parameters(trials))
            step = _Step.of(space, encoding, levels, outcomes, cost, seed=seed + len(trials))
            return step.best(tried, waiting)


@dataclass(frozen=True, slots=True)
class _Step:
    """What one more evaluation is worth, given what is believed."""

    space: SpaceEncoding
    levels: Sequence[float]
    worth: GainPerCost
    front: Float[Tensor, "f d"]
    """Parameters of the front."""

    seed: int
    notes: Mapping[str, str]

    @classmethod
    def of(
        cls,
        space: SpaceEncoding,
        encoding: FidelityEncoding,
        levels: Sequence[float],
        outcomes: Outcomes,
        cost: Cost,
        *,
        seed: int,
    ) -> "_Step":
        """Draw fronts of the highest fidelity, where outcomes are believed at all of them."""
        whole = encoding.at_high(outcomes.data)
        gain = noisy_hypervolume_improvement(outcomes.restricted(whole), seed)
        worth = GainPerCost.of(gain, outcomes.surrogates, encoding, cost, seed)
        front = whole.points[on_front(whole)][:, :-1]
        return cls(space, levels, worth, front, seed, {"surrogate": outcomes.description})

    def best(self, tried: Float[Tensor, "t d"], waiting: Sequence[Trial]) -> Candidate | None:
        """Return what earns most per cost: a new candidate, or a paused trial taken further."""
        level = self._level()
        point = self._best_new(level, tried)
        further, rate = self._best_further(waiting)
        if point is None:
            return further
        with torch.no_grad():
            if further is not None and rate >= float(self._rate(point[None], level)):
                return further
        parameters = self.space.decode(point)
        return Candidate(parameters, fidelity=level, sampler=NAME, notes=self.notes)

    def _rate(self, points: Float[Tensor, "n d"], level: float) -> Float[Tensor, " n"]:
        """Return the log rate of beginning with points at a level; differentiable."""
        if level == self.levels[-1]:
            return self.worth.whole(points)
        return self.worth.at(points, level)

    def _level(self) -> float:
        """Return the level at which the best of some points are worth most."""
        box = SearchBox(self.space)
        rows = [
            box.sobol(LOOKED_AT, seed=self.seed),
            rows_around(box, self.front, LOOKED_AT, seed=self.seed),
        ]
        points = box.to_points(box.within(torch.cat(rows)))
        with torch.no_grad():
            return max(self.levels, key=lambda each: float(self._rate(points, each).max()))

    def _best_new(self, level: float, tried: Float[Tensor, "t d"]) -> Float[Tensor, " d"] | None:
        """Return the untried point that is worth most at a level."""

        def height(points: Tensor) -> Tensor:
            return self._rate(points[:, 0], level)

        whole = all_parameters(self.space.study, ENUMERABLE)
        if whole is not None:
            return best_untried(height, self.space.encode_all(whole), tried)
        box = SearchBox(self.space)
        return maximize(height, box, front=self.front, tried=tried, seed=self.seed)

    def _best_further(self, waiting: Sequence[Trial]) -> tuple[Candidate | None, float]:
        """Return the paused trial that is worth most at a higher fidelity, and its log rate."""
        best: tuple[Candidate | None, float] = None, -torch.inf
        points = self.space.encode_all([each.parameters for each in waiting])
        with torch.no_grad():
            direct = [
                float(self.worth.whole(point[None], after=trial.fidelity or 0.0))
                for point, trial in zip(points, waiting, strict=True)
            ]
            order = sorted(range(len(waiting)), key=lambda row: -direct[row])
            for row in order[:STEPWISE]:
                after = waiting[row].fidelity or 0.0
                options = [(direct[row], self.levels[-1])]
                options += [
                    (float(self.worth.at(points[row][None], level, after=after)), level)
                    for level in self.levels[:-1]
                    if level > after * (1 + SLACK)
                ]
                rate, level = max(options)
                if rate > best[1]:
                    best = promoted(waiting[row], level, NAME), rate
        return best


def _new(study: Study, trials: Sequence[Trial], level: float, seed: int) -> Candidate | None:
    found = QuasiRandomSampler().propose(study, trials, 1, seed)
    return replace(found[0], fidelity=level) if found else None


def _is_whole(trial: Trial, fidelity: Fidelity) -> bool:
    return (trial.fidelity or fidelity.high) >= fidelity.high * (1 - SLACK)


def _reaches(lineage: Lineage, fidelity: Fidelity) -> bool:
    return lineage.reached >= fidelity.high * (1 - SLACK)
