"""MAP-Elites by pyribs: children of the best trial of every kind, wherever kinds are missing.

The archive is made of the trials at every call, so that trials may end in any order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from ribs.archives import GridArchive
from ribs.emitters import IsoLineEmitter
from torch import Tensor

from moopt.encoding.search_box import SearchBox
from moopt.encoding.space import SpaceEncoding
from moopt.errors import SelectionError
from moopt.front.archive import Archive, archive_of, default_features, judged_objectives
from moopt.front.features import Feature, check_features
from moopt.front.values import is_feasible, measured_trials
from moopt.samplers.history import key, tried_parameters
from moopt.samplers.offspring import unlike, with_discrete_values
from moopt.samplers.quasi_random import QuasiRandomSampler, fresh_candidates
from moopt.study.study import Study
from moopt.study.trials import Candidate, Trial, TrialState

NAME = "map_elites"

CHILDREN = 16
"""For each candidate: some may have been tried before."""

FEWEST = 2
"""Elites from which children can be made."""


@dataclass(frozen=True, slots=True)
class MapElitesSampler:
    """Varies the best trial of every kind, each kind as often as any other.

    Source: Mouret and Clune, "Illuminating search spaces by mapping elites", arXiv:1504.04909
    (2015); Vassiliades and Mouret, "Discovering the elite hypervolume by leveraging interspecies
    correlation", GECCO (2018), for variation along the line between two elites; Tjanaka et al.,
    "pyribs: a bare-bones Python library for quality diversity optimization", GECCO (2023), whose
    archive and emitter these are.

    Raises:
        SelectionError: Fewer than two trials are proposed before there are elites.
    """

    features: tuple[Feature, ...] = ()
    """What makes the kinds. None of them: as in `archive_of`."""

    quality: str | None = None
    """The objective by which elites are chosen. None: as in `archive_of`."""

    population: int = 20
    """How many trials are proposed before there are elites."""

    spread: float = 0.2
    """Standard deviation of a child around its parent, as a share of each parameter's range."""

    def __post_init__(self) -> None:
        if self.population < FEWEST:
            raise SelectionError(f"elites need at least 2 trials, got {self.population}")

    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        """Return children of elites; at first, points that cover the space.

        Raises:
            SelectionError: The study has no such feature or no such objective.
        """
        check_features(study, self.features or default_features(study))
        judged_objectives(study, [each.name for each in self.features], self.quality)
        begun = sum(trial.state is not TrialState.CANCELLED for trial in trials)
        usable = [each for each in measured_trials(study, trials) if is_feasible(study, each)]
        if begun < self.population or not usable:
            return QuasiRandomSampler().propose(study, trials, count, seed)
        archive = archive_of(study, trials, self.features, self.quality)
        if len(archive.elites) < FEWEST:
            return QuasiRandomSampler().propose(study, trials, count, seed)
        encoding = SpaceEncoding.of(study)
        box = SearchBox(encoding)
        children = self._children(box, archive, CHILDREN * count, [seed % 2**32, len(trials)])
        children = unlike(box, children, encoding.encode_all(tried_parameters(trials)))
        step = seed + len(trials)
        chosen = fresh_candidates(study, box, children, trials, count, sampler=NAME, seed=step)
        if len(chosen) < count:
            seen = {key(each.parameters) for each in chosen}
            others = QuasiRandomSampler().propose(study, trials, count, seed)
            chosen += [each for each in others if key(each.parameters) not in seen]
        return chosen[:count]

    def _children(
        self, box: SearchBox, archive: Archive, count: int, seed: list[int]
    ) -> Float[Tensor, "c k"]:
        random_state = np.random.default_rng(seed)
        grid = grid_of(box, archive, seed=int(random_state.integers(2**31)))
        emitter = IsoLineEmitter(
            grid,
            iso_sigma=self.spread,
            x0=np.full(box.width, 0.5),
            bounds=[(0.0, 1.0)] * box.width,
            batch_size=count,
            seed=int(random_state.integers(2**31)),
        )
        return with_discrete_values(box, np.asarray(emitter.ask(), dtype=float), random_state)


def grid_of(box: SearchBox, archive: Archive, *, seed: int) -> GridArchive:
    """Return an archive as pyribs has it, filled with the trials as rows of the box.

    Args:
        box: Of the study's space.
        archive: With two kinds or more.
        seed: Of the choice among elites.
    """
    axes = archive.axes
    grid = GridArchive(
        solution_dim=box.width,
        dims=[axis.cells for axis in axes],
        ranges=[(0.0, 1.0)] * len(axes),
        seed=seed,
    )
    trials = [trial for _, trial, _ in archive.placed]
    grid.add(
        box.from_points(box.encoding.encode_all([each.parameters for each in trials])).numpy(),
        np.array([quality for _, _, quality in archive.placed]),
        np.array([[axis.number(trial) for axis in axes] for trial in trials], dtype=float),
    )
    return grid


def map_elites(features: str) -> MapElitesSampler:
    """Return the sampler for features in the form of `Feature.read`, with commas between them.

    Raises:
        SelectionError: A feature cannot be read.
    """
    return MapElitesSampler(tuple(Feature.read(each) for each in features.split(",") if each))
