"""All outcomes of a study, each with the data that it has."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from moopt.encoding.space import SpaceEncoding
from moopt.encoding.training_data import Limit, TrainingData
from moopt.errors import SelectionError, SurrogateError
from moopt.surrogates.features import Features
from moopt.surrogates.formula import Formula
from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.guides import SourceModels, guided_process
from moopt.surrogates.local_process import local_process
from moopt.surrogates.selection import (
    Measured,
    learned_process,
)
from moopt.surrogates.suitable_kernels import ANYWHERE, kernels_for

LIKELY = 0.8
"""A candidate is worth trying where more than so large a share of its like succeeded."""

CAUTION = 2.0
"""Weight of the probability of success. Between failures, a process over zeros and ones soon
believes in success again: with a weight of 1 the search gambles there, trial after trial."""

Surrogate = GaussianProcess | Formula


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What is believed of each outcome, in the order of `data.names`. They are independent."""

    surrogates: tuple[Surrogate, ...]
    data: TrainingData

    @property
    def description(self) -> str:
        """How each outcome is modelled, in words."""
        names = [*self.data.names, "success"]
        return "; ".join(
            f"{name}: {each.description}"
            for name, each in zip(names, self.surrogates, strict=False)
        )

    def with_pending(self, point: Float[Tensor, " d"]) -> "Outcomes":
        """Return the same beliefs with one more trial pending."""
        pending = torch.cat([self.data.pending, point[None]])
        return replace(self, data=replace(self.data, pending=pending))

    def restricted(self, data: TrainingData) -> "Outcomes":
        """Return the same beliefs where only some of the trials may be on the front."""
        return replace(self, data=data)


def learn_outcomes(
    encoding: SpaceEncoding,
    data: TrainingData,
    kernel: str | None = None,
    repeats: Float[Tensor, " n"] | None = None,
    near: Bool[Tensor, " n"] | None = None,
    *,
    sources: SourceModels | None = None,
    seed: int = 0,
) -> Outcomes:
    """Learn every outcome from the trials in which it was measured; formulas are computed.

    Where trials failed by their own fault, a process over success (1) and failure (0) is one more
    outcome, limited from below: it keeps the search away from their like, without forbidding what
    was never tried.

    Args:
        encoding: Of the space.
        data: What was measured.
        kernel: The kernel of all outcomes, by name. None: chosen for each.
        repeats: How many repeats each measurement is worth where its error is learned. None: one.
        near: From which trials processes are conditioned and fitted; every outcome was measured in
            one of them. Kernels are still chosen from all. None: all.
        sources: What earlier studies say of the outcomes. None: nothing.
        seed: Of the draws by which sources are compared.

    Raises:
        SelectionError: The kernel does not suit the space.
        SurrogateError: An outcome was never measured, or no process fits it.
    """
    features = Features.of(encoding)
    suitable = kernels_for(features)
    if kernel is not None and kernel not in suitable:
        raise SelectionError(
            f"there is no surrogate {kernel!r} for the parameters of study "
            f"{encoding.study.name!r}; choose from {list(suitable)}, or leave it to be chosen"
        )
    formulas = {each.name: each for each in encoding.study.objectives if each.formula is not None}
    surrogates: list[Surrogate] = []
    for column, name in enumerate(data.names):
        if name in formulas:
            surrogates.append(Formula.of(encoding, formulas[name], data.points))
            continue
        measured = _measurements(features, data, column, repeats)
        part = None if near is None else near[data.measured(column)]
        known = () if sources is None else sources.get(name, ())
        with _told_of(name, measured):
            own = _learned(measured, kernel, part)
            surrogates.append(guided_process(own, measured, known, seed + column) if known else own)
    if len(data.crashed):
        surrogates.append(_success(features, data, near))
        limit = Limit(outcome=len(data.names), sign=-1.0, bound=-LIKELY, weight=CAUTION)
        data = replace(data, limits=(*data.limits, limit))
    return Outcomes(tuple(surrogates), data)


def _measurements(
    features: Features, data: TrainingData, column: int, repeats: Float[Tensor, " n"] | None
) -> Measured:
    rows = data.measured(column)
    if not rows.any():
        name = data.names[column]
        raise SurrogateError(f"{name!r} was not measured in any of the trials; nothing to learn")
    return Measured(
        features,
        data.points[rows],
        data.outcomes[rows, column],
        data.standard_errors[rows, column],
        repeats=None if repeats is None else repeats[rows],
    )


def _success(
    features: Features, data: TrainingData, near: Bool[Tensor, " n"] | None
) -> GaussianProcess:
    points = torch.cat([data.points, data.crashed])
    values = torch.cat([torch.ones(len(data.points)), torch.zeros(len(data.crashed))]).to(points)
    unknown = torch.full_like(values, torch.nan)
    if near is not None:
        near = torch.cat([near, torch.ones(len(data.crashed), dtype=torch.bool)])
    measured = Measured(features, points, values, unknown)
    with _told_of("success", measured):
        return _learned(measured, ANYWHERE, near)


def _learned(
    measured: Measured, kernel: str | None, near: Bool[Tensor, " n"] | None
) -> GaussianProcess:
    if near is not None:
        return local_process(measured, near, kernel)
    return learned_process(measured, kernel)


@contextmanager
def _told_of(name: str, measured: Measured) -> Iterator[None]:
    """Say of which measurements it is that a Gaussian process cannot be made."""
    try:
        yield
    except np.linalg.LinAlgError as error:
        values = measured.values
        raise SurrogateError(
            f"no Gaussian process fits the {len(values)} measurements of {name!r}, which lie "
            f"between {float(values.min()):g} and {float(values.max()):g}; look at "
            "`moopt trials` for values that cannot be"
        ) from error
