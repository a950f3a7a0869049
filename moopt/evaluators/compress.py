"""Compress a classifier as a trial says, teach it again, then measure it.

Teacher, texts and lesson are loaded at the first call and kept. Export makes the trial's model once
more from the trial's seed, so that nothing has to be kept of the trials.
"""

from dataclasses import KW_ONLY, dataclass
from functools import partial
from pathlib import Path

import torch
from transformers import PreTrainedModel

from moopt.errors import EvaluationError
from moopt.evaluators.metrics.accuracy import accuracy
from moopt.evaluators.metrics.latency import latency_seconds, median
from moopt.evaluators.metrics.timing import run_seconds, steady_clock
from moopt.study.evaluation import Context, Split
from moopt.study.parameters import Parameters
from moopt.study.trials import Trial
from moopt.training.batches import Batch, TokenizedTexts, batches_by_length, tokenized
from moopt.training.compressed_folder import write_compressed
from moopt.training.compression import cut, quantize
from moopt.training.compression_space import CompressionSpace
from moopt.training.distillation import Distillation, distil
from moopt.training.labelled_texts import read_split
from moopt.training.lesson import Lesson, LessonPlan
from moopt.training.text_tasks import text_logits
from moopt.training.transformers_models import class_names, load_classifier, load_tokenizer, move

TEXTS_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class CompressionTask:
    """What is compressed, and how a cut classifier is taught and timed."""

    lesson: LessonPlan
    """The teacher, which is also what is cut, and its texts."""

    _: KW_ONLY
    distillation: Distillation
    timed_texts: int = 8
    """Latency is that of so many of the longest texts at once."""

    repetitions: int = 30
    """How often they are timed."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    teacher: PreTrainedModel
    texts: TokenizedTexts
    lesson: Lesson


class CompressEvaluator:
    """Measures `accuracy` and `latency_ms` of the compressed classifiers of a space."""

    def __init__(self, space: CompressionSpace, task: CompressionTask) -> None:
        """Remember what to compress; nothing is loaded yet."""
        self._space = space
        self._task = task
        self._loaded: dict[str, _Loaded] = {}
        self._batches: dict[Split, list[Batch]] = {}

    def __call__(self, trial: Trial, context: Context) -> dict[str, tuple[float, float]]:
        """Return accuracy on the search split and latency, each with its standard error."""
        return self._measured(trial, context, Split.SEARCH)

    def held_out(self, trial: Trial, context: Context) -> dict[str, tuple[float, float]]:
        """Return accuracy on the held-out split and latency, each with its standard error."""
        return self._measured(trial, context, Split.HELD_OUT)

    def prepare(self) -> None:
        """Ask the teacher what workers will want to know, unless it was asked before."""
        self._ready("cpu")

    def export(self, trial: Trial, directory: Path) -> None:
        """Write the compressed classifier, as it was measured and as transformers loads it."""
        loaded = self._ready("cpu")
        plan = self._space.plan(trial.parameters)
        model = self._compressed(loaded, trial.parameters, trial.seed, "cpu")
        tokenizer = load_tokenizer(self._task.lesson.teacher)
        write_compressed(directory, model, tokenizer, plan, loaded.lesson.importance)

    def speed_up(self, trial: Trial, *, device: str = "cpu") -> tuple[float, float]:
        """Return how many times quicker than the teacher a trial's model is, and a standard error.

        Both are timed in turns, so that what else the machine does slows both down: latencies that
        were measured at different times do not compare as well.
        """
        loaded = self._ready(device)
        model = self._compressed(loaded, trial.parameters, trial.seed, device)
        timed = _first(self._split(Split.SEARCH, loaded, device)[-1], self._task.timed_texts)
        ratios = []
        with torch.inference_mode():
            for _ in range(self._task.repetitions):
                one, other = (
                    run_seconds(
                        partial(text_logits, each, timed),
                        device,
                        warm_up=1,
                        repetitions=2,
                        clock=steady_clock(device),
                    )
                    for each in (loaded.teacher, model)
                )
                ratios.append(one.min() / other.min())
        return median(torch.stack(ratios))

    def _measured(
        self, trial: Trial, context: Context, split: Split
    ) -> dict[str, tuple[float, float]]:
        loaded = self._ready(context.device)
        model = self._compressed(loaded, trial.parameters, trial.seed, context.device)
        batches = self._split(split, loaded, context.device)
        with torch.inference_mode():
            predicted = torch.cat([text_logits(model, batch).argmax(dim=1) for batch in batches])
            timed = _first(batches[-1], self._task.timed_texts)
            seconds, error = latency_seconds(
                lambda: text_logits(model, timed),
                device=context.device,
                repetitions=self._task.repetitions,
            )
        return {
            "accuracy": accuracy(predicted, torch.cat([batch.labels for batch in batches])),
            "latency_ms": (1000 * seconds, 1000 * error),
        }

    def _compressed(
        self, loaded: _Loaded, parameters: Parameters, seed: int, device: str
    ) -> PreTrainedModel:
        plan = self._space.plan(parameters)
        student = cut(loaded.teacher, plan, loaded.lesson.importance)
        if _size(student) < _size(loaded.teacher):  # what is whole has nothing to learn
            distil(
                student,
                loaded.texts,
                loaded.lesson.logits,
                self._task.distillation,
                seed=seed,
                device=device,
            )
        quantize(student, plan)
        return student

    def _ready(self, device: str) -> _Loaded:
        if device not in self._loaded:
            plan = self._task.lesson
            if not plan.teacher.is_dir():
                raise EvaluationError(
                    f"there is no teacher in {plan.teacher}; it is made by the `prepare` of the "
                    "study, which `moopt run` calls before the first trial"
                )
            teacher = load_classifier(plan.teacher)
            move(teacher, device)
            # one device at a time
            self._loaded = {device: _Loaded(teacher, plan.texts(), plan.lesson(device))}
            self._batches = {}
        return self._loaded[device]

    def _split(self, split: Split, loaded: _Loaded, device: str) -> list[Batch]:
        if split not in self._batches:
            plan = self._task.lesson
            texts = tokenized(
                read_split(plan.table, split.value),
                class_names(loaded.teacher),
                load_tokenizer(plan.teacher),
                plan.max_tokens,
            )
            self._batches[split] = [
                batch.to(device) for batch in batches_by_length(texts, TEXTS_AT_ONCE)
            ]
        return self._batches[split]


def _first(batch: Batch, count: int) -> Batch:
    return Batch(batch.input_ids[:count], batch.attention_mask[:count], batch.labels[:count])


def _size(model: PreTrainedModel) -> int:
    return sum(each.numel() for each in model.parameters())
