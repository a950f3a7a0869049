"""Which kernel and which transform suit an outcome? Those that would have predicted it best."""

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.surrogates.features import Features
from moopt.surrogates.fitting import fit
from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.kernels import Kernel
from moopt.surrogates.marginal_likelihood import Likelihood, leave_one_out
from moopt.surrogates.observations import fenced, observe
from moopt.surrogates.outcome_transforms import IDENTITY, OutcomeTransform, fitting_transforms
from moopt.surrogates.suitable_kernels import ANYWHERE, in_turn, kernels_for
from moopt.surrogates.warped_kernels import WARPED, Warped

FIRST_CHOICE = 8
"""With fewer measurements there is no choice."""

GROWTH = 1.25
"""A choice holds until there are so many times more measurements."""

STRIDE = 1.05
"""Hyperparameters are followed from one number of measurements to so many times more."""

MOST = 300
"""Hyperparameters are learned from at most so many measurements."""

CERTAIN = 2.0
"""By how many standard errors an alternative must predict better than the usual model."""

WORTH = 0.25
"""By how much it must at least, in nats a measurement: less says little about proposals."""

RESOLUTION = 0.02
"""Error of a prediction that hardly changes a front, as a share of the spread of an outcome: what
is predicted better than that earns nothing more."""

ENOUGH_TO_TRANSFORM = 16

REMEMBERED = 512


@dataclass(frozen=True, slots=True)
class Choice:
    """A kernel by name, a transform, and hyperparameters to start from."""

    kernel: str
    transform: OutcomeTransform
    theta: Float[Tensor, " p"]


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

    repeats: Float[Tensor, " n"] | None = None
    """How many repeats each is worth where its error is learned. None: one each."""

    def first(self, count: int) -> "Measured":
        """Return the earliest measurements."""
        return self.some(slice(0, count))

    def spread_out(self, most: int) -> "Measured":
        """Return at most so many measurements, early and late ones alike."""
        if len(self.values) <= most:
            return self
        return self.some(torch.linspace(0, len(self.values) - 1, most).round().long())

    def likelihood(self, kernel: Kernel, transform: OutcomeTransform) -> Likelihood:
        """Return the likelihood of the measurements under a kernel and a transform."""
        slopes = transform.log_slope(self.values).exp()
        observations = observe(
            self.points, transform.forward(self.values), self.standard_errors * slopes, self.repeats
        )
        features = self.features.of_points(observations.points)
        return Likelihood(kernel, features, observations, self.exact)

    def some(self, rows: slice | Tensor) -> "Measured":
        """Return the measurements of some rows."""
        points, values, errors = self.points[rows], self.values[rows], self.standard_errors[rows]
        repeats = None if self.repeats is None else self.repeats[rows]
        return Measured(self.features, points, values, errors, self.exact, repeats)


def learned_process(measured: Measured, kernel: str | None = None) -> GaussianProcess:
    """Return the process that suits the measurements, with hyperparameters fitted to them.

    The kernel and the transform are chosen from the first measurements, whose number grows in
    steps: so a choice holds for a while, is the same whoever asks, and is made once. So do the
    hyperparameters, in smaller steps; every measurement counts in the process.

    Args:
        measured: At least one measurement.
        kernel: Use this one and no transform. None: choose.
    """
    choice, count = held_choice(measured, kernel), len(measured.values)
    size = _last_choice(count) * STRIDE
    while math.floor(size) <= count:
        choice = _remembered(
            ("follow", choice.kernel, choice.transform),
            measured.first(math.floor(size)),
            partial(_followed, choice),
        )
        size *= STRIDE
    likelihood = measured.likelihood(
        kernels_for(measured.features)[choice.kernel], choice.transform
    )
    return GaussianProcess.of(measured.features, likelihood, choice.theta, choice.transform)


def held_choice(measured: Measured, kernel: str | None = None, most: int = MOST) -> Choice:
    """Return the choice that holds now, made from at most so many of the first measurements."""
    choice = _remembered(
        ("choice", kernel, most),
        measured.first(_last_choice(len(measured.values))),
        lambda known: _choose(known.spread_out(most), kernel),
    )
    if not bool(choice.transform.forward(measured.values).isfinite().all()):
        # A later value lies where the chosen transform has no values.
        return _usual(measured)
    return choice


def _followed(choice: Choice, measured: Measured) -> Choice:
    """Return the same choice with hyperparameters fitted to measurements, from those it has."""
    kernel = kernels_for(measured.features)[choice.kernel]
    likelihood = measured.spread_out(MOST).likelihood(kernel, choice.transform)
    return replace(choice, theta=fit(likelihood, choice.theta).theta)


def _last_choice(count: int) -> int:
    """Return how many measurements the choice was made from that holds at `count`."""
    size = float(FIRST_CHOICE)
    if count < size:
        return count
    while math.floor(size * GROWTH) <= count:
        size *= GROWTH
    return math.floor(size)


def _usual(measured: Measured) -> Choice:
    likelihood = measured.spread_out(MOST).likelihood(
        kernels_for(measured.features)[ANYWHERE], IDENTITY
    )
    return Choice(ANYWHERE, IDENTITY, fit(likelihood).theta)


@dataclass(frozen=True, slots=True)
class _Attempt:
    choice: Choice
    log_posterior: float
    densities: Float[Tensor, " n"]
    """Log density of each value, as measured, predicted from the others; up to a constant."""


def _choose(measured: Measured, only: str | None) -> Choice:
    measured = measured.spread_out(MOST)
    kernels = kernels_for(measured.features)
    if only is not None or len(measured.values) < FIRST_CHOICE:
        return _attempt(measured, kernels, only or next(iter(kernels)), IDENTITY).choice
    return _warped_where_it_helps(measured, kernels, _best_unwarped(measured, kernels)).choice


def _best_unwarped(measured: Measured, kernels: dict[str, Kernel]) -> _Attempt:
    names = in_turn(kernels, len(measured.values))
    best = _best([_attempt(measured, kernels, name, IDENTITY) for name in names])
    if len(measured.values) < ENOUGH_TO_TRANSFORM:
        return best
    others = fitting_transforms(measured.values)[1:]
    transformed = _best(
        [best, *(_attempt(measured, kernels, best.choice.kernel, each) for each in others)]
    )
    if transformed is best:
        return best
    rest = [name for name in names if name != transformed.choice.kernel]
    transform = transformed.choice.transform
    return _best([transformed, *(_attempt(measured, kernels, name, transform) for name in rest)])


def _warped_where_it_helps(
    measured: Measured, kernels: dict[str, Kernel], best: _Attempt
) -> _Attempt:
    name, count = f"{WARPED}{best.choice.kernel}", len(measured.values)
    kernel = kernels.get(name)
    if not isinstance(kernel, Warped) or count < kernel.fewest:
        return best
    theta, transform = best.choice.theta, best.choice.transform
    start = torch.cat([kernel.extended(theta[:-4]), theta[-4:]])
    warped = _attempt(measured, kernels, name, transform, start)
    gain = warped.log_posterior - best.log_posterior
    return _best([best, warped]) if gain > kernel.price(count) else best


def _attempt(
    measured: Measured,
    kernels: dict[str, Kernel],
    name: str,
    transform: OutcomeTransform,
    start: Float[Tensor, " p"] | None = None,
) -> _Attempt:
    likelihood = measured.likelihood(kernels[name], transform)
    found = fit(likelihood, start)
    theta = found.theta
    process = GaussianProcess.of(measured.features, likelihood, theta, transform)
    values = likelihood.observations.values
    errors, variances = leave_one_out(process.factor, values - process.constant)
    means, deviations = process.moments(values - errors, variances.sqrt())
    tolerance = RESOLUTION * float(fenced(measured.values).std(correction=0))
    spread = (deviations.square() + tolerance**2).sqrt()
    away = (process.measured(values) - means) / spread
    densities = -0.5 * away.square() - spread.log()
    return _Attempt(Choice(name, transform, theta), found.log_posterior, densities)


def _best(attempts: list[_Attempt]) -> _Attempt:
    """Return the attempt that predicts best, the first unless another is clearly better."""
    first = attempts[0]
    best, best_lead = first, 0.0
    for attempt in attempts[1:]:
        lead = attempt.densities - first.densities
        error = float(lead.std()) / math.sqrt(len(lead))
        if float(lead.mean()) > max(CERTAIN * error, WORTH, best_lead):
            best, best_lead = attempt, float(lead.mean())
    return best


_CHOICES: OrderedDict[bytes, Choice] = OrderedDict()


def _remembered(
    kind: tuple[object, ...], measured: Measured, make: Callable[[Measured], Choice]
) -> Choice:
    """Return a choice that was made before from equal measurements, or make it."""
    space = measured.features.encoding.study.parameters
    digest = hashlib.blake2b(repr((kind, measured.exact, space)).encode())
    for part in (measured.points, measured.values, measured.standard_errors, measured.repeats):
        digest.update(b"" if part is None else part.numpy().tobytes())
    key = digest.digest()
    if key not in _CHOICES:
        _CHOICES[key] = make(measured)
        if len(_CHOICES) > REMEMBERED:
            _CHOICES.popitem(last=False)
    _CHOICES.move_to_end(key)
    return _CHOICES[key]
