"""The mean over all examples from scores on a few, by way of models that were measured on all.

Models that were merged or tuned alike stumble over the same examples. A weighted sum of the scores
of earlier models mimics those of a new one, and its mean over all examples is known: only what it
does not mimic has to be estimated from the few. On merges of small classifiers that leaves a third
of the variance.
"""

import math

import numpy as np
from jaxtyping import Float

RIDGE = 0.05
"""How strongly weights are drawn to zero, as a share of an example's unit of variance."""


def mean_of_all(
    scores: Float[np.ndarray, " n"],
    controls: Float[np.ndarray, "k n"],
    control_means: Float[np.ndarray, " k"],
    count: int,
) -> tuple[float, float]:
    """Return the mean score over all examples, as estimated from a few, and its standard error.

    The standard error is that against the mean over all `count` examples, not over those that they
    were drawn from: it is 0 when all are there. Each example is predicted from the others (ridge
    regression, leave-one-out), and one more counts that is as far off as the worst: scores that
    agree so far may still differ.

    Source: Cochran, "Sampling Techniques", 3rd edition (1977), chapter 7, for the estimator by
    regression.

    Args:
        scores: Of a random choice of examples, two or more.
        controls: Scores of other models on the same examples, one model a row.
        control_means: Their means over all examples.
        count: How many examples there are.
    """
    chosen = len(scores)
    mean = float(scores.mean())
    centred = scores - mean
    others = controls - controls.mean(axis=1, keepdims=True)
    gram = others.T @ others
    solved = np.linalg.solve(gram + RIDGE * chosen * np.eye(chosen), np.eye(chosen))
    weights = solved @ centred
    leverage = np.einsum("ij,ji->i", gram, solved) + 1 / chosen
    left_out = (centred - gram @ weights) / np.maximum(1 - leverage, 1e-9)
    # Where all are alike, one more counts that is as far off as any score of the others.
    others_off = (np.append(controls, control_means) - mean) ** 2
    worst = np.max(left_out**2) or np.max(others_off, initial=0)
    squares = np.append(left_out**2, worst)
    shift = float((control_means - controls.mean(axis=1)) @ (others @ weights))
    return mean + shift, math.sqrt(float(squares.mean()) * (1 / chosen - 1 / count))
