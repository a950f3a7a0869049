import pytest
import torch

from moopt.benchmarks.batches import batch_run
from moopt.benchmarks.problems import problem_named
from moopt.encoding.space import SpaceEncoding


def test_the_initial_design_is_no_batch_of_the_sampler() -> None:
    problem = problem_named("branin_currin")

    run = batch_run(problem, "bayesian", 0, trials=16, size=8)

    chosen = SpaceEncoding.of(problem.study).encode_all(run.points[8:])
    assert run.spread == pytest.approx(float(torch.pdist(chosen).mean()))
