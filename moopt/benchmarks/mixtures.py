"""Mixtures of training data: how much of each source makes one model good on several domains.

The shares of the sources are one simplex parameter. A logistic regression is trained with every
example weighted by the share of its source, and its loss is measured on held-out examples of each
domain. No source is a domain, so which mixture is best has to be found.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from moopt.benchmarks.problem import Problem, Score, minimizing, remembered
from moopt.study.parameters import Parameters
from moopt.study.simplex import Simplex

CHECKPOINTS = (20, 40, 80)
TINY = 1e-6
"""Share of a source that is left out: the classes that only it has stay known."""

Distortion = Callable[[Float[np.ndarray, "n d"], np.random.Generator], Float[np.ndarray, "n d"]]
"""How examples come in a source or a domain."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Inputs and their classes."""

    inputs: Float[np.ndarray, "n d"]
    labels: Int[np.ndarray, " n"]


def mixture_digits() -> Problem:
    """Return five sources of images of digits and two domains, each with two distortions."""
    images, labels = load_digits(return_X_y=True)
    data = Examples(images / 16, labels)
    sources = {
        "plain": _plain,
        "mirrored": _mirrored,
        "inverted": _inverted,
        "noisy": _noisy,
        "faint": _faint,
    }
    domains = {
        "noisy_mirrored": _both(_mirrored, _noisy),
        "faint_noisy": _both(_faint, _noisy),
    }
    return _problem("mixture_digits", data, sources, domains, examples=100, worst=2.3)


def mixture_breast_cancer() -> Problem:
    """Return four sources of measured tumours and two domains: instruments that differ."""
    inputs, labels = load_breast_cancer(return_X_y=True)
    data = Examples((inputs - inputs.mean(axis=0)) / inputs.std(axis=0), labels)
    generator = np.random.default_rng(0)
    gains = generator.normal(0.5, 1.0, (4, inputs.shape[1]))
    sources = {f"instrument{place}": _instrument(gain) for place, gain in enumerate(gains)}
    domains = {
        "first": _instrument(gains[[0, 1]].mean(axis=0)),
        "second": _instrument(gains[[2, 3]].mean(axis=0)),
    }
    return _problem("mixture_breast_cancer", data, sources, domains, examples=70, worst=0.35)


def _problem(
    name: str,
    data: Examples,
    sources: Mapping[str, Distortion],
    domains: Mapping[str, Distortion],
    *,
    examples: int,
    worst: float,
) -> Problem:
    """Return a mixture as a problem.

    Args:
        name: Of the study.
        data: What the sources and the domains distort, each with examples of its own.
        sources: By name.
        domains: By name.
        examples: Of each source; the domains share those that are left.
        worst: Reference of each loss, in nats.
    """
    generator = np.random.default_rng(1)
    order = generator.permutation(len(data.labels))
    parts = np.split(order[: examples * len(sources)], len(sources))
    inputs = np.concatenate(
        [
            distort(data.inputs[part], generator)
            for distort, part in zip(sources.values(), parts, strict=True)
        ]
    )
    labels = data.labels[np.concatenate(parts)]
    left = order[examples * len(sources) :]
    held_out = {
        domain: (distort(data.inputs[left], generator), data.labels[left])
        for domain, distort in domains.items()
    }

    def true_values(parameters: Parameters) -> Mapping[str, float]:
        shares = [max(parameters["mixture"][source], TINY) for source in sources]
        model = LogisticRegression(C=0.1, max_iter=200)
        # The weights of all examples together are as many as there are.
        model.fit(inputs, labels, sample_weight=np.repeat(shares, examples) * len(sources))
        return {
            f"{domain}_loss": float(log_loss(truth, model.predict_proba(shown)))
            for domain, (shown, truth) in held_out.items()
        }

    return Problem(
        minimizing(
            name,
            [Simplex("mixture", list(sources))],
            {f"{domain}_loss": worst for domain in domains},
        ),
        remembered(true_values),
        true_best=None,
        checkpoints=CHECKPOINTS,
        score=Score.HYPERVOLUME,
    )


def _plain(
    inputs: Float[np.ndarray, "n d"], generator: np.random.Generator
) -> Float[np.ndarray, "n d"]:
    del generator
    return inputs


def _mirrored(
    inputs: Float[np.ndarray, "n d"], generator: np.random.Generator
) -> Float[np.ndarray, "n d"]:
    del generator
    return inputs.reshape(-1, 8, 8)[:, :, ::-1].reshape(inputs.shape)


def _inverted(
    inputs: Float[np.ndarray, "n d"], generator: np.random.Generator
) -> Float[np.ndarray, "n d"]:
    del generator
    return 1.0 - inputs


def _noisy(
    inputs: Float[np.ndarray, "n d"], generator: np.random.Generator
) -> Float[np.ndarray, "n d"]:
    return inputs + generator.normal(0.0, 0.3, inputs.shape)


def _faint(
    inputs: Float[np.ndarray, "n d"], generator: np.random.Generator
) -> Float[np.ndarray, "n d"]:
    del generator
    return 0.5 * inputs


def _both(first: Distortion, second: Distortion) -> Distortion:
    return lambda inputs, generator: second(first(inputs, generator), generator)


def _instrument(gains: Float[np.ndarray, " d"]) -> Distortion:
    return lambda inputs, generator: gains * inputs + generator.normal(0.0, 0.5, inputs.shape)
