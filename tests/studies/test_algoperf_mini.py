import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from moopt import Candidate, Measurement, Store
from moopt.evaluators.workloads import WorkloadsEvaluator
from moopt.study.evaluation import Context
from moopt.study.loading import load_study_file
from moopt.study.trials import Trial
from moopt.training.time_to_target import Workload, time_to_target
from studies import algoperf_mini

ROOT = Path(__file__).parents[2]
CONTEXT = Context("cpu", 0, ROOT, logging.getLogger("moopt.tests"))


def test_every_known_point_is_a_configuration_of_its_optimizer() -> None:
    study = load_study_file(ROOT / "studies" / "algoperf_mini.py").study

    rules = [algoperf_mini.rule_of(point) for point in study.start_with]

    assert [rule.method.value for rule in rules] == ["adamw", "nadamw", "sgd", "lion"]
    assert [rule.learning_rate for rule in rules] == [1e-3, 1e-3, 1e-1, 1e-4]
    assert [rule.beta2 for rule in rules[:2]] == pytest.approx([0.999, 0.999])


@pytest.mark.parametrize("workload", algoperf_mini.workloads, ids=lambda each: each.name)
def test_a_workload_gets_better_in_a_few_steps(workload: Workload) -> None:
    torch.set_num_threads(1)
    short = replace(workload, baseline_steps=10, most_steps=20)

    run = time_to_target(short, workload.examples(), algoperf_mini.BASELINE, 0)

    assert run.metrics[-1] < run.metrics[0]
    assert run.progress > 0


def test_the_letters_to_guess_are_the_next_ones() -> None:
    examples = algoperf_mini.reviews()

    assert bool((examples.inputs[:, 1:] == examples.targets[:, :-1]).all())


@pytest.mark.slow
def test_the_baseline_reaches_every_target() -> None:
    torch.set_num_threads(1)
    evaluate = WorkloadsEvaluator(
        algoperf_mini.workloads, lambda _parameters: algoperf_mini.BASELINE
    )

    found = evaluate(Trial(0, {}, seed=1), CONTEXT)

    most = {each.name: each.most_steps / each.baseline_steps for each in algoperf_mini.workloads}
    assert [name for name, limit in most.items() if found[name].mean > limit] == []


def test_leaving_one_out_names_the_trial_that_is_best_on_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path / 'moopt.db'}"
    names = [workload.name for workload in algoperf_mini.workloads]
    study = algoperf_mini.study
    with Store(url) as store:
        store.register(study)
        for ratios in ([1.0, 1.0, 1.0, 1.0], [3.0, 0.5, 0.5, 0.5], [0.6, 0.6, 0.6, 2.0]):
            trial = store.add(study.name, Candidate(study.start_with[0]), 0)
            store.start(study.name, trial.number, driver="tests")
            measured = dict(zip(names, map(Measurement, ratios), strict=True))
            summary = {"typical": Measurement(1.0), "worst": Measurement(1.0)}
            store.complete(study.name, trial.number, measured | summary)

    algoperf_mini.print_left_out(url)

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith(
        "3.00 by trial 1, chosen without it; default 1.00; best of all trials 0.60"
    )
    assert lines[3].endswith(
        "2.00 by trial 2, chosen without it; default 1.00; best of all trials 0.50"
    )
