"""Fine-tune a model as a trial says, then measure it.

A trial goes on where an earlier one of the same parameters stopped, or where it was itself when its
worker was lost: what it measures is the same as if it had run in one go.
"""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from safetensors.torch import save_file
from torch import nn
from transformers import PreTrainedModel

from moopt.errors import EvaluationError
from moopt.evaluators.trained_model import METRICS, Metric, TrainedModel
from moopt.evaluators.training_material import TRAIN, Base, Data, TrainingMaterial
from moopt.evaluators.trial_training import training_of
from moopt.study.evaluation import Context, Split
from moopt.study.trials import Trial
from moopt.training.adapters import merge_adapters
from moopt.training.batches import Batch
from moopt.training.configuration import TrainingConfig
from moopt.training.fine_tuning import fine_tuning_run
from moopt.training.pooled_classifier import PooledClassifier
from moopt.training.training_run import TrainingRun
from moopt.training.transformers_models import move, quiet

CHECKPOINT_SECONDS = 60.0
"""How much training the loss of a worker can cost, at most, beside one epoch."""

Measured = dict[str, tuple[float, float]]


class FineTune:
    """Trains a model with each trial's parameters and measures it.

    Models and data are read at the first call and kept: a study file makes the evaluator wherever
    it is imported, and only workers need them.
    """

    def __init__(
        self,
        base: Base,
        data: Data,
        config: TrainingConfig,
        metrics: Sequence[str] | Mapping[str, Metric],
        *,
        language: bool = False,
        pooled: bool = False,
        mapping: Mapping[str, str | None] | None = None,
        unit: str = "epochs",
        report_every: float = 1,
        train_texts: int | None = None,
        search_texts: int | None = None,
        latency_texts: int = 1,
    ) -> None:
        """Remember what to train and what to measure; nothing is loaded yet.

        Args:
            base: A Hugging Face model folder, where a package carries one, or what makes a model of
                your own with the outputs of transformers' models.
            data: A table with the columns text, label and split, or what returns the texts of a
                split: `train`, `search` or `held_out`. Those of a model of your own are tokenised.
            config: What the parameters do not say. Its length is that of the whole training.
            metrics: Names of `moopt.evaluators.trained_model.METRICS`, or functions by the name of
                what they measure.
            language: A causal language model learns the texts. Else a classifier, their labels.
            pooled: The head looks at the mean over tokens, as encoders of sentences are made for.
            mapping: Setting of each parameter that has another name; None for one that is not for
                training.
            unit: What the study's fidelity counts, `epochs` or `steps`.
            report_every: So many units lie between two partial results. 0: there are none.
            train_texts: How many texts are trained on, the first ones. None: all.
            search_texts: How many texts the search measures on, the first ones. None: all.
            latency_texts: How many texts `latency_ms` is for, at once.

        Raises:
            EvaluationError: There is no such metric or unit, or the length is in another unit.
        """
        length = "epochs" if config.steps is None else "steps"
        if unit != length:
            raise EvaluationError(
                f"the unit of the fidelity needs to be that of the config's length, {length!r}, "
                f"got {unit!r}"
            )
        self._material = TrainingMaterial(
            base,
            data,
            language=language,
            pooled=pooled,
            train_texts=train_texts,
            search_texts=search_texts,
        )
        self._config = config
        self._metrics = metrics if isinstance(metrics, Mapping) else _by_name(metrics)
        self._mapping = mapping or {}
        self._unit = unit
        self._report_every = report_every
        self._latency_texts = latency_texts

    def __call__(self, trial: Trial, context: Context) -> Measured:
        """Train to the trial's fidelity, or the whole length, and measure on the search split.

        Raises:
            EvaluationError: A parameter is no setting, or the fidelity is beyond the whole length.
            TrainingError: Model or data cannot be had, or the training diverges.
        """
        trained, run_name = self._begun(trial, context)
        last = self._target(trial)
        saved = time.monotonic()
        for point in self._reports(trial):
            step = self._step(trained.run, point)
            if step <= trained.run.done:
                continue
            trained.run.train_to(step)
            measured = self._measured(trained, Split.SEARCH)
            context.report(point, measured)
            stop = context.should_stop()
            if stop or time.monotonic() - saved > CHECKPOINT_SECONDS:
                trained.run.save(context.directory, run_name)
                saved = time.monotonic()
            if stop:
                return measured
        self._finish(trained, last, context, run_name)
        return self._measured(trained, Split.SEARCH)

    def held_out(self, trial: Trial, context: Context) -> Measured:
        """Return every measurement on the held-out split; trains again only what was lost."""
        trained, run_name = self._begun(trial, context)
        self._finish(trained, self._target(trial), context, run_name)
        return self._measured(trained, Split.HELD_OUT)

    def export(self, trial: Trial, directory: Path, folder: Path | None = None) -> None:
        """Write the trained model as a Hugging Face model folder, with its `training.json`.

        Adapters are added to the weights that they sit on. What training needs takes place on the
        CPU.

        Args:
            trial: What to write.
            directory: Where to write it.
            folder: The trial's, with its checkpoint. None: the model is trained again.
        """
        trained = self._start(trial, "cpu")
        run, target = trained.run, self._step(trained.run, self._target(trial))
        if folder is not None:
            run.resume(
                folder, self._material.identity(trained.train, trained.run.config), at_most=target
            )
        run.train_to(target)
        merge_adapters(run.model)
        move(run.model, "cpu")
        write_model(run.model, directory)
        with quiet():
            self._material.tokenizer.save_pretrained(directory)
        settings = {"config": run.config.to_dict(), "steps": run.done, "task": trained.task.name}
        text = json.dumps(settings, indent=2)
        (directory / "training.json").write_text(text + "\n", encoding="utf-8")

    def _begun(self, trial: Trial, context: Context) -> tuple[TrainedModel, str]:
        """Return the trial's run, as far as it has come, and its name."""
        trained = self._start(trial, context.device)
        run, run_name = trained.run, self._material.identity(trained.train, trained.run.config)
        target = self._step(run, self._target(trial))
        for folder in (context.directory, context.continues):
            if folder is not None and run.resume(folder, run_name, at_most=target):
                context.logger.info("going on after step %d of %s", run.done, folder)
                break
        return trained, run_name

    def _start(self, trial: Trial, device: str) -> TrainedModel:
        config = training_of(trial.parameters, self._config, self._mapping, trial.seed)
        material = self._material
        task, train = material.task, material.tokens(TRAIN, config.max_tokens)
        return TrainedModel(
            fine_tuning_run(material.base, task, train, config, device=device),
            task,
            train,
            texts_of=lambda split: material.tokens(split, config.max_tokens),
            device=device,
            latency_texts=self._latency_texts,
        )

    def _finish(
        self, trained: TrainedModel, target: float, context: Context, run_name: str
    ) -> None:
        run, saved = trained.run, time.monotonic()
        last = min(self._step(run, target), run.total)
        while run.done < last:
            run.train_to(min(last, run.done + run.steps_per_epoch))
            if run.done < last and time.monotonic() - saved > CHECKPOINT_SECONDS:
                run.save(context.directory, run_name)
                saved = time.monotonic()
        run.save(context.directory, run_name)

    def _measured(self, trained: TrainedModel, split: Split) -> Measured:
        return {name: metric(trained, split.value) for name, metric in self._metrics.items()}

    def _whole(self, trial: Trial) -> float:
        config = training_of(trial.parameters, self._config, self._mapping, trial.seed)
        if (config.steps is None) != (self._unit == "epochs"):
            raise EvaluationError(
                "a parameter 'steps' needs a config with steps and unit='steps'; or search over "
                "'epochs'"
            )
        return float(config.epochs if config.steps is None else config.steps)

    def _target(self, trial: Trial) -> float:
        """Return the fidelity to train to."""
        whole = self._whole(trial)
        if trial.fidelity is None:
            return whole
        if trial.fidelity > whole:
            raise EvaluationError(
                f"trial {trial.number} asks for {trial.fidelity:g} {self._unit}, the whole length "
                f"of the training is {whole:g}; make it the `high` of the study's fidelity"
            )
        return trial.fidelity

    def _reports(self, trial: Trial) -> list[float]:
        """Return the fidelities at which partial results are due, below the trial's own."""
        if trial.fidelity is None or self._report_every <= 0:
            return []
        count = int(-(-trial.fidelity // self._report_every)) - 1
        return [self._report_every * (index + 1) for index in range(count)]

    def _step(self, run: TrainingRun[Batch], point: float) -> int:
        return round(point * (run.steps_per_epoch if self._unit == "epochs" else 1))


def write_model(model: nn.Module, directory: Path) -> None:
    """Write a model to an existing folder that `AutoModel` loads.

    The head of a classifier on the mean over tokens is `head.safetensors`, beside its encoder.

    Raises:
        EvaluationError: It is a model of one's own.
    """
    match model:
        case PreTrainedModel():
            inside = model
        case PooledClassifier():
            inside = model.encoder
            save_file(model.classifier.state_dict(), directory / "head.safetensors")
        case _:
            raise EvaluationError(
                f"a model of one's own ({type(model).__name__}) has no folder format; write an "
                "`export` of your own"
            )
    with quiet():
        inside.save_pretrained(directory)


def _by_name(names: Sequence[str]) -> dict[str, Metric]:
    unknown = sorted(set(names) - set(METRICS))
    if unknown:
        raise EvaluationError(
            f"there are no metrics {unknown}, only {', '.join(METRICS)}; give others as functions "
            "by name"
        )
    return {name: METRICS[name] for name in names}
