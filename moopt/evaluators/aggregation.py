"""One measurement of several: over seeds, folds, prompts, workloads or rewards.

Standard errors of the parts, taken as independent, are carried over to first order. A part whose
standard error is not known makes that of the aggregate unknown. What is better is said by a
direction: the worst case of accuracies is the lowest, that of losses the highest.
"""

import math
from collections.abc import Callable, Sequence

from moopt.errors import EvaluationError
from moopt.study.objectives import Direction
from moopt.study.trials import Measurement

Aggregate = Callable[[Sequence[Measurement], Direction], Measurement]
"""Makes one measurement of one or more. `functools.partial` gives those below their numbers."""


def mean(parts: Sequence[Measurement], direction: Direction) -> Measurement:
    """Return the mean of parts that are all there are, such as workloads.

    For parts that were drawn from many, such as seeds, see `mean_of_sample`.

    Raises:
        EvaluationError: There are no parts.
    """
    del direction  # equally good either way
    count = _count(parts)
    return _weighted(parts, [1 / count] * count)


def mean_of_sample(parts: Sequence[Measurement], direction: Direction) -> Measurement:
    """Return the mean of parts that were drawn from many, such as seeds or folds.

    The standard error comes from the spread between the parts, which holds their own errors where
    those are independent. It is not below the own error of one part divided by the root of their
    number: with two or three parts the spread may be small by chance.

    Raises:
        EvaluationError: There are no parts.
    """
    found = mean(parts, direction)
    if len(parts) < 2:
        return found
    squares = sum((each.mean - found.mean) ** 2 for each in parts)
    spread = math.sqrt(squares / (len(parts) - 1) / len(parts))
    return Measurement(found.mean, max(spread, found.sem or 0.0))


def worst_case(parts: Sequence[Measurement], direction: Direction) -> Measurement:
    """Return the worst part.

    Source: Coste, Anwar, Kirk and Krueger, "Reward model ensembles help mitigate overoptimization",
    ICLR (2024), worst-case optimization.

    Raises:
        EvaluationError: There are no parts.
    """
    _count(parts)
    return min(parts, key=lambda part: direction.sign * part.mean)


def mean_minus_variance(
    parts: Sequence[Measurement], direction: Direction, *, weight: float = 1.0
) -> Measurement:
    """Return the mean, made worse by a weight times the variance between the parts.

    Where less is better, the variance is added. It is the variance of the parts themselves, not an
    estimate of the one that they were drawn from.

    Source: Coste, Anwar, Kirk and Krueger, "Reward model ensembles help mitigate overoptimization",
    ICLR (2024), uncertainty-weighted optimization.

    Raises:
        EvaluationError: There are no parts.
    """
    count = _count(parts)
    centre = mean(parts, direction).mean
    variance = sum((each.mean - centre) ** 2 for each in parts) / count
    signed = direction.sign * weight
    slopes = [(1 - 2 * signed * (each.mean - centre)) / count for each in parts]
    return Measurement(centre - signed * variance, _standard_error(parts, slopes))


def cvar(parts: Sequence[Measurement], direction: Direction, *, share: float = 0.25) -> Measurement:
    """Return the mean of the worst share of the parts (conditional value at risk).

    A part on the edge counts as far as it belongs to the share: with a share of 1 it is the mean,
    with one of at most one part the worst case.

    Source: Rockafellar and Uryasev, "Optimization of conditional value-at-risk", Journal of Risk 2
    (2000).

    Args:
        parts: One or more.
        direction: Which parts are worse.
        share: Above 0, at most 1.

    Raises:
        EvaluationError: There are no parts, or the share is not one.
    """
    if not 0 < share <= 1:
        raise EvaluationError(f"cvar needs a share above 0 and at most 1, got share={share:g}")
    counted = share * _count(parts)
    worst_first = sorted(parts, key=lambda part: direction.sign * part.mean)
    weights = [min(1.0, max(0.0, counted - place)) / counted for place in range(len(parts))]
    return _weighted(worst_first, weights)


def log_sigmoid_sum(
    rewards: Sequence[Measurement],
    *,
    references: Sequence[float],
    scales: Sequence[float] | None = None,
    directions: Sequence[Direction] | None = None,
) -> Measurement:
    """Return how likely it is, as a logarithm, that every reward is good.

    A reward is good with the probability `sigmoid((reward - reference) / scale)`. Far above its
    reference a reward adds little, far below it costs in proportion: the sum wants all to be good.

    Source: Wang et al., "Transforming and combining rewards for aligning large language models",
    ICML (2024).

    Args:
        rewards: One or more, each with a meaning of its own.
        references: What is half good, for each reward.
        scales: Above 0: how much more makes a reward clearly good. None: 1 for each.
        directions: None: larger is better in each.

    Raises:
        EvaluationError: There is no reward, or a scale is not above 0.
    """
    count = _count(rewards)
    scales = [1.0] * count if scales is None else scales
    directions = [Direction.MAXIMIZE] * count if directions is None else directions
    if not all(scale > 0 for scale in scales):
        raise EvaluationError(f"rewards need scales above 0, got {list(scales)}")
    total, slopes = 0.0, []
    for reward, reference, scale, direction in zip(
        rewards, references, scales, directions, strict=True
    ):
        good = direction.sign * (reward.mean - reference) / scale
        log_share = min(good, 0.0) - math.log1p(math.exp(-abs(good)))
        total += log_share
        slopes.append(direction.sign * -math.expm1(log_share) / scale)
    return Measurement(total, _standard_error(rewards, slopes))


def _count(parts: Sequence[Measurement]) -> int:
    if not parts:
        raise EvaluationError("an aggregate needs one or more measurements, got none")
    return len(parts)


def _weighted(parts: Sequence[Measurement], weights: Sequence[float]) -> Measurement:
    value = sum(weight * part.mean for weight, part in zip(weights, parts, strict=True))
    return Measurement(value, _standard_error(parts, weights))


def _standard_error(parts: Sequence[Measurement], slopes: Sequence[float]) -> float | None:
    """Return the standard error of a function of the parts with these slopes."""
    counted = [(slope, part.sem) for slope, part in zip(slopes, parts, strict=True) if slope]
    known = [slope * error for slope, error in counted if error is not None]
    return math.hypot(*known) if len(known) == len(counted) else None
