import logging
import math
from dataclasses import replace
from pathlib import Path

import pytest

from moopt.evaluators.workloads import WorkloadsEvaluator, ratio
from moopt.study.evaluation import Context
from moopt.study.parameters import Parameters
from moopt.study.trials import Trial
from moopt.training.time_to_target import Training
from moopt.training.update_rule import UpdateRule
from tests.training.test_time_to_target import HALVING, LINE

NEAR = replace(LINE, name="near", target=0.6, baseline_steps=2)


def rule_of(parameters: Parameters) -> UpdateRule:
    rate = parameters["rate"]
    assert isinstance(rate, float)
    return replace(HALVING, learning_rate=rate)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context("cpu", 0, tmp_path, logging.getLogger("moopt.tests"))


def test_typical_is_the_geometric_mean_and_worst_the_largest_ratio(context: Context) -> None:
    evaluate = WorkloadsEvaluator([LINE, NEAR], rule_of)

    found = evaluate(Trial(0, {"rate": 0.25}), context)

    means = {name: each.mean for name, each in found.items()}
    # two steps of four, and one of two
    assert means == pytest.approx({"line": 0.5, "near": 0.5, "typical": 0.5, "worst": 0.5})
    slower = evaluate(Trial(0, {"rate": 0.1}), context)  # distances 1, 0.8, 0.64, 0.51, 0.41, 0.33
    assert slower["worst"].mean == slower["near"].mean == pytest.approx(3 / 2)
    assert slower["line"].mean == pytest.approx(6 / 4)
    assert slower["typical"].mean == pytest.approx(math.sqrt(3 / 2 * 6 / 4))


def test_a_miss_is_worse_than_any_hit_and_the_worse_the_farther_off() -> None:
    latest = Training(LINE.most_steps, 1.0, 0.0, ())
    nearly, half, nowhere = (Training(None, way, 0.0, ()) for way in (0.99, 0.5, 0.0))

    ratios = [ratio(LINE, run) for run in (latest, nearly, half, nowhere)]

    assert ratios == pytest.approx([2.5, 2.5 * 1.01, 2.5 * 1.5, 5])


def test_standard_errors_come_with_five_seeds(context: Context) -> None:
    few, several = (
        WorkloadsEvaluator([LINE], rule_of, seeds=seeds, held_out_seeds=seeds) for seeds in (4, 5)
    )
    trial = Trial(0, {"rate": 0.25})

    assert few(trial, context)["typical"].sem is None
    assert several(trial, context)["typical"].sem == 0  # the weight starts at zero at every seed
    assert several.held_out(trial, context)["typical"].mean == pytest.approx(0.5)
