"""What was learned from earlier studies, as a guide to the outcomes of another one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from moopt.encoding.sources import MatchedSource
from moopt.surrogates.features import Features
from moopt.surrogates.fitting import fit
from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.guided_kernel import Guided
from moopt.surrogates.ranking import DRAWS, misranked, posterior_draws, rank_weights
from moopt.surrogates.selection import MOST, Measured, learned_process

FEWEST = 3
"""Measurements of an outcome below which a source says nothing of it."""

RANKED = 100
"""Most observations by which sources are ranked."""


@dataclass(frozen=True, slots=True)
class SourceModel:
    """What one source says of one outcome."""

    name: str
    columns: Int[Tensor, " s"]
    """Of the points, where the parameters are that the source shares."""

    process: GaussianProcess

    def __call__(self, points: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch"]:
        """Return the mean at points, in standard deviations of the source; differentiable."""
        flat = points.reshape(-1, points.shape[-1])[:, self.columns]
        return self.process.means(flat).reshape(points.shape[:-1])


SourceModels = Mapping[str, Sequence[SourceModel]]
"""By outcome, the models of the sources that have measured it."""


@dataclass(frozen=True, slots=True)
class Guide:
    """A weighted mean of what sources say of an outcome."""

    models: tuple[SourceModel, ...]
    weights: tuple[float, ...]
    """Which sum to one."""

    @property
    def description(self) -> str:
        """The sources and their weights, in words."""
        parts = zip(self.models, self.weights, strict=True)
        return ", ".join(f"{each.name} {weight:.0%}" for each, weight in parts)

    def __call__(self, points: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch"]:
        """Return the weighted mean at points; differentiable."""
        parts = zip(self.models, self.weights, strict=True)
        return torch.stack([weight * model(points) for model, weight in parts]).sum(dim=0)


def learn_sources(sources: Sequence[MatchedSource]) -> dict[str, list[SourceModel]]:
    """Learn every outcome from each source that has measured it often enough.

    Raises:
        numpy.linalg.LinAlgError: No process fits an outcome.
    """
    models: dict[str, list[SourceModel]] = {}
    for source in sources:
        features = Features.of(source.encoding)
        for column, name in enumerate(source.names):
            rows = ~source.outcomes[:, column].isnan()
            if int(rows.sum()) < FEWEST:
                continue
            measured = Measured(
                features,
                source.points[rows],
                source.outcomes[rows, column],
                source.standard_errors[rows, column],
            )
            process = learned_process(measured.spread_out(MOST))
            models.setdefault(name, []).append(SourceModel(source.name, source.columns, process))
    return models


def guided_process(
    own: GaussianProcess, measured: Measured, models: Sequence[SourceModel], seed: int
) -> GaussianProcess:
    """Return a process that listens to the sources which rank the measurements well.

    It has the kernel and the transform of the process that learned from the measurements alone,
    and is that one where no source ranks them.

    Args:
        own: Learned from the measurements alone.
        measured: What it has learned from.
        models: Of the sources.
        seed: Of the draws that compare them.

    Raises:
        numpy.linalg.LinAlgError: The covariance is not positive definite in floating point.
    """
    guide = ranked_guide(own, models, seed)
    if guide is None:
        return own
    features = replace(measured.features, guide=guide)
    guided = replace(measured, features=features)
    kernel = Guided(own.kernel)
    start = torch.cat([kernel.extended(own.kernel_theta), own.theta[len(own.kernel_theta) :]])
    theta = fit(guided.spread_out(MOST).likelihood(kernel, own.transform), start).theta
    likelihood = guided.likelihood(kernel, own.transform)
    return GaussianProcess.of(features, likelihood, theta, own.transform)


def ranked_guide(own: GaussianProcess, models: Sequence[SourceModel], seed: int) -> Guide | None:
    """Return the sources with their weights, or None where none has any.

    Args:
        own: Learned from measurements of the outcome.
        models: Of the same outcome, by source.
        seed: Of the draws that compare them.
    """
    observations = own.likelihood.observations
    rows = torch.linspace(0, len(observations.values) - 1, min(RANKED, len(observations.values)))
    chosen = rows.round().long()
    points, values = observations.points[chosen], observations.values[chosen]
    rankings = [
        misranked(posterior_draws(each.process, points[:, each.columns], DRAWS, seed), values)
        for each in models
    ]
    weights = rank_weights(rankings)
    kept = (weights > 0).nonzero()[:, 0].tolist()
    if not kept:
        return None
    shares = (weights / weights.sum()).tolist()
    return Guide(tuple(models[index] for index in kept), tuple(shares[index] for index in kept))
