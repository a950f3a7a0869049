"""pymoo's NSGA-II and NSGA-III, one trial at a time.

The survival of all measured trials is the population, and its offspring are the candidates: a
steady state, which needs no record of generations, so that trials may end in any order.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from pymoo.algorithms.moo.nsga3 import ReferenceDirectionSurvival
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.operators.crossover.sbx import SBX
from pymoo.operators.mutation.pm import PM
from pymoo.operators.selection.tournament import TournamentSelection
from pymoo.operators.survival.rank_and_crowding import RankAndCrowding
from pymoo.util.ref_dirs import get_reference_directions
from pymoo.util.reference_direction import get_partition_closest_to_points
from torch import Tensor

from moopt.encoding.search_box import SearchBox
from moopt.encoding.space import SpaceEncoding
from moopt.encoding.training_data import TrainingData, training_data
from moopt.errors import SelectionError
from moopt.samplers.history import key, tried_parameters
from moopt.samplers.offspring import unlike, with_discrete_values
from moopt.samplers.quasi_random import QuasiRandomSampler, fresh_candidates
from moopt.study.study import Study
from moopt.study.trials import Candidate, Trial, TrialState

MATINGS = 8
"""Pairs of parents for each candidate: their children may have been tried before."""


@dataclass(frozen=True, slots=True)
class EvolutionarySampler:
    """Crosses and mutates the best trials so far.

    Source: Deb, Pratap, Agarwal and Meyarivan, "A fast and elitist multiobjective genetic
    algorithm: NSGA-II", IEEE Transactions on Evolutionary Computation 6 (2002); Deb and Jain, "An
    evolutionary many-objective optimization algorithm using reference-point-based nondominated
    sorting approach, part I", IEEE Transactions on Evolutionary Computation 18 (2014).

    Raises:
        SelectionError: There is no such algorithm, or the population has no pair.
    """

    algorithm: str = "nsga2"
    """`nsga2`, or `nsga3` for four objectives and more."""

    population: int = 20
    """How many trials are parents, and how many are proposed before there are any."""

    def __post_init__(self) -> None:
        if self.algorithm not in {"nsga2", "nsga3"}:
            raise SelectionError(f"there is no algorithm {self.algorithm!r}; use nsga2 or nsga3")
        if self.population < 2:
            raise SelectionError(f"a population needs at least 2 trials, got {self.population}")

    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        """Return children of the trials that survive; at first, points that cover the space."""
        encoding = SpaceEncoding.of(study)
        data = training_data(study, encoding, trials)
        whole = ~data.outcomes.isnan().any(dim=1)
        begun = sum(trial.state is not TrialState.CANCELLED for trial in trials)
        if begun < self.population or int(whole.sum()) < 2:
            return QuasiRandomSampler().propose(study, trials, count, seed)
        box = SearchBox(encoding)
        random_state = np.random.default_rng([seed % 2**32, len(trials)])
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            # The normalization of NSGA-III divides by zero and turns off everybody's warnings.
            warnings.simplefilter("ignore")
            children = self._children(box, data, whole, MATINGS * count, random_state)
        children = unlike(box, children, encoding.encode_all(tried_parameters(trials)))
        chosen = fresh_candidates(
            study, box, children, trials, count, sampler=self.algorithm, seed=seed + len(trials)
        )
        if len(chosen) < count:
            seen = {key(each.parameters) for each in chosen}
            others = QuasiRandomSampler().propose(study, trials, count, seed)
            chosen += [each for each in others if key(each.parameters) not in seen]
        return chosen[:count]

    def _children(
        self,
        box: SearchBox,
        data: TrainingData,
        whole: Bool[Tensor, " n"],
        matings: int,
        random_state: np.random.Generator,
    ) -> Float[Tensor, "c k"]:
        measured = _population(box, data, whole)
        problem = Problem(
            n_var=box.width, n_obj=data.objective_count, n_ieq_constr=len(data.limits), xl=0, xu=1
        )
        size = self.population
        survival = RankAndCrowding()
        if self.algorithm == "nsga3":
            directions = reference_directions(data.objective_count, self.population)
            size = max(size, len(directions))
            survival = ReferenceDirectionSurvival(directions)
        survivors = survival.do(problem, measured, n_survive=size, random_state=random_state)
        parents = TournamentSelection(func_comp=_winners).do(
            problem, survivors, matings, 2, random_state=random_state
        )
        children = SBX(eta=15, prob=0.9).do(problem, parents, random_state=random_state)
        children = PM(eta=20).do(problem, children, random_state=random_state)
        return with_discrete_values(box, np.asarray(children.get("X"), dtype=float), random_state)


def reference_directions(objectives: int, population: int) -> Float[np.ndarray, "r m"]:
    """Return directions spread evenly over the objectives, about as many as the population.

    Where there are too many objectives for a direction between all of them, a second, smaller layer
    of directions fills the middle, as Deb and Jain do.
    """
    outer = max(get_partition_closest_to_points(population, objectives), 1)
    directions = get_reference_directions("das-dennis", objectives, n_partitions=outer)
    left = population - len(directions)
    if outer < objectives and left > 0:
        inner = get_partition_closest_to_points(left, objectives)
        middle = get_reference_directions("das-dennis", objectives, n_partitions=inner, scaling=0.5)
        directions = get_reference_directions("multi-layer", directions, middle)
    return np.asarray(directions, dtype=float)


def _population(box: SearchBox, data: TrainingData, whole: Bool[Tensor, " n"]) -> Population:
    """Return the trials with all outcomes; smaller is better, each objective between 0 and 1."""
    outcomes = data.outcomes[whole]
    objectives = outcomes[:, : data.objective_count]
    best, worst = objectives.amax(dim=0), objectives.amin(dim=0)
    losses = (best - objectives) / torch.where(best > worst, best - worst, 1.0)
    members = Population.new("X", box.from_points(data.points[whole]).numpy(), "F", losses.numpy())
    if data.limits:
        excess = torch.stack(
            [limit.sign * outcomes[:, limit.outcome] - limit.bound for limit in data.limits], dim=1
        )
        # Limits have units of their own: each counts by its largest violation.
        largest = excess.amax(dim=0)
        members.set("G", (excess / torch.where(largest > 0, largest, 1.0)).numpy())
    members.set("rank", 0, "crowding", 0.0)
    return members


def _winners(
    population: Population, pairs: Int[np.ndarray, "n 2"], *, random_state: np.random.Generator
) -> Int[np.ndarray, "n 1"]:
    """Return the better of each pair: by violation, then rank, then room around it, then chance."""
    violation, rank, room = population.get("CV", "rank", "crowding")
    chance = random_state.random(len(population))
    order = np.lexsort((chance, -room, rank, violation[:, 0]))
    place = np.argsort(order)
    return np.asarray(np.where(place[pairs[:, 0]] < place[pairs[:, 1]], *pairs.T)[:, None])
