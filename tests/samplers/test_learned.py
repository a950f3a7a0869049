"""Proposals by a small network that was taught on random functions."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from moopt.acquisition.learned import LearnedAcquisition
from moopt.encoding.training_data import TrainingData
from moopt.errors import SurrogateError
from moopt.optimizer import Optimizer
from moopt.protocols import Sampler
from moopt.samplers.budgets import told_the_budget
from moopt.samplers.learned import LearnedSampler
from moopt.samplers.registry import sampler_named
from moopt.study.objectives import Maximize, Objective
from moopt.study.parameters import Continuous, Integer, Parameters
from moopt.study.study import Study
from moopt.study.trials import Measurement, Trial, TrialState

STUDY = Study(
    "hill",
    parameters=[Continuous(name, 0.0, 1.0) for name in ("x", "y")],
    objectives=[Objective("height", Maximize, reference=-2.0)],
)
GRID = replace(STUDY, parameters=[Integer("x", 0, 3), Integer("y", 0, 3)])


class Attention(torch.nn.Module):
    """Predicts an outcome by attention to what was measured, and adds room to the nearest."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.embed = torch.nn.Linear(2, 16, dtype=torch.float64)
        self.sharpness = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))

    def predict(self, known: Tensor, values: Tensor, asked: Tensor) -> Tensor:
        distances = torch.cdist(self.embed(asked), self.embed(known))
        shares = torch.softmax(-self.sharpness.exp() * distances, dim=-1)
        predicted: Tensor = (shares @ values[..., None])[..., 0]
        return predicted

    def forward(
        self, history: TrainingData, candidates: Tensor, *, step: int, budget: float | None
    ) -> Tensor:
        known = torch.cat([history.points, history.pending])
        if not len(history.points):
            return -torch.cdist(candidates, candidates).mean(dim=1)
        values = history.outcomes[:, 0]
        spread = values.std(correction=0) + 1e-9
        predicted = self.predict(history.points, (values - values.mean()) / spread, candidates)
        left = 0.5 if budget is None else max(0.0, 1.0 - step / budget)
        return predicted + 4.0 * left * torch.cdist(candidates, known).min(dim=1).values


def random_functions(count: int, points: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    frequencies = 4.0 * torch.randn(count, 1, 2, generator=generator, dtype=torch.float64)
    phases = 6.28 * torch.rand(count, 1, generator=generator, dtype=torch.float64)
    return ((points * frequencies).sum(dim=-1) + phases).cos()


@pytest.fixture(scope="module")
def taught() -> Attention:
    """A network after two hundred steps; its error on functions that it has not seen."""
    network = Attention()
    points = torch.rand(64, 24, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    values = random_functions(64, points)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        predicted = network.predict(points[:48, :16], values[:48, :16], points[:48, 16:])
        (predicted - values[:48, 16:]).square().mean().backward()
        optimizer.step()
    return network


def height(point: Parameters) -> float:
    return -math.hypot(point["x"] - 0.3, point["y"] - 0.8)


def best_of(sampler: str | Sampler, seed: int) -> float:
    optimizer = Optimizer(STUDY, sampler, seed)
    for _ in range(20):
        (trial,) = optimizer.ask()
        optimizer.tell(trial.number, {"height": height(trial.parameters)})
    return max(each.measurements["height"].mean for each in optimizer.trials)


def test_a_module_is_a_learned_acquisition(taught: Attention) -> None:
    assert isinstance(taught, LearnedAcquisition)


def test_teaching_has_made_the_network_predict_functions_that_it_has_not_seen(
    taught: Attention,
) -> None:
    points = torch.rand(64, 24, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    values = random_functions(64, points)[48:]
    known, asked = points[48:, :16], points[48:, 16:]

    with torch.no_grad():
        errors = [
            float((network.predict(known, values[:, :16], asked) - values[:, 16:]).square().mean())
            for network in (taught, Attention())
        ]

    assert errors[0] < 0.5 * errors[1]


def test_a_search_with_it_finds_a_hill_that_a_random_one_does_not(taught: Attention) -> None:
    sampler = LearnedSampler(taught, initial_trials=4, pool=64, budget=20)

    found = [best_of(sampler, seed) for seed in range(2)]
    by_chance = [best_of("random", seed) for seed in range(2)]

    assert sum(found) > sum(by_chance)
    assert min(found) > -0.1


def done(number: int, parameters: Parameters) -> Trial:
    measured = {"height": Measurement(float(number))}
    return Trial(number, parameters, state=TrialState.COMPLETED, measurements=measured)


class Recorder:
    """Prefers the first candidate, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, int, float | None]] = []

    def __call__(
        self, history: TrainingData, candidates: Tensor, *, step: int, budget: float | None
    ) -> Tensor:
        self.asked.append((len(history.points), len(history.pending), step, budget))
        return -torch.arange(len(candidates), dtype=torch.float64)


def test_it_is_told_step_budget_and_what_is_pending() -> None:
    recorder = Recorder()
    sampler = told_the_budget(LearnedSampler(recorder), 12.0)
    trials = [done(0, {"x": 0, "y": 0}), Trial(1, {"x": 3, "y": 3}, state=TrialState.RUNNING)]

    candidates = sampler.propose(GRID, trials, 3, seed=0)

    assert recorder.asked == [(1, 1, 3, 12.0), (1, 2, 4, 12.0), (1, 3, 5, 12.0)]
    assert [each.parameters for each in candidates] == [{"x": 0, "y": y} for y in (1, 2, 3)]
    assert candidates[0].notes == {"acquisition": "Recorder"}
    assert LearnedSampler(recorder, budget=5.0).within(12.0).budget == 5.0


def test_an_initial_design_can_come_first() -> None:
    recorder = Recorder()

    candidates = LearnedSampler(recorder, initial_trials=2).propose(STUDY, [], 1, seed=3)

    assert recorder.asked == []
    assert candidates == sampler_named("sobol").propose(STUDY, [], 1, seed=3)


@pytest.mark.parametrize(
    ("scores", "part"),
    [
        (torch.zeros(3, 1), r"tensor of shape \(16,\), a score for each .*, and returned \(3, 1\)"),
        ([0.0], "and returned list"),
        (torch.full((16,), torch.nan), "not finite, from 0 measured trials; mind outcomes"),
    ],
)
def test_scores_that_are_none_are_refused(scores: object, part: str) -> None:
    made: Callable[..., LearnedSampler] = LearnedSampler

    with pytest.raises(SurrogateError, match=part):
        made(lambda *_, **__: scores).propose(GRID, [], 1, seed=0)
