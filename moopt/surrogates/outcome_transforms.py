"""Increasing functions between what is measured and what a Gaussian process models.

An accuracy is squeezed towards 1, a loss towards 0, a count spreads over decades: there a process
of the logit or the logarithm errs less than one of the number itself.
"""

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import scipy.stats
import torch
from jaxtyping import Float
from torch import Tensor


@runtime_checkable
class OutcomeTransform(Protocol):
    """An increasing function. It works element by element on any shape; all is differentiable."""

    @property
    def name(self) -> str:
        """What it is called in notes."""
        ...

    @property
    def is_identity(self) -> bool:
        """Say whether it changes nothing."""
        ...

    def forward(self, values: Tensor) -> Tensor:
        """Return what is modelled."""
        ...

    def inverse(self, modelled: Tensor) -> Tensor:
        """Return what would be measured."""
        ...

    def log_slope(self, values: Tensor) -> Tensor:
        """Return the logarithm of the derivative of `forward`."""
        ...


@dataclass(frozen=True, slots=True)
class Identity:
    """No transform."""

    name: str = "identity"
    is_identity: bool = True

    def forward(self, values: Tensor) -> Tensor:
        """Return the values."""
        return values

    def inverse(self, modelled: Tensor) -> Tensor:
        """Return the values."""
        return modelled

    def log_slope(self, values: Tensor) -> Tensor:
        """Return zeros."""
        return torch.zeros_like(values)


@dataclass(frozen=True, slots=True)
class Log:
    """The logarithm of positive values, or of minus negative ones, turned to grow again."""

    sign: float
    name: str = "log"
    is_identity: bool = False

    def forward(self, values: Tensor) -> Tensor:
        """Return logarithms."""
        return self.sign * (self.sign * values).log()

    def inverse(self, modelled: Tensor) -> Tensor:
        """Return exponentials."""
        return self.sign * (self.sign * modelled).clamp_max(600.0).exp()

    def log_slope(self, values: Tensor) -> Tensor:
        """Return the logarithm of one over the size of the value."""
        return -(self.sign * values).log()


@dataclass(frozen=True, slots=True)
class Logit:
    """The log odds of shares between 0 and 1, or of minus shares."""

    sign: float
    name: str = "logit"
    is_identity: bool = False

    def forward(self, values: Tensor) -> Tensor:
        """Return log odds."""
        return self.sign * (self.sign * values).logit()

    def inverse(self, modelled: Tensor) -> Tensor:
        """Return shares."""
        return self.sign * (self.sign * modelled).sigmoid()

    def log_slope(self, values: Tensor) -> Tensor:
        """Return the logarithm of one over share times rest."""
        share = self.sign * values
        return -share.log() - (1.0 - share).log()


@dataclass(frozen=True, slots=True)
class YeoJohnson:
    """A power of standardized values that makes them as normal as can be.

    Source: Yeo and Johnson, "A new family of power transformations to improve normality or
    symmetry", Biometrika 87 (2000); the power by maximum likelihood, in SciPy.
    """

    power: float
    location: float
    scale: float
    name: str = "Yeo-Johnson"
    is_identity: bool = False

    @classmethod
    def of(cls, values: Float[Tensor, " n"]) -> "YeoJohnson":
        """Choose the power for some values."""
        location, scale = float(values.mean()), max(float(values.std()), 1e-12)
        standard = ((values - location) / scale).numpy()
        power = float(scipy.stats.yeojohnson_normmax(standard))
        return cls(float(np.clip(power, 0.1, 1.9)), location, scale)

    def forward(self, values: Tensor) -> Tensor:
        """Return powers."""
        standard = (values - self.location) / self.scale
        power, other = self.power, 2.0 - self.power
        # At 0 a clamp has slope one and relu has none, so that their sum has slope one.
        above = ((standard.clamp_min(0.0) + 1.0) ** power - 1.0) / power
        below = ((1.0 + (-standard).relu()) ** other - 1.0) / other
        return above - below

    def inverse(self, modelled: Tensor) -> Tensor:
        """Return roots."""
        power, other = self.power, 2.0 - self.power
        above = (modelled.clamp_min(0.0) * power + 1.0) ** (1.0 / power) - 1.0
        below = (1.0 + (-modelled).relu() * other) ** (1.0 / other) - 1.0
        return self.location + self.scale * (above - below)

    def log_slope(self, values: Tensor) -> Tensor:
        """Return the logarithm of the derivative."""
        standard = (values - self.location) / self.scale
        exponent = (self.power - 1.0) * torch.where(standard >= 0, 1.0, -1.0).to(standard)
        return exponent * (1.0 + standard.abs()).log() - math.log(self.scale)


IDENTITY = Identity()


def fitting_transforms(values: Float[Tensor, " n"]) -> list[OutcomeTransform]:
    """Return the transforms that suit the range of the values, the identity first."""
    found: list[OutcomeTransform] = [IDENTITY]
    for sign in (1.0, -1.0):
        signed = sign * values
        if bool((signed > 0).all()):
            found.append(Log(sign))
            if bool((signed < 1).all()):
                found.append(Logit(sign))
    found.append(YeoJohnson.of(values))
    return found
