"""How sure it is that a trial is on the front, when its values are known with noise only.

The front of the measured means is too good: it keeps the trials that were lucky. Their probability
tells luck from merit, and shows which trial to measure again.
"""

import numpy as np
from jaxtyping import Float

from moopt.front.dominance import is_nondominated
from moopt.front.points import require_points


def probability_on_front(
    means: Float[np.ndarray, "n m"],
    standard_errors: Float[np.ndarray, "n m"],
    *,
    seed: int,
    draws: int = 2048,
) -> Float[np.ndarray, " n"]:
    """Return for each trial the probability that no other dominates its true values.

    True values are taken as independent normals around the means. It is an average over random
    draws, off by `sqrt(p (1 - p) / draws)`: 0.011 at most with the default.

    Source: Hughes, "Evolutionary multi-objective ranking with uncertainty and noise", EMO (2001),
    for dominance as a probability.

    Args:
        means: One trial a row; larger is better.
        standard_errors: Of the means. 0: exact.
        seed: The same seed draws the same.
        draws: How many fronts to draw.

    Raises:
        ValueError: A mean is not finite, a standard error is not a number >= 0, or there is no
            trial or no draw.
    """
    require_points(means, "a front under noise")
    if not (np.isfinite(standard_errors) & (standard_errors >= 0)).all():
        raise ValueError(
            "a front under noise needs finite standard errors >= 0; say 0 for exact values and "
            "an estimate for unknown ones"
        )
    generator = np.random.default_rng(seed)
    samples = means + standard_errors * generator.standard_normal((draws, *means.shape))
    return share_on_front(samples)


def share_on_front(samples: Float[np.ndarray, "s n m"]) -> Float[np.ndarray, " n"]:
    """Return for each trial the share of the samples in which no other trial dominates it.

    Args:
        samples: Values that all trials may have together, such as draws from the joint posterior of
            a surrogate: what is correlated there stays so.

    Raises:
        ValueError: There is no sample, or a value is not finite.
    """
    if len(samples) == 0:
        raise ValueError("the share of samples on the front needs at least one sample, got none")
    if not np.isfinite(samples).all():
        raise ValueError("samples of a front need finite numbers, got NaN or infinity")
    return np.asarray(np.mean([is_nondominated(sample) for sample in samples], axis=0))
