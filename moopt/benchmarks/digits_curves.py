"""Real learning curves that cost a fraction of a second: small networks on images of digits.

The space is that of LCBench: batch size, learning rate, momentum, weight decay, layers, widest
layer, dropout. Each epoch is one more of the same training, so that a training that is taken
further measures what an uninterrupted one does.
"""

import math
from functools import lru_cache
from itertools import pairwise

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from moopt.benchmarks.fidelity_problem import FidelityProblem
from moopt.study.objectives import Fidelity, Minimize, Objective
from moopt.study.parameters import Continuous, Integer, Parameters
from moopt.study.study import Study

EPOCHS = Fidelity("epochs", low=1, high=27)
TRAIN = 800
"""Images to train on; the others are measured."""

WORST_LOSS = 10.0
"""In place of a cross-entropy that is larger, or is none."""

INPUTS, CLASSES = 64, 10


def digits_curves() -> FidelityProblem:
    """Return the study: the cross-entropy of images never seen, and what an image costs.

    Source: Zimmer, Lindauer and Hutter, "Auto-PyTorch tabular: multi-fidelity metalearning for
    efficient and robust AutoDL", IEEE TPAMI 43 (2021), for the space.
    """
    study = Study(
        "digits_curves",
        parameters=[
            Integer("batch_size", 16, 256, log=True),
            Continuous("learning_rate", 1e-3, 1.0, log=True),
            Continuous("momentum", 0.1, 0.99),
            Continuous("weight_decay", 1e-5, 1e-1, log=True),
            Integer("layers", 1, 4),
            Integer("units", 16, 256, log=True),
            Continuous("dropout", 0.0, 0.8),
        ],
        objectives=[
            Objective("log_loss", Minimize, reference=0.0),
            Objective("log_multiplications", Minimize, reference=5.0),
        ],
        fidelity=EPOCHS,
    )
    return FidelityProblem(study, _measured)


def _measured(parameters: Parameters, epochs: float) -> dict[str, float]:
    values = {name: float(str(value)) for name, value in parameters.items()}
    return {
        "log_loss": math.log10(_training(tuple(sorted(values.items()))).loss(round(epochs))),
        "log_multiplications": math.log10(
            _multiplications(round(values["layers"]), round(values["units"]))
        ),
    }


def _widths(layers: int, units: int) -> list[int]:
    """Return the width of each layer: from the widest, each half of the one before."""
    return [max(units >> layer, CLASSES) for layer in range(layers)]


def _multiplications(layers: int, units: int) -> int:
    widths = [INPUTS, *_widths(layers, units), CLASSES]
    return sum(left * right for left, right in pairwise(widths))


class _Training:
    """One network, and its cross-entropy after each epoch so far."""

    def __init__(self, settings: tuple[tuple[str, float], ...]) -> None:
        values = dict(settings)
        self.losses: list[float] = []
        self._batch_size = round(values["batch_size"])
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self._model = _network(
                round(values["layers"]), round(values["units"]), values["dropout"]
            )
            self._random_state = torch.get_rng_state()
        self._optimizer = torch.optim.SGD(
            self._model.parameters(),
            lr=values["learning_rate"],
            momentum=values["momentum"],
            weight_decay=values["weight_decay"],
        )

    def loss(self, epochs: int) -> float:
        """Train on until so many epochs are done, and return the cross-entropy after them."""
        with torch.random.fork_rng():
            torch.set_rng_state(self._random_state)
            while len(self.losses) < epochs:
                self.losses.append(self._epoch())
            self._random_state = torch.get_rng_state()
        return self.losses[epochs - 1]

    def _epoch(self) -> float:
        inputs, labels = _images()
        self._model.train()
        for batch in torch.randperm(TRAIN).split(self._batch_size):
            self._optimizer.zero_grad()
            nn.functional.cross_entropy(self._model(inputs[batch]), labels[batch]).backward()
            self._optimizer.step()
        self._model.eval()
        with torch.no_grad():
            shown = self._model(inputs[TRAIN:])
            loss = float(nn.functional.cross_entropy(shown, labels[TRAIN:]))
        return min(loss, WORST_LOSS) if math.isfinite(loss) else WORST_LOSS


@lru_cache(maxsize=4096)
def _training(settings: tuple[tuple[str, float], ...]) -> _Training:
    return _Training(settings)


def _network(layers: int, units: int, dropout: float) -> nn.Sequential:
    parts: list[nn.Module] = []
    width = INPUTS
    for wide in _widths(layers, units):
        parts += [nn.Linear(width, wide), nn.ReLU(), nn.Dropout(dropout)]
        width = wide
    return nn.Sequential(*parts, nn.Linear(width, CLASSES))


@lru_cache(maxsize=1)
def _images() -> tuple[Tensor, Tensor]:
    """Return all images and labels in an order that mixes writers."""
    images, labels = load_digits(return_X_y=True)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    inputs = torch.tensor(images / 16.0, dtype=torch.float32)[order]
    return inputs, torch.tensor(labels)[order]
