"""Model stock: the point between base and average that the experts' angles tell."""

import numpy as np

from moopt.merging.methods.method import Base, Facts, Method, ScaledTerms, Settings

NO_DIVISOR = 1e-6
"""Below it the formula has no answer; the merge is the base."""


def model_stock_terms(settings: Settings, facts: Facts) -> ScaledTerms:
    """`base + t · mean of d_i` with `t = n·c / (1 + (n−1)·c)`, tensor by tensor.

    `c` is the mean cosine of the angles between task vectors. A task vector of zeros has no
    direction and counts with a cosine of 0. There are no coefficients.

    Source: Jang, Yun and Han, "Model Stock: All we need is just a few fine-tuned models", ECCV
    2024.
    """
    del settings
    gram = facts.gram(of_task_vectors=True)
    count = gram.shape[1]
    norms = np.sqrt(np.einsum("tii->ti", gram))
    product = norms[:, :, None] * norms[:, None, :]
    cosine = np.clip(gram / np.where(product > 0, product, 1.0), -1.0, 1.0)
    first, second = np.triu_indices(count, k=1)
    mean = cosine[:, first, second].mean(axis=1)
    divisor = 1 + (count - 1) * mean
    is_open = np.abs(divisor) >= NO_DIVISOR
    share = np.where(is_open, count * mean / np.where(is_open, divisor, 1.0), 0.0)
    return ScaledTerms(np.repeat(share[:, None] / count, count, axis=1), from_base=True)


MODEL_STOCK = Method(
    "model_stock",
    "between base and average, where the experts' angles put it",
    Base.REQUIRED,
    model_stock_terms,
    options={},
    takes_coefficients=False,
    fewest_experts=2,
)
