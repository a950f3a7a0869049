"""Bayesian search that takes turns: what adds most to the front, and what fills its widest gap."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from moopt.acquisition.epsilon_constraint import (
    EpsilonConstraintImprovement,
    epsilon_constraint_improvement,
)
from moopt.encoding.space import SpaceEncoding
from moopt.encoding.training_data import (
    PENDING,
    TrainingData,
    front_points,
    training_data,
    trials_to_learn_from,
)
from moopt.front.dominance import is_nondominated
from moopt.front.gaps import Gap, widest_gaps
from moopt.samplers.bayesian import BayesianSampler
from moopt.samplers.history import tried_parameters, whole_fidelity
from moopt.samplers.inner_search import InnerSearch
from moopt.samplers.quasi_random import initial_design
from moopt.samplers.starting_points import announced
from moopt.study.study import Study
from moopt.study.trials import Candidate, Trial, TrialState
from moopt.surrogates.formula import Formula
from moopt.surrogates.outcomes import Outcomes, Surrogate, learn_outcomes
from moopt.surrogates.reproducible import reproducible

NAME = "gap_filling"
NOTE = "gap"
"""Under this name a candidate says between which trials it is to lie."""

AGAIN = 0.5
"""What a gap counts after each attempt to fill it: some fronts have holes."""


@dataclass(frozen=True, slots=True)
class GapFillingSampler:
    """Fills the widest gap between neighbours of the front, every second time.

    In between, and where there is no gap, it proposes what `BayesianSampler` does: a gap is worth
    filling in a front that has been reached.

    Source: Liu et al., "C-MORL: Multi-Objective Reinforcement Learning through Efficient Discovery
    of Pareto Front", ICLR (2025): the sparse parts of a front are extended by maximizing one
    objective while the others are held.
    """

    every: int = 2
    """Each so many candidates one fills a gap; 1: all of them."""

    wide: float = 2.0
    """Filled is what is so many times wider than the front's gaps are on average; 0: any."""

    search: BayesianSampler = field(default_factory=BayesianSampler)
    """Says when to begin, how outcomes are modelled, and proposes the others."""

    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        """Return candidates, each with those before it pending.

        Raises:
            SelectionError: The surrogate does not suit the space.
            SurrogateError: No Gaussian process fits an outcome.
        """
        encoding = SpaceEncoding.of(study)
        data = training_data(study, encoding, trials)
        if not self.search.can_learn(study, data, trials):
            return initial_design(study, trials, count, seed)
        step = len(trials)
        with reproducible(seed * 1_000_003 + step, self.search.threads):
            outcomes = learn_outcomes(encoding, data, self.search.surrogate)
            known = _Known.of(encoding, outcomes, study, trials)
            return list(self._one_by_one(known, trials, count, seed + step))

    def _one_by_one(
        self, known: "_Known", trials: Sequence[Trial], count: int, seed: int
    ) -> Iterator[Candidate]:
        begun = sum(trial.state is not TrialState.CANCELLED for trial in trials)
        for place in range(count):
            gap = known.gap(self.wide) if (begun + place) % self.every == 0 else None
            if gap is None:
                point = self._adding_most(known, seed + place)
                notes, sampler = dict[str, str](), "bayesian"
            else:
                point = known.between(gap, seed + place)
                notes, sampler = {NOTE: known.name_of(gap)}, NAME
            if point is None:
                return
            candidate = Candidate(
                known.encoding.decode(point),
                fidelity=whole_fidelity(known.encoding.study),
                sampler=sampler,
                notes={**notes, "surrogate": known.outcomes.description},
            )
            yield candidate
            known = known.and_then(candidate, point, len(trials) + place)

    def _adding_most(self, known: "_Known", seed: int) -> Float[Tensor, " d"] | None:
        points = self.search.best_together(known.encoding, known.outcomes, known.trials, 1, seed)
        return points[0] if points else None


@dataclass(frozen=True, slots=True)
class _Known:
    """What is believed of all trials, candidates of the same call among them."""

    encoding: SpaceEncoding
    outcomes: Outcomes
    trials: tuple[Trial, ...]
    numbers: tuple[int, ...]
    """Of the trials below, measured ones first."""

    values: Float[np.ndarray, "q m"]
    """The means of the objectives, up to aspirations."""

    allowed: Bool[np.ndarray, " q"]
    """Within the limits, by the means, and beyond the reference point."""

    @classmethod
    def of(
        cls, encoding: SpaceEncoding, outcomes: Outcomes, study: Study, trials: Sequence[Trial]
    ) -> "_Known":
        """Return what is known before anything is proposed."""
        measured = trials_to_learn_from(study, trials)
        running = [trial for trial in trials if trial.state in PENDING]
        means = torch.stack([_means(each, outcomes.data) for each in outcomes.surrogates], dim=1)
        data = outcomes.data
        objectives = means[:, : data.objective_count].minimum(data.aspiration_point)
        allowed = (objectives > data.reference_point).all(dim=1)
        for limit in data.limits:
            allowed &= limit.sign * means[:, limit.outcome] <= limit.bound
        numbers = tuple(trial.number for trial in (*measured, *running))
        return cls(encoding, outcomes, tuple(trials), numbers, objectives.numpy(), allowed.numpy())

    def and_then(self, candidate: Candidate, point: Float[Tensor, " d"], number: int) -> "_Known":
        """Return what is known once a candidate is a trial that runs."""
        trial = replace(announced(candidate), number=number)
        outcomes = self.outcomes.with_pending(point)
        return _Known.of(self.encoding, outcomes, self.encoding.study, (*self.trials, trial))

    def gap(self, wide: float) -> Gap | None:
        """Return the widest gap, where earlier attempts count against it; None: none is wide."""
        rows = self._front()
        if len(rows) < 2 or self.values.shape[1] < 2:
            return None
        tries = Counter(trial.notes.get(NOTE) for trial in self.trials)
        found = [
            replace(gap, ends=(int(rows[gap.ends[0]]), int(rows[gap.ends[1]])))
            for gap in widest_gaps(self.values[rows])
        ]
        rooms = [gap.width * AGAIN ** tries[self.name_of(gap)] for gap in found]
        if not found or max(rooms) < wide * float(np.mean([gap.width for gap in found])):
            return None
        return found[int(np.argmax(rooms))]

    def name_of(self, gap: Gap) -> str:
        """Return between which trials a gap is."""
        low, high = sorted(self.numbers[end] for end in gap.ends)
        return f"{low} and {high}"

    def between(self, gap: Gap, seed: int) -> Float[Tensor, " d"] | None:
        """Return the point that is expected to improve most on the ends of a gap, in the middle."""
        data = self.outcomes.data
        search = InnerSearch.of(self.encoding)
        return search.best(
            self._improvement(gap, seed),
            front=front_points(data),
            tried=self.encoding.encode_all(tried_parameters(self.trials)),
            seed=seed,
        )

    def _improvement(self, gap: Gap, seed: int) -> EpsilonConstraintImprovement:
        """Return the improvement of an objective while others are at least halfway through the gap.

        The objectives take turns. Those in which the two ends are no neighbours are held at the
        worse of them.
        """
        one, two = (self.values[end] for end in gap.ends)
        tries = sum(trial.notes.get(NOTE) == self.name_of(gap) for trial in self.trials)
        held = gap.objectives[tries % len(gap.objectives)]
        others = [place for place in range(len(one)) if place != held]
        improved = others[tries // len(gap.objectives) % len(others)]
        floors = np.minimum(one, two)
        least = float(floors[improved])
        floors[held] = (one[held] + two[held]) / 2
        return epsilon_constraint_improvement(
            self.outcomes, seed, objective=improved, floors=torch.from_numpy(floors), least=least
        )

    def _front(self) -> Int[np.ndarray, " f"]:
        rows = self.allowed.nonzero()[0]
        return np.asarray(rows[is_nondominated(self.values[rows])])


def _means(surrogate: Surrogate, data: TrainingData) -> Float[Tensor, " q"]:
    """Return the expected value of an outcome at measured and pending trials."""
    points = torch.cat([data.points, data.pending])
    if isinstance(surrogate, Formula):
        return surrogate.compute(points)[:, 0]
    means, _ = surrogate.moments(*surrogate.marginals(points))
    return means
