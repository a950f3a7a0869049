"""Bayesian optimization over fidelities: look briefly, go on where that pays most per cost."""

from collections.abc import Sequence
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
from moopt.encoding.training_data import TrainingData
from moopt.front.ranking import best_first
from moopt.samplers.asha import promoted
from moopt.samplers.history import initial_trials, tried_parameters
from moopt.samplers.lineages import SLACK, Lineage, fidelity_of, lineages
from moopt.samplers.quasi_random import ENUMERABLE, QuasiRandomSampler
from moopt.samplers.starting_points import announced
from moopt.study.objectives import Fidelity
from moopt.study.parameters import Parameters
from moopt.study.study import Study
from moopt.study.trials import Candidate, Trial, TrialState
from moopt.surrogates.cost import FidelityCost, learned_cost
from moopt.surrogates.outcomes import Outcomes, learn_outcomes
from moopt.surrogates.reproducible import reproducible

CHEAP_INITIAL = 20
"""Most candidates at the lowest fidelity before the first model."""

FIRST_WHOLE = 3
"""Whole evaluations before a model: they tell what brief ones leave out. One will do where these
are unbiased."""

LEAST_BEYOND = 1 / 3
"""Share of the cost that goes beyond brief looks in any case. A model that does not fit promises
more of what was never tried, one time after the other."""

STEPWISE = 16
"""Paused trials, the most promising ones, for which levels on the way are considered too."""

LOOKED_AT = 48
"""Points of the space, and as many around the front, by which the level of a new one is chosen."""

NAME = "multi_fidelity"


@dataclass(frozen=True, slots=True)
class MultiFidelitySampler:
    """Gaussian processes with the fidelity as an input; hypervolume gain over cost decides.

    Each step either begins a new candidate or takes a paused one further: whichever adds more
    hypervolume per cost.
    """

    initial_trials: int | None = None
    """Candidates at the lowest fidelity before the first model. None: twice the number of
    parameters, 5 to 20, and at least one more than the study's starting points."""

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
            initial = initial_trials(study, most=CHEAP_INITIAL)
        levels = fidelity.levels(self.factor)
        paused = [each.paused for each in families]
        waiting = [each for each in paused if each is not None and not _is_whole(each, fidelity)]
        begun = _new(study, trials, levels[0], seed)
        if len(families) < initial:
            return begun or _best(study, waiting, fidelity)
        space, encoding = SpaceEncoding.of(study), FidelityEncoding.of(study, fidelity)
        measured = [each for family in families for each in family.compared(study, levels)]
        data = encoding.training_data(study, trials, measured)
        if min(int(data.measured(column).sum()) for column in range(len(data.names))) < 3:
            return begun or _best(study, waiting, fidelity)
        whole = sum(each.failed_at is None and _reaches(each, fidelity) for each in families)
        fewest = 1 if fidelity.unbiased else FIRST_WHOLE
        if whole < fewest and waiting:
            return _best(study, waiting, fidelity)
        with reproducible(seed * 1_000_003 + len(trials), self.threads):
            stated = FidelityCost(fidelity)
            cost = learned_cost(space, fidelity, trials) if self.learn_cost else stated
            outcomes = learn_outcomes(
                encoding.space, data, self.surrogate, encoding.repeats(data.points)
            )
            step = _Step(space, encoding, levels, outcomes, cost, seed + len(trials))
            further = step.further(waiting) if waiting else None
            if further is not None and _share_beyond(fidelity, trials) < LEAST_BEYOND:
                return further.candidate
            begun_next = step.new(tried_parameters(trials), waiting)
        found = [each for each in (begun_next, further) if each is not None]
        return max(found, key=lambda each: each.rate).candidate if found else None


@dataclass(frozen=True, slots=True)
class _Option:
    """What can be done next."""

    candidate: Candidate
    rate: float
    """Log of the hypervolume that it adds per cost."""


@dataclass(frozen=True, slots=True)
class _Step:
    """What one more evaluation is worth, given what is believed."""

    space: SpaceEncoding
    encoding: FidelityEncoding
    levels: Sequence[float]
    outcomes: Outcomes
    """At all fidelities."""

    cost: Cost
    seed: int

    def new(self, tried: Sequence[Parameters], waiting: Sequence[Trial]) -> _Option | None:
        """Return the new candidate that adds most to what paused trials promise.

        A paused trial can be taken further at any time. So what a new one is worth is what it adds
        to a front with all of them on it, as far as they are believed to get there.
        """
        worth, front = self._worth(self._at_high(waiting))
        box = SearchBox(self.space)
        level = self._level(worth, box, front)

        def height(points: Tensor) -> Tensor:
            return worth.whole(points[:, 0])

        encoded = self.space.encode_all(tried)
        whole = all_parameters(self.space.study, ENUMERABLE)
        if whole is None:
            point = maximize(height, box, front=front, tried=encoded, seed=self.seed)
        else:
            point = best_untried(height, self.space.encode_all(whole), encoded)
        if point is None:
            return None
        with torch.no_grad():
            is_whole = level == self.levels[-1]
            rate = worth.whole(point[None]) if is_whole else worth.at(point[None], level)
        notes = {"surrogate": self.outcomes.description}
        candidate = Candidate(self.space.decode(point), fidelity=level, sampler=NAME, notes=notes)
        return _Option(candidate, float(rate))

    def further(self, waiting: Sequence[Trial]) -> _Option:
        """Return the paused trial that adds most per cost to the front, and how far to take it."""
        worth, _ = self._worth(self._at_high(()))
        points = self.space.encode_all([each.parameters for each in waiting])
        best = _Option(promoted(waiting[0], self.levels[-1], NAME), -torch.inf)
        with torch.no_grad():
            direct = _direct(worth, points, waiting)
            for row in direct.argsort(descending=True)[:STEPWISE].tolist():
                after = waiting[row].fidelity or 0.0
                for level in self.levels:
                    if level <= after * (1 + SLACK):
                        continue
                    rate = direct[row]
                    if level < self.levels[-1]:
                        rate = worth.at(points[row][None], level, after=after)[0]
                    if float(rate) > best.rate:
                        best = _Option(promoted(waiting[row], level, NAME), float(rate))
        return best

    def _at_high(self, waiting: Sequence[Trial]) -> TrainingData:
        """Return what was measured at the highest fidelity, and paused trials as if they were."""
        data = self.encoding.at_high(self.outcomes.data)
        points = self.space.encode_all([each.parameters for each in waiting])
        blank = torch.full((len(points), len(data.names)), torch.nan, dtype=points.dtype)
        return replace(
            data,
            points=torch.cat([data.points, self.encoding.at(points, self.levels[-1])]),
            outcomes=torch.cat([data.outcomes, blank]),
            standard_errors=torch.cat([data.standard_errors, blank]),
        )

    def _worth(self, data: TrainingData) -> tuple[GainPerCost, Float[Tensor, "f d"]]:
        """Return what is worth how much next to some trials, and those that may be on the front."""
        believed = self.outcomes.restricted(data)
        gain = noisy_hypervolume_improvement(believed, self.seed)
        worth = GainPerCost.of(gain, self.outcomes.surrogates, self.encoding, self.cost, self.seed)
        return worth, data.points[gain.beliefs.on_front][:, :-1]

    def _level(self, worth: GainPerCost, box: SearchBox, front: Float[Tensor, "f d"]) -> float:
        """Return the level at which the best of some points are worth most."""
        rows = [
            box.sobol(LOOKED_AT, seed=self.seed),
            rows_around(box, front, LOOKED_AT, seed=self.seed),
        ]
        points = box.to_points(box.within(torch.cat(rows)))
        with torch.no_grad():
            return max(self.levels, key=lambda each: worth.told(points, each))


def _direct(
    worth: GainPerCost, points: Float[Tensor, "w d"], waiting: Sequence[Trial]
) -> Float[Tensor, " w"]:
    """Return the log rate of taking each paused trial to the highest fidelity."""
    after = torch.tensor([each.fidelity or 0.0 for each in waiting], dtype=points.dtype)
    rates = torch.empty_like(after)
    for fidelity in after.unique():
        rows = after == fidelity
        rates[rows] = worth.whole(points[rows], after=float(fidelity))
    return rates


def _best(study: Study, waiting: Sequence[Trial], fidelity: Fidelity) -> Candidate | None:
    """Return the best paused trial, taken to its end."""
    if not waiting:
        return None
    best = next(chain.from_iterable(best_first(study, waiting)))
    return promoted(waiting[best], fidelity.high, NAME)


def _new(study: Study, trials: Sequence[Trial], level: float, seed: int) -> Candidate | None:
    found = QuasiRandomSampler().propose(study, trials, 1, seed)
    return replace(found[0], fidelity=level) if found else None


def _share_beyond(fidelity: Fidelity, trials: Sequence[Trial]) -> float:
    """Return the share of the cost that did not go to beginning below the highest fidelity."""
    reached = {trial.number: trial.fidelity or fidelity.high for trial in trials}
    brief = total = 0.0
    for trial in trials:
        if trial.state is not TrialState.CANCELLED:
            after = 0.0 if trial.continues is None else reached.get(trial.continues, 0.0)
            cost = fidelity.cost(trial.fidelity or fidelity.high, after=after)
            total += cost
            if trial.continues is None and not _is_whole(trial, fidelity):
                brief += cost
    return 1.0 - brief / total


def _is_whole(trial: Trial, fidelity: Fidelity) -> bool:
    return (trial.fidelity or fidelity.high) >= fidelity.high * (1 - SLACK)


def _reaches(lineage: Lineage, fidelity: Fidelity) -> bool:
    return lineage.reached >= fidelity.high * (1 - SLACK)
