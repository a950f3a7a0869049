"""Proposals by an acquisition function that was learned before, on other searches."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.acquisition.learned import LearnedAcquisition
from moopt.acquisition.maximize import SAME
from moopt.acquisition.starting_rows import rows_around
from moopt.encoding.enumeration import all_parameters
from moopt.encoding.search_box import SearchBox
from moopt.encoding.space import SpaceEncoding
from moopt.encoding.training_data import TrainingData, front_points, training_data
from moopt.errors import SurrogateError
from moopt.samplers.history import tried_parameters, whole_fidelity
from moopt.samplers.quasi_random import ENUMERABLE, QuasiRandomSampler
from moopt.study.study import Study
from moopt.study.trials import Candidate, Trial, TrialState
from moopt.surrogates.reproducible import reproducible

NAME = "learned"


@dataclass(frozen=True, slots=True)
class LearnedSampler:
    """Proposes what a learned acquisition function scores highest among many points.

    The points cover the space and the surroundings of the front; a discrete space of up to 4,096
    points is scored whole.
    """

    acquisition: LearnedAcquisition
    initial_trials: int = 0
    """Trials of a quasi-random design before the first score."""

    pool: int = 512
    """Points that are scored where the space is too large to be scored whole."""

    budget: float | None = None
    """What the run may spend, in whole evaluations. None: as the run says."""

    threads: int = 1

    def within(self, budget: float) -> "LearnedSampler":
        """Return the sampler for a run that may spend so much, in whole evaluations."""
        return self if self.budget is not None else replace(self, budget=budget)

    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        """Return candidates, each scored with those before it pending.

        Raises:
            SurrogateError: The acquisition function returns something else than a finite score for
                each candidate.
        """
        begun = sum(trial.state is not TrialState.CANCELLED for trial in trials)
        if begun < self.initial_trials:
            return QuasiRandomSampler().propose(study, trials, count, seed)
        box = SearchBox(SpaceEncoding.of(study))
        history = training_data(study, box.encoding, trials)
        tried = box.encoding.encode_all(tried_parameters(trials))
        with reproducible(seed * 1_000_003 + len(trials), self.threads), torch.no_grad():
            pool = self._pool(study, box, history, seed + len(trials))
            chosen: list[Tensor] = []
            for _ in range(count):
                fresh = _untried(pool, tried)
                if not len(fresh):
                    break
                scores = self._scores(history, fresh, begun + len(chosen) + 1)
                chosen.append(fresh[scores.argmax()])
                tried = torch.cat([tried, chosen[-1][None]])
                pending = torch.cat([history.pending, chosen[-1][None]])
                history = replace(history, pending=pending)
        return [
            Candidate(
                box.encoding.decode(point),
                fidelity=whole_fidelity(study),
                sampler=NAME,
                notes={"acquisition": type(self.acquisition).__name__},
            )
            for point in chosen
        ]

    def _pool(
        self, study: Study, box: SearchBox, history: TrainingData, seed: int
    ) -> Float[Tensor, "c d"]:
        """Return valid points to choose from."""
        whole = all_parameters(study, ENUMERABLE)
        if whole is not None:
            return box.encoding.encode_all(whole)
        near = rows_around(box, front_points(history), self.pool // 2, seed=seed)
        rows = torch.cat([box.sobol(self.pool, seed=seed), near])
        decoded = [box.encoding.decode(point) for point in box.to_points(rows)]
        return box.encoding.encode_all(decoded)

    def _scores(
        self, history: TrainingData, candidates: Float[Tensor, "c d"], step: int
    ) -> Float[Tensor, " c"]:
        scores = self.acquisition(history, candidates, step=step, budget=self.budget)
        name = type(self.acquisition).__name__
        if not isinstance(scores, Tensor) or scores.shape != (len(candidates),):
            found = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
            raise SurrogateError(
                f"the learned acquisition {name} has to return a tensor of shape "
                f"({len(candidates)},), a score for each candidate, and returned {found}"
            )
        if not bool(scores.isfinite().all()):
            raise SurrogateError(
                f"the learned acquisition {name} returned scores that are not finite, from "
                f"{len(history.points)} measured trials; mind outcomes that are NaN: not measured"
            )
        return scores


def _untried(points: Float[Tensor, "c d"], tried: Float[Tensor, "t d"]) -> Float[Tensor, "u d"]:
    if not len(tried):
        return points
    return points[torch.cdist(points, tried, p=torch.inf).min(dim=1).values > SAME]
