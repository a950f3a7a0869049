"""A real merge in milliseconds: networks that read digits which are shown in different ways.

A weak base is fine-tuned into experts: for upright digits and for digits turned by 90 degrees, or
for mirrored ones and for white ones on black. A trial adds their task vectors to the base, with one
coefficient for each expert or one for each of its six tensors, and counts what the merge reads
right. Both the search and its score use the test images.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from sklearn.datasets import load_digits
from torch import Tensor

from moopt.benchmarks.one_thread import one_thread
from moopt.benchmarks.problem import Problem, Score
from moopt.merging.one_tensor import merge_tensors
from moopt.study.objectives import Maximize, Objective
from moopt.study.parameters import Continuous, Parameters
from moopt.study.study import Study

WIDTHS = (64, 64, 64, 10)
TRAINING_IMAGES = 1_347
"""Three quarters; the other 450 are for testing."""

SPLIT_SEED = 3
BASE_SEED = 7
BASE_STEPS = 27
"""Of 64 images: enough to read less than half of the digits, whichever way they are turned."""

EXPERT_STEPS = 800
BATCH = 64
LEARNING_RATE = 1e-3
Shown = Callable[[Float[Tensor, "n 8 8"]], Float[Tensor, "n 8 8"]]

WAYS: Mapping[str, Shown] = {
    "upright": lambda images: images,
    "turned": lambda images: torch.rot90(images, 1, (1, 2)),
    "mirrored": lambda images: torch.flip(images, (2,)),
    "inverted": lambda images: 1.0 - images,
}
"""How digits are shown."""

FIRST = ("upright", "turned")
SECOND = ("mirrored", "inverted")
ALL = ("upright", "mirrored", "inverted")

TENSORS = range(2 * (len(WIDTHS) - 1))

Network = Sequence[Tensor]
"""Weights and biases of the three layers, in turn."""


@dataclass(frozen=True, slots=True)
class Digits:
    """Images of digits, shown in one way, and what they are."""

    images: Float[Tensor, "n 64"]
    labels: Int[Tensor, " n"]


@dataclass(frozen=True, slots=True)
class DigitsMerge:
    """A base, two experts, and the images on which they are measured."""

    base: Network
    experts: Mapping[str, Network]
    """By the way in which their digits are shown."""

    test: Mapping[str, Digits]

    @classmethod
    def trained(cls, ways: Sequence[str] = FIRST) -> "DigitsMerge":
        """Train the base and the experts, about a second each, always the same ones."""
        training, test = _splits(ways)
        with one_thread(BASE_SEED):
            fresh = [
                tensor
                for inputs, outputs in pairwise(WIDTHS)
                for tensor in torch.nn.Linear(inputs, outputs).parameters()
            ]
            both = Digits(
                torch.cat([each.images for each in training.values()]),
                torch.cat([each.labels for each in training.values()]),
            )
            base = _trained(fresh, both, BASE_STEPS)
            experts = {name: _trained(base, training[name], EXPERT_STEPS) for name in ways}
        return cls(base, experts, test)

    def merged(self, coefficients: Mapping[str, Sequence[float]]) -> Network:
        """Return the base with every expert's task vector added.

        Args:
            coefficients: Of each expert, one for each tensor.
        """
        return [
            merge_tensors(
                "task_arithmetic",
                [expert[place] for expert in self.experts.values()],
                [coefficients[name][place] for name in self.experts],
                base=tensor,
            )
            for place, tensor in enumerate(self.base)
        ]

    def accuracies(self, network: Network) -> dict[str, float]:
        """Return the share of test images that a network reads right, by how they are shown."""
        with torch.inference_mode():
            return {
                name: float(
                    (_logits(network, test.images).argmax(dim=1) == test.labels).double().mean()
                )
                for name, test in self.test.items()
            }


def digits_blockwise() -> Problem:
    """Return the merge with a coefficient for each tensor of each expert, twelve in all.

    Source: Zhang et al., "Knowledge composition using task vectors with learned anisotropic
    scaling", NeurIPS 2024.
    """
    return _problem("digits_blockwise", _blockwise(FIRST))


def digits_isotropic() -> Problem:
    """Return the merge with one coefficient for each expert."""
    return _problem("digits_isotropic", _isotropic(FIRST))


def inverted_digits_blockwise() -> Problem:
    """Return the merge of the other two experts with twelve coefficients."""
    return _problem("inverted_digits_blockwise", _blockwise(SECOND))


def inverted_digits_isotropic() -> Problem:
    """Return the merge of the other two experts with two coefficients."""
    return _problem("inverted_digits_isotropic", _isotropic(SECOND))


def three_digits_isotropic() -> Problem:
    """Return a merge of three experts with a coefficient each."""
    return _problem("three_digits_isotropic", _isotropic(ALL))


def three_digits_blockwise() -> Problem:
    """Return a merge of three experts with eighteen coefficients."""
    return _problem("three_digits_blockwise", _blockwise(ALL))


def _blockwise(ways: Sequence[str]) -> dict[str, list[str]]:
    return {way: [f"{way}_{place}" for place in TENSORS] for way in ways}


def _isotropic(ways: Sequence[str]) -> dict[str, list[str]]:
    return {way: [way for _ in TENSORS] for way in ways}


def _problem(name: str, blocks: Mapping[str, Sequence[str]]) -> Problem:
    """Return the merge as a problem.

    Args:
        name: Of the study.
        blocks: The parameter that scales each tensor, by expert.
    """
    merge = _trained_once(tuple(blocks))

    def true_values(parameters: Parameters) -> dict[str, float]:
        coefficients = {
            expert: [parameters[each] for each in names] for expert, names in blocks.items()
        }
        accuracies = merge.accuracies(merge.merged(coefficients))
        return {f"accuracy_{expert}": accuracy for expert, accuracy in accuracies.items()}

    parameters = dict.fromkeys(name for names in blocks.values() for name in names)
    study = Study(
        name,
        parameters=[Continuous(each, 0.0, 1.0) for each in parameters],
        objectives=[Objective(f"accuracy_{each}", Maximize, reference=0.0) for each in blocks],
    )
    return Problem(
        study,
        true_values,
        true_best=None,
        checkpoints=(24, 48),
        score=Score.HYPERVOLUME,
        initial_trials=8,
    )


@cache
def _trained_once(ways: tuple[str, ...]) -> DigitsMerge:
    return DigitsMerge.trained(ways)


def _splits(ways: Sequence[str]) -> tuple[dict[str, Digits], dict[str, Digits]]:
    """Return the images for training and for testing, each by how they are shown."""
    images, labels = load_digits(return_X_y=True)
    upright = torch.tensor(images, dtype=torch.float32).reshape(-1, 8, 8) / 16
    shown = {way: WAYS[way](upright) for way in ways}
    known = torch.tensor(labels, dtype=torch.int64)
    order = torch.randperm(len(known), generator=torch.Generator().manual_seed(SPLIT_SEED))
    training, test = order[:TRAINING_IMAGES], order[TRAINING_IMAGES:]
    return (
        {n: Digits(each[training].flatten(1), known[training]) for n, each in shown.items()},
        {n: Digits(each[test].flatten(1), known[test]) for n, each in shown.items()},
    )


def _trained(start: Network, digits: Digits, steps: int) -> Network:
    network = [tensor.detach().clone().requires_grad_() for tensor in start]
    optimizer = torch.optim.Adam(network, lr=LEARNING_RATE)
    for _ in range(steps):
        batch = torch.randint(len(digits.labels), (BATCH,))
        optimizer.zero_grad()
        logits = _logits(network, digits.images[batch])
        torch.nn.functional.cross_entropy(logits, digits.labels[batch]).backward()
        optimizer.step()
    return [tensor.detach() for tensor in network]


def _logits(network: Network, images: Float[Tensor, "n 64"]) -> Float[Tensor, "n 10"]:
    hidden = images
    for place in range(0, len(network) - 2, 2):
        hidden = torch.relu(hidden @ network[place].T + network[place + 1])
    return hidden @ network[-2].T + network[-1]
