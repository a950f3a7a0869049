"""Many trials, many dimensions: Gaussian processes of a few places instead of one of the whole."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from moopt.acquisition.climbing import Bounds
from moopt.acquisition.hypervolume import noisy_hypervolume_improvement
from moopt.acquisition.maximize import Part, best_untried, maximize
from moopt.acquisition.pools import distinct, is_near
from moopt.acquisition.region_rows import relative_widths, rows_in_region
from moopt.acquisition.scalarized import random_directions
from moopt.acquisition.thompson import best_in_own_draws
from moopt.encoding.enumeration import all_parameters
from moopt.encoding.search_box import SearchBox
from moopt.encoding.space import SpaceEncoding
from moopt.encoding.training_data import TrainingData, training_data, trials_to_learn_from
from moopt.samplers.bayesian import LARGE_BATCH, MANY_OBJECTIVES, BayesianSampler
from moopt.samplers.history import tried_parameters, whole_fidelity
from moopt.samplers.quasi_random import ENUMERABLE, QuasiRandomSampler, initial_design
from moopt.samplers.region_centres import Standing, direction_of
from moopt.samplers.regions import REGION, Region, news_of, region_of, regions_of
from moopt.samplers.starting_points import announced
from moopt.study.study import Study
from moopt.study.trials import Candidate, Trial
from moopt.surrogates.local_trials import Surroundings
from moopt.surrogates.outcomes import Outcomes
from moopt.surrogates.reproducible import reproducible

STARTING_POINTS = 256
"""Points of a region from which the search for a candidate begins."""

POOL = 1024
"""Points of a region that a large batch is chosen from; a quarter under linear constraints, where
every point has to be moved to its place."""

CENTRES = 20
"""Trials of the front in a region around which its points lie, at most."""

NAME = "trust_region"


@dataclass(frozen=True, slots=True)
class TrustRegionSampler:
    """Regions spread over the front, each searched with Gaussian processes of what is near it.

    The regions take turns. In each the next candidate is the point that is expected to add most
    hypervolume to the front; in a large batch each is the best in a joint draw of its own. So the
    time of a proposal hardly grows with the number of trials.
    """

    initial_trials: int | None = None
    """Trials before the first model. None: as `BayesianSampler`."""

    surrogate: str | None = None
    """Name of the kernel of every outcome. None: chosen for each."""

    threads: int = 1
    """For linear algebra: at these sizes more are slower."""

    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        """Return candidates, from the regions in turn.

        Source: Daulton, Eriksson, Balandat and Bakshy, "Multi-objective Bayesian optimization over
        high-dimensional search spaces", UAI (2022).

        Raises:
            SelectionError: The surrogate does not suit the space.
            SurrogateError: No Gaussian process fits an outcome.
        """
        encoding = SpaceEncoding.of(study)
        data = training_data(study, encoding, trials)
        if not BayesianSampler(self.initial_trials).can_learn(study, data, trials):
            return initial_design(study, trials, count, seed)
        step = len(trials)
        with reproducible(seed * 1_000_003 + step, self.threads):
            search = _Search.of(encoding, data, trials, self.surrogate, seed + step)
            found = search.candidates(count)
        if len(found) < count:
            known = [*trials, *map(announced, found)]
            found += QuasiRandomSampler().propose(study, known, count - len(found), seed)
        return found


@dataclass(slots=True)
class _Search:
    """One call: what is known, and what was chosen so far."""

    encoding: SpaceEncoding
    data: TrainingData
    measured: Sequence[Trial]
    """In the order of the rows of the data."""

    standing: Standing
    turns: Sequence[Region]
    tried: Float[Tensor, "t d"]
    whole: Float[Tensor, "w d"] | None
    """Every point of a small discrete space."""

    surrogate: str | None
    seed: int

    @classmethod
    def of(
        cls,
        encoding: SpaceEncoding,
        data: TrainingData,
        trials: Sequence[Trial],
        surrogate: str | None,
        seed: int,
    ) -> "_Search":
        study = encoding.study
        measured = trials_to_learn_from(study, trials)
        standing = Standing.of(data)
        news = news_of(standing.values, standing.allowed)
        places = {id(trial): place for place, trial in enumerate(trials)}
        told = {places[id(each)]: bool(new) for each, new in zip(measured, news, strict=True)}
        without = np.array([region_of(trial) is None for trial in measured])
        length = standing.first_length(data.points, without)
        small = all_parameters(study, ENUMERABLE)
        return cls(
            encoding,
            data,
            measured,
            standing,
            regions_of(encoding.width, length, trials, told).in_turn(),
            encoding.encode_all(tried_parameters(trials)),
            None if small is None else encoding.encode_all(small),
            surrogate,
            seed,
        )

    def candidates(self, count: int) -> list[Candidate]:
        """Return candidates of the regions whose turn it is; fewer where all near is tried."""
        found: list[Candidate] = []
        for place, region in enumerate(self.turns):
            # As many from each, one more from those that have waited longest.
            wanted = (count - place + len(self.turns) - 1) // len(self.turns)
            if wanted > 0:
                found += self._of_region(region, wanted, drawn=count >= LARGE_BATCH)
        return found

    def _of_region(self, region: Region, count: int, *, drawn: bool) -> list[Candidate]:
        place = self._place(region)
        if drawn:
            pool = self._pool(place)
            chosen = best_in_own_draws(
                place.outcomes, pool, count, place.seed, elsewhere=place.elsewhere
            )
            points = pool[chosen]
        else:
            points = self._one_by_one(place, count)
        self.tried = torch.cat([self.tried, points])
        self.data = replace(self.data, pending=torch.cat([self.data.pending, points]))
        centre = self.measured[place.centre].number
        notes = {
            "region": f"{region.length:.2g} wide around trial {centre}",
            "surrogate": place.outcomes.description,
            REGION: str(region.number),
        }
        decode, fidelity = self.encoding.decode, whole_fidelity(self.encoding.study)
        return [
            Candidate(decode(each), fidelity=fidelity, sampler=NAME, notes=notes) for each in points
        ]

    def _place(self, region: Region) -> "_Place":
        """Learn what is around the centre of a region."""
        objectives = self.data.objective_count
        others = [each.number for each in self.turns if each is not region]
        directions = [direction_of(number, objectives) for number in others]
        centre = self.standing.centre(direction_of(region.number, objectives), np.array(directions))
        near = Surroundings.of(self.data, centre, self.standing.front)
        outcomes = near.learned(self.encoding, self.surrogate)
        box = SearchBox(self.encoding)
        widths = region.length * relative_widths(box, outcomes)
        left = self.standing.front
        left = left[:0] if near.near is None else left[~near.near.numpy()[left]]
        return _Place(
            centre,
            outcomes,
            self.data.points[self._begins(box, centre, widths)],
            widths,
            torch.from_numpy(self.standing.values[left[self.standing.allowed[left]]]),
            self.seed + 7 * region.number,
        )

    def _begins(
        self, box: SearchBox, centre: int, widths: Float[Tensor, " k"]
    ) -> Int[Tensor, " b"]:
        """Return the row of the centre, and those of the front that lie in its region."""
        others = torch.from_numpy(self.standing.front[self.standing.front != centre])
        here = box.from_points(self.data.points[[centre]])
        rows = box.from_points(self.data.points[others])
        outside = ((rows - here).abs() > widths / 2) & box.smooth()
        inside = others[~outside.any(dim=1)]
        return torch.cat([torch.tensor([centre]), inside[:CENTRES]])

    def _one_by_one(self, place: "_Place", count: int) -> Float[Tensor, "c d"]:
        """Return points that are expected to add most, each with those before it pending."""
        many = self.data.objective_count >= MANY_OBJECTIVES
        build = random_directions if many else noisy_hypervolume_improvement
        box, outcomes = SearchBox(self.encoding), place.outcomes
        points, tried = self.tried[:0], self.tried
        for seed in range(place.seed, place.seed + count):
            acquisition = build(outcomes, seed, elsewhere=place.elsewhere)
            if self.whole is not None:
                point = best_untried(acquisition, self.whole, tried)
            else:
                rows = rows_in_region(box, place.begins, place.widths, STARTING_POINTS, seed=seed)
                part = Part(rows, place.bounds(box))
                point = maximize(
                    acquisition, box, front=place.begins, tried=tried, seed=seed, part=part
                )
            if point is None:
                break
            points, tried = torch.cat([points, point[None]]), torch.cat([tried, point[None]])
            outcomes = outcomes.with_pending(point)
        return points

    def _pool(self, place: "_Place") -> Float[Tensor, "c d"]:
        """Return valid points of a region that were not tried."""
        if self.whole is not None:
            untried = self.whole[~is_near(self.whole, self.tried)]
            generator = torch.Generator().manual_seed(place.seed)
            return untried[torch.randperm(len(untried), generator=generator)[:POOL]]
        box = SearchBox(self.encoding)
        size = POOL // 4 if self.encoding.repair.constraints else POOL
        rows = rows_in_region(box, place.begins, place.widths, size, seed=place.seed)
        points = distinct(box.to_points(rows))
        return points[~is_near(points, self.tried)]


@dataclass(frozen=True, slots=True)
class _Place:
    """A region, with what was learned there."""

    centre: int
    """Row of the trial at which it begins."""

    outcomes: Outcomes
    begins: Float[Tensor, "b d"]
    """The centre, and other trials of the front in the region."""

    widths: Float[Tensor, " k"]
    elsewhere: Float[Tensor, "e m"]
    """Objectives of the trials on the front that were not learned from."""

    seed: int

    def bounds(self, box: SearchBox) -> Bounds:
        """Return where the region begins and ends."""
        here = box.from_points(self.begins[:1])[0]
        return Bounds((here - self.widths / 2).clamp(0, 1), (here + self.widths / 2).clamp(0, 1))
