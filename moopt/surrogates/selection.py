"""Which kernel and which transform suit an outcome? Those that would have predicted it best."""

import hashlib
import math
from collections import OrderedDict
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.surrogates.composite_kernels import Additive, Quadratic
from moopt.surrogates.features import Features
from moopt.surrogates.fitting import fit
from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.kernels import Kernel, Stationary
from moopt.surrogates.marginal_likelihood import Likelihood, leave_one_out
from moopt.surrogates.observations import observe
from moopt.surrogates.outcome_transforms import IDENTITY, OutcomeTransform, fitting_transforms

FIRST_CHOICE = 8
"""With fewer measurements there is no choice."""

GROWTH = 1.25
"""A choice holds until there are so many times more measurements."""

MOST = 300
"""Hyperparameters are learned from at most so many measurements."""

CERTAIN = 2.0
"""By how many standard errors an alternative must predict better than the usual model."""

ENOUGH_TO_TRANSFORM = 16

MANY_QUADRATIC = 30
"""Groups up to which a quadratic surface is considered."""

QUADRATIC_FROM = 3
"""Measurements per group from which it is: with fewer, all that it knows of the corners of the
space is that they may be good."""

REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class Choice:
    """A kernel by name, a transform, and hyperparameters to start from."""

    kernel: str
    transform: OutcomeTransform
    theta: Float[Tensor, " p"]


def kernels_for(features: Features, count: int) -> dict[str, Kernel]:
    """Return the kernels that suit a space and a number of measurements, the usual one first."""
    rough, smooth = (Stationary(features.groups, rough=each) for each in (True, False))
    if not features.categorical:
        kernels: dict[str, Kernel] = {"matern": rough, "rbf": smooth}
        if not features.plain or features.group_count > MANY_QUADRATIC:
            return kernels
        quadratic: dict[str, Kernel] = {"quadratic": Quadratic(smooth)}
        known = count >= QUADRATIC_FROM * features.group_count
        return {**quadratic, **kernels} if known else {**kernels, **quadratic}
    numeric = [g for g in range(features.group_count) if g not in features.categorical]
    members = [[group] for group in features.categorical] + ([numeric] if numeric else [])
    if len(members) == 1:
        return {"matern": rough}
    return {"additive": Additive.of(rough, members), "matern": rough}


@dataclass(frozen=True, slots=True)
class Measured:
    """Measurements of one outcome, in the order in which their trials were numbered."""

    features: Features
    points: Float[Tensor, "n d"]
    values: Float[Tensor, " n"]
    """Larger is better."""

    standard_errors: Float[Tensor, " n"]
    """NaN: learned."""

    exact: bool = False
    """What has a known standard error has no other noise."""

    def first(self, count: int) -> "Measured":
        """Return the earliest measurements."""
        rows = slice(0, count)
        return Measured(
            self.features,
            self.points[rows],
            self.values[rows],
            self.standard_errors[rows],
            self.exact,
        )

    def spread_out(self, most: int) -> "Measured":
        """Return at most so many measurements, early and late ones alike."""
        if len(self.values) <= most:
            return self
        rows = torch.linspace(0, len(self.values) - 1, most).round().long()
        return Measured(
            self.features,
            self.points[rows],
            self.values[rows],
            self.standard_errors[rows],
            self.exact,
        )

    def likelihood(self, kernel: Kernel, transform: OutcomeTransform) -> Likelihood:
        """Return the likelihood of the measurements under a kernel and a transform."""
        slopes = transform.log_slope(self.values).exp()
        observations = observe(
            self.points, transform.forward(self.values), self.standard_errors * slopes
        )
        features = self.features.of_points(observations.points)
        return Likelihood(kernel, features, observations, self.exact)


def learned_process(measured: Measured, kernel: str | None = None) -> GaussianProcess:
    """Return the process that suits the measurements, with hyperparameters fitted to them.

    The kernel and the transform are chosen from the first measurements, whose number grows in
    steps: so a choice holds for a while, is the same whoever asks, and is made once.

    Args:
        measured: At least one measurement.
        kernel: Use this one and no transform. None: choose.
    """
    count = len(measured.values)
    choice = _remembered(measured.first(_last_choice(count)), kernel)
    transform = choice.transform
    if not bool(transform.forward(measured.values).isfinite().all()):
        # A later value lies where the chosen transform has no values.
        choice, transform = _usual(measured), IDENTITY
    chosen = kernels_for(measured.features, count)[choice.kernel]
    few = measured.spread_out(MOST).likelihood(chosen, transform)
    theta = fit(few, choice.theta).theta
    return GaussianProcess.of(
        measured.features, measured.likelihood(chosen, transform), theta, transform
    )


def _last_choice(count: int) -> int:
    """Return how many measurements the choice was made from that holds at `count`."""
    size = float(FIRST_CHOICE)
    if count < size:
        return count
    while math.floor(size * GROWTH) <= count:
        size *= GROWTH
    return math.floor(size)


def _usual(measured: Measured) -> Choice:
    name, kernel = next(iter(kernels_for(measured.features, len(measured.values)).items()))
    return Choice(name, IDENTITY, measured.likelihood(kernel, IDENTITY).start)


@dataclass(frozen=True, slots=True)
class _Attempt:
    choice: Choice
    densities: Float[Tensor, " n"]
    """Log density of each value, in the measured unit, predicted from the others."""


def _choose(measured: Measured, only: str | None) -> Choice:
    measured = measured.spread_out(MOST)
    kernels = kernels_for(measured.features, len(measured.values))
    if only is not None or len(measured.values) < FIRST_CHOICE:
        return _attempt(measured, kernels, only or next(iter(kernels)), IDENTITY).choice
    if len(measured.values) < QUADRATIC_FROM * measured.features.group_count:
        kernels.pop("quadratic", None)
    best = _best([_attempt(measured, kernels, name, IDENTITY) for name in kernels])
    if len(measured.values) < ENOUGH_TO_TRANSFORM:
        return best.choice
    others = fitting_transforms(measured.values)[1:]
    warped = _best(
        [best, *(_attempt(measured, kernels, best.choice.kernel, each) for each in others)]
    )
    if warped is best:
        return best.choice
    rest = [name for name in kernels if name != warped.choice.kernel]
    transform = warped.choice.transform
    return _best([warped, *(_attempt(measured, kernels, name, transform) for name in rest)]).choice


def _attempt(
    measured: Measured, kernels: dict[str, Kernel], name: str, transform: OutcomeTransform
) -> _Attempt:
    likelihood = measured.likelihood(kernels[name], transform)
    theta = fit(likelihood).theta
    observations = likelihood.observations
    errors, variances = leave_one_out(likelihood.factor(theta), observations.values - theta[-1])
    densities = -0.5 * (errors.square() / variances + variances.log())
    # The density of what was measured, not of what was modelled.
    originals = transform.inverse(observations.location + observations.scale * observations.values)
    densities = densities - math.log(observations.scale) + transform.log_slope(originals)
    return _Attempt(Choice(name, transform, theta), densities)


def _best(attempts: list[_Attempt]) -> _Attempt:
    """Return the attempt that predicts best, the first unless another is clearly better."""
    first = attempts[0]
    best, best_lead = first, 0.0
    for attempt in attempts[1:]:
        lead = attempt.densities - first.densities
        error = float(lead.std()) / math.sqrt(len(lead))
        if float(lead.mean()) > max(CERTAIN * error, best_lead):
            best, best_lead = attempt, float(lead.mean())
    return best


_CHOICES: OrderedDict[bytes, Choice] = OrderedDict()


def _remembered(measured: Measured, only: str | None) -> Choice:
    """Return a choice that was made before from equal measurements, or make it."""
    asked = (only, measured.exact, measured.features.encoding.study.parameters)
    digest = hashlib.blake2b(repr(asked).encode())
    for part in (measured.points, measured.values, measured.standard_errors):
        digest.update(part.numpy().tobytes())
    key = digest.digest()
    if key not in _CHOICES:
        _CHOICES[key] = _choose(measured, only)
        if len(_CHOICES) > REMEMBERED:
            _CHOICES.popitem(last=False)
    _CHOICES.move_to_end(key)
    return _CHOICES[key]
