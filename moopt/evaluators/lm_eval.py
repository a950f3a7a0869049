"""Tasks of lm-eval (the Language Model Evaluation Harness), on a model that is in memory.

Tasks, the model's adapter and the documents are loaded once; `evaluate` is called for each
candidate, not `simple_evaluate`, which asks pip and git about the machine at every call.

Needs the extra: `pip install 'moopt[lm-eval]'`.
"""

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from moopt.errors import EvaluationError, MissingDependencyError
from moopt.merging.sources import Sources
from moopt.study.evaluation import Split
from moopt.training.transformers_models import load_language_model, load_tokenizer, move, quiet

try:
    from lm_eval.evaluator import evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager
except ModuleNotFoundError as error:
    raise MissingDependencyError(
        f"tasks of lm-eval need the package {error.name}, which is not installed; "
        "pip install 'moopt[lm-eval]'"
    ) from error

SHARES = {Split.SEARCH.value: (0.0, 0.5), Split.HELD_OUT.value: (0.5, 1.0)}
"""Which documents each split has, in a random order: searched and reported are never the same."""


BOOTSTRAPS = 100
"""Draws for the standard errors of metrics that have no formula. lm-eval takes them of all metrics
of a task, asked for or not."""


@dataclass(frozen=True, slots=True)
class LmEvalTasks:
    """Measures `<task>_<metric>` for tasks of lm-eval, of a merge of language models."""

    metrics: Mapping[str, str]
    """The metric of each task, such as `{"arc_easy": "acc_norm"}`: one with a standard error."""

    _: KW_ONLY
    include: Path | None = None
    """Folder with tasks of one's own as YAML. None: those of lm-eval alone."""

    documents: int | None = None
    """Most documents of a task that are measured in a split. None: half of them in each."""

    batch_size: int = 16
    """Requests that are answered at once."""

    def load(self, base: Path, experts: Mapping[str, Path], device: str) -> "LmEvalMeasures":
        """Load the base and the tasks; the experts are language models like it."""
        del experts
        model = load_language_model(base)
        move(model, device)
        return live_tasks(model, load_tokenizer(base), self)

    def write_extras(self, sources: Sources, directory: Path) -> None:
        """Write nothing: a language model is whole."""


@dataclass(frozen=True, slots=True)
class LmEvalMeasures:
    """Tasks that are loaded, and the model that answers them: change its weights as you like."""

    model: PreTrainedModel
    adapter: HFLM
    """How lm-eval talks to the model."""

    loaded: Any
    """Tasks as lm-eval holds them."""

    asked: LmEvalTasks

    def measure(self, split: str) -> dict[str, tuple[float, float]]:
        """Return every metric and its standard error on the documents of a split.

        Raises:
            EvaluationError: lm-eval gives no such metric, or no standard error of it.
        """
        places = {task: self._places(task, split) for task in self.asked.metrics}
        results = evaluate(self.adapter, self.loaded, samples=places, bootstrap_iters=BOOTSTRAPS)
        if results is None:
            raise EvaluationError("lm-eval gave no results; it does so on all ranks but the first")
        return {
            f"{task}_{metric}": _measurement(results["results"][task], task, metric, len(chosen))
            for (task, metric), chosen in zip(
                self.asked.metrics.items(), places.values(), strict=True
            )
        }

    def _places(self, task: str, split: str) -> list[int]:
        count = len(list(self.loaded["tasks"][task].eval_docs))
        low, high = (round(share * count) for share in SHARES[split])
        order = np.random.default_rng(0).permutation(count)[low:high]
        return sorted(order[: self.asked.documents].tolist())


def live_tasks(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, asked: LmEvalTasks
) -> LmEvalMeasures:
    """Load tasks for a model that is in memory, such as one that was just trained.

    Raises:
        EvaluationError: There is no such task.
    """
    manager = _manager(asked)
    unknown = sorted(set(asked.metrics) - set(manager.all_subtasks))
    if unknown:
        raise EvaluationError(
            f"lm-eval has no tasks {unknown}; `lm-eval ls tasks` lists its own, and include= names "
            "a folder with yours"
        )
    with quiet():
        adapter = HFLM(
            pretrained=model,
            tokenizer=tokenizer,
            batch_size=asked.batch_size,
            device=str(model.device),
        )
    return LmEvalMeasures(model, adapter, manager.load(list(asked.metrics)), asked)


def _manager(asked: LmEvalTasks) -> TaskManager:
    """Return what finds the tasks; the thousands of lm-eval are looked through only if needed."""
    if asked.include is None:
        return TaskManager()
    own = TaskManager(include_path=str(asked.include), include_defaults=False)
    if set(asked.metrics) <= set(own.all_subtasks):
        return own
    return TaskManager(include_path=str(asked.include))


def _measurement(
    found: Mapping[str, object], task: str, metric: str, count: int
) -> tuple[float, float]:
    """Return a metric and its standard error, which is not 0 where all answers were alike."""
    # names are `<metric>,<filter>`, of which the first filter is meant
    named = [name for name in found if name.partition(",")[0] == metric]
    value = found[named[0]] if named else None
    error = found.get(named[0].replace(metric, f"{metric}_stderr", 1)) if named else None
    if not isinstance(value, float) or not isinstance(error, float):
        metrics = sorted({n.partition(",")[0] for n, v in found.items() if isinstance(v, float)})
        raise EvaluationError(
            f"lm-eval gives no {metric!r} with a standard error for the task {task!r}; choose from "
            f"{[each for each in metrics if not each.endswith('_stderr')]}"
        )
    likely = (count * value + 2) / (count + 4)
    least = math.sqrt(likely * (1 - likely) / count) if value in (0.0, 1.0) else 0.0
    return value, max(error, least)
