import logging
from pathlib import Path

import pytest
import torch
from torch import Tensor

from moopt.errors import EvaluationError
from moopt.evaluators.compress import CompressEvaluator, CompressionTask
from moopt.study.evaluation import Context
from moopt.study.trials import Trial
from moopt.training.compressed_folder import COMPRESSED, load_compressed
from moopt.training.compressed_size import EncoderShape
from moopt.training.compression import Precision
from moopt.training.compression_space import CompressionSpace
from moopt.training.distillation import Distillation, logits_of
from moopt.training.lesson import LessonPlan
from tests.tiny_models import write_base, write_expert, write_table

SPACE = CompressionSpace(
    EncoderShape(words=15, positions=16, hidden=16, layers=4, heads=2, neurons=32, classes=2),
    head_step=1,
    neuron_step=8,
)
SMALL = SPACE.keeping((0, 2), Precision.INT8, heads=1, neurons=16)


@pytest.fixture
def task(tmp_path: Path) -> CompressionTask:
    base = write_base(tmp_path / "base")
    teacher = write_expert(tmp_path / "teacher", base, 1, ("negative", "positive"))
    table = write_table(tmp_path / "films.csv.gz", {"train": 24, "search": 16, "held_out": 16})
    return CompressionTask(
        LessonPlan(teacher, table, max_tokens=10),
        distillation=Distillation(steps=5, learning_rate=1e-3, batch_size=8),
        timed_texts=4,
        repetitions=3,
    )


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context("cpu", 0, tmp_path, logging.getLogger("moopt.tests"))


def test_a_trial_is_measured_on_both_splits(task: CompressionTask, context: Context) -> None:
    evaluate, trial = CompressEvaluator(SPACE, task), Trial(0, SMALL, seed=3)

    for measured in (evaluate(trial, context), evaluate.held_out(trial, context)):
        assert list(measured) == ["accuracy", "latency_ms"]
        assert measured["accuracy"][1] > 0
        assert measured["latency_ms"][0] > 0


def test_equal_seeds_give_equal_models_in_whatever_order(
    task: CompressionTask, context: Context, tmp_path: Path
) -> None:
    one, other = CompressEvaluator(SPACE, task), CompressEvaluator(SPACE, task)
    other(Trial(0, SPACE.keeping((0, 1, 2), Precision.FLOAT32)), context)
    trial = Trial(1, SMALL, seed=3)

    one.export(trial, tmp_path / "one")
    other.export(trial, tmp_path / "other")

    first, second = (tmp_path / name / COMPRESSED for name in ("one", "other"))
    assert first.read_bytes() == second.read_bytes()


def test_the_whole_teacher_is_exported_as_it_is(task: CompressionTask, tmp_path: Path) -> None:
    evaluate = CompressEvaluator(SPACE, task)

    evaluate.export(Trial(0, SPACE.keeping(range(4), Precision.FLOAT32)), tmp_path / "model")

    def logits(folder: Path) -> Tensor:
        return logits_of(load_compressed(folder), task.lesson.texts())

    torch.testing.assert_close(logits(tmp_path / "model"), task.lesson.lesson().logits)


def test_the_lesson_is_asked_once(task: CompressionTask, tmp_path: Path) -> None:
    CompressEvaluator(SPACE, task).prepare()
    (file,) = tmp_path.glob("lesson-*.safetensors")
    made = file.stat().st_mtime_ns

    CompressEvaluator(SPACE, task).prepare()

    assert file.stat().st_mtime_ns == made


def test_a_missing_teacher_is_named(task: CompressionTask, tmp_path: Path) -> None:
    plan = LessonPlan(tmp_path / "nowhere", task.lesson.table, max_tokens=10)
    evaluate = CompressEvaluator(SPACE, CompressionTask(plan, distillation=task.distillation))

    with pytest.raises(EvaluationError, match="nowhere; it is made by"):
        evaluate.prepare()
