"""One optimizer configuration for four workloads: how soon is each trained, and the slowest one?

A perceptron and a convolutional network read digits, a perceptron predicts a disease from a table,
a transformer writes film reviews letter by letter. One configuration trains all four until each
comes to a target on validation data. Steps count, divided by those of a baseline. What is quick on
the whole may fail on one, so the typical and the worst ratio are a trade-off.

`python studies/algoperf_mini.py targets` prints the numbers below that the baseline decides, and
`python studies/algoperf_mini.py leave-one-out STORE` says how good the configuration is that
would have been chosen without a workload, on that workload.
"""

import math
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from sklearn.datasets import load_diabetes, load_digits
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from moopt import Categorical, Continuous, Minimize, Objective, Store, Study, When
from moopt.evaluators.workloads import WorkloadsEvaluator
from moopt.study.parameters import Parameters
from moopt.study.scale import scaled
from moopt.training.labelled_texts import read_split
from moopt.training.time_to_target import Examples, Workload, time_to_target
from moopt.training.update_rule import Method, Schedule, UpdateRule

TEXTS = Path(__file__).parent / "data" / "movies.csv.gz"
LETTERS = " abcdefghijklmnopqrstuvwxyz.,'"
WINDOW = 24
"""Letters that the transformer sees at once."""

BASELINE = UpdateRule(Method.ADAMW, learning_rate=1e-3)
"""What libraries set by default, with warm-up and a cosine."""


@dataclass(frozen=True)
class Size:
    """How much is spent on a trial."""

    seeds: int
    """Runs of each workload."""


SIZE = scaled(small=Size(seeds=2), large=Size(seeds=10))


class Reader(nn.Module):
    """A transformer of one layer that guesses the next letter."""

    def __init__(self, width: int) -> None:
        """Draw weights from torch's random numbers."""
        super().__init__()
        self.letters = nn.Embedding(len(LETTERS), width)
        self.places = nn.Parameter(0.02 * torch.randn(WINDOW, width))
        self.layer = nn.TransformerEncoderLayer(
            width, 4, 4 * width, dropout=0.0, batch_first=True, norm_first=True
        )
        self.head = nn.Linear(width, len(LETTERS))

    def forward(self, letters: Tensor) -> Tensor:
        """Return the logits of the letter after each one."""
        count = letters.shape[1]
        later = torch.triu(torch.ones(count, count, dtype=torch.bool), diagonal=1)
        seen = self.layer(self.letters(letters) + self.places[:count], src_mask=later)
        logits: Tensor = self.head(seen)
        return logits


def classes(outputs: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """Return the mean cross-entropy."""
    return cross_entropy(outputs.flatten(0, -2), targets.flatten(), label_smoothing=smoothing)


def squares(outputs: Tensor, targets: Tensor, _smoothing: float) -> Tensor:
    """Return the mean squared error."""
    return mse_loss(outputs.squeeze(-1), targets)


def error_rate(outputs: Tensor, targets: Tensor) -> float:
    """Return the share of wrong answers."""
    return float((outputs.argmax(dim=-1) != targets).float().mean())


def every_fourth(inputs: Tensor, targets: Tensor) -> Examples:
    """Keep every fourth example for validation."""
    kept = torch.arange(len(inputs)) % 4 != 3
    return Examples(inputs[kept], targets[kept], inputs[~kept], targets[~kept])


def digits(shape: tuple[int, ...]) -> Callable[[], Examples]:
    """Return what loads 1,797 images of 8 x 8 points, in some shape."""

    def load() -> Examples:
        found = load_digits()
        pixels = torch.tensor(found.data, dtype=torch.float32) / 16
        return every_fourth(pixels.reshape(-1, *shape), torch.tensor(found.target))

    return load


def diabetes() -> Examples:
    """Load 442 patients: ten numbers each, and how their disease went on."""
    found = load_diabetes()
    table = torch.tensor(found.data, dtype=torch.float32)
    outcome = torch.tensor(found.target, dtype=torch.float32)
    return every_fourth(
        (table - table.mean(dim=0)) / table.std(dim=0), (outcome - outcome.mean()) / outcome.std()
    )


def reviews() -> Examples:
    """Load windows of letters out of sentences about films, and the letters that come next."""
    windows = {}
    for split in ("train", "validation"):
        text = " ".join(read_split(TEXTS, split).texts).lower()
        numbers = torch.tensor([LETTERS.index(letter) for letter in text if letter in LETTERS])
        windows[split] = numbers.unfold(0, WINDOW + 1, WINDOW)
    train, validation = windows["train"], windows["validation"][:300]
    return Examples(train[:, :-1], train[:, 1:], validation[:, :-1], validation[:, 1:])


def perceptron(inputs: int, hidden: int, outputs: int) -> nn.Module:
    """Return two hidden layers of equal width."""
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, outputs),
    )


def convolutions() -> nn.Module:
    """Return three convolutions and the mean over the image."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1, stride=2),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, padding=1, stride=2),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, 10),
    )


workloads = (
    Workload(
        "digits_perceptron",
        model=lambda: perceptron(64, 64, 10),
        examples=digits((64,)),
        loss=classes,
        metric=error_rate,
        target=0.1203,
        baseline_steps=155,
        most_steps=300,
    ),
    Workload(
        "digits_convolutions",
        model=convolutions,
        examples=digits((1, 8, 8)),
        loss=classes,
        metric=error_rate,
        target=0.1648,
        baseline_steps=170,
        most_steps=300,
        batch_size=16,
    ),
    Workload(
        "diabetes",
        model=lambda: perceptron(10, 64, 1),
        examples=diabetes,
        loss=squares,
        metric=lambda outputs, targets: float(squares(outputs, targets, 0.0)),
        target=0.4942,
        baseline_steps=60,
        most_steps=150,
    ),
    Workload(
        "reviews",
        model=lambda: Reader(32),
        examples=reviews,
        loss=classes,
        metric=lambda outputs, targets: float(classes(outputs, targets, 0.0)),
        target=2.4761,
        baseline_steps=190,
        most_steps=300,
        batch_size=16,
        check_every=10,
    ),
)

ADAMS, RATES = ("adamw", "nadamw"), {"adamw": "adam_rate", "nadamw": "adam_rate"}
RATES |= {"sgd": "sgd_rate", "lion": "lion_rate"}


def rule_of(parameters: Parameters) -> UpdateRule:
    """Return the configuration that a trial's parameters stand for."""
    numbers = {name: each for name, each in parameters.items() if isinstance(each, float)}
    method = Method(parameters["optimizer"])
    return UpdateRule(
        method,
        learning_rate=numbers[RATES[method.value]],
        beta1=1 - numbers["one_minus_beta1"],
        beta2=1 - numbers.get("one_minus_beta2", 0.01),
        weight_decay=numbers.get("weight_decay", numbers.get("sgd_weight_decay", 0.0)),
        schedule=Schedule(parameters["schedule"]),
        warm_up=numbers["warm_up"],
        horizon=numbers.get("horizon", 1.0),
        label_smoothing=numbers["label_smoothing"],
    )


def default(optimizer: str, rate: float, **others: float) -> dict[str, object]:
    """Return a configuration from the literature, with warm-up and a cosine."""
    usual = {"one_minus_beta1": 0.1, "warm_up": 0.05, "horizon": 1.0, "label_smoothing": 0.0}
    return {"optimizer": optimizer, "schedule": "cosine", RATES[optimizer]: rate} | usual | others


evaluate = WorkloadsEvaluator(workloads, rule_of, seeds=SIZE.seeds)
held_out = evaluate.held_out

study = Study(
    name=scaled(small="algoperf_mini", large="algoperf_mini_large"),
    parameters=[
        Categorical("optimizer", [*ADAMS, "sgd", "lion"]),
        Continuous("adam_rate", 1e-4, 1e-1, log=True, when=When("optimizer", ADAMS)),
        Continuous("sgd_rate", 1e-2, 1.0, log=True, when=When("optimizer", "sgd")),
        Continuous("lion_rate", 1e-5, 1e-2, log=True, when=When("optimizer", "lion")),
        Continuous("one_minus_beta1", 4e-3, 0.5, log=True),  # of SGD the momentum
        Continuous(
            "one_minus_beta2", 1e-3, 0.2, log=True, when=When("optimizer", [*ADAMS, "lion"])
        ),
        Continuous("weight_decay", 1e-3, 1.0, log=True, when=When("optimizer", [*ADAMS, "lion"])),
        Continuous("sgd_weight_decay", 1e-6, 1e-2, log=True, when=When("optimizer", "sgd")),
        Categorical("schedule", [each.value for each in Schedule]),
        Continuous("horizon", 0.2, 1.0, when=When("schedule", ["linear", "cosine"])),
        Continuous("warm_up", 0.0, 0.2),
        Continuous("label_smoothing", 0.0, 0.2),
    ],
    objectives=[
        Objective("typical", Minimize, reference=2.0),
        Objective("worst", Minimize, reference=4.0),
    ],
    start_with=[
        default("adamw", 1e-3, one_minus_beta2=1e-3, weight_decay=1e-2),
        default("nadamw", 1e-3, one_minus_beta2=1e-3, weight_decay=1e-2),
        default("sgd", 1e-1, sgd_weight_decay=1e-4),
        default("lion", 1e-4, one_minus_beta2=1e-2, weight_decay=1e-1),
    ],
)


def print_targets() -> None:
    """Print what the baseline always comes to with two thirds of the steps, and when it does."""
    for each in workloads:
        examples, endless = each.examples(), replace(each, target=-math.inf)
        runs = [time_to_target(endless, examples, BASELINE, seed).metrics for seed in range(7)]
        checks = 2 * each.most_steps // 3 // each.check_every + 1
        target = max(min(run[:checks]) for run in runs)
        steps = [next(at for at, found in enumerate(run) if found <= target) for run in runs]
        middle = statistics.median(steps) * each.check_every
        sys.stdout.write(f"{each.name}: target={target:.4f}, baseline_steps={middle:g}\n")


def print_left_out(url: str) -> None:
    """Print, for each workload, the ratio of the trial that is best on the other workloads."""
    names = [workload.name for workload in workloads]
    with Store(url) as store:
        trials = [trial for trial in store.trials(study.name) if trial.measurements]
    for left_out in names:
        others = [name for name in names if name != left_out]
        chosen = min(
            trials, key=lambda trial: math.prod(trial.measurements[name].mean for name in others)
        )
        found = chosen.measurements[left_out].mean
        best = min(trial.measurements[left_out].mean for trial in trials)
        usual = trials[0].measurements[left_out].mean
        sys.stdout.write(
            f"{left_out}: {found:.2f} by trial {chosen.number}, chosen without it; "
            f"default {usual:.2f}; best of all trials {best:.2f}\n"
        )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["targets"]:
            print_targets()
        case ["leave-one-out", url]:
            print_left_out(url)
        case _:
            sys.exit("say `targets`, or `leave-one-out` and a store such as sqlite:///moopt.db")
