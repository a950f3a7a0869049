"""Merge experts as a trial says, then measure the accuracy on every expert's task.

The models are loaded at the first call and kept: a study file makes the evaluator wherever it is
imported, and only workers need the models. A candidate is merged in memory into one encoder, which
all the classifiers share; each keeps the head of its own expert.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from moopt.errors import EvaluationError
from moopt.evaluators.classifiers import SharedEncoder, share_encoder
from moopt.evaluators.merge_sources import open_sources
from moopt.merging.checkpoint import write_weights
from moopt.merging.engine import write_merge
from moopt.merging.live_model import LiveModel
from moopt.merging.mergekit import mergekit_yaml
from moopt.merging.recipe import MergeRecipe
from moopt.study.evaluation import Context, Split
from moopt.study.parameters import Parameters
from moopt.study.trials import Trial


class MergeEvaluator:
    """Measures `<expert>_accuracy` for every expert of a merge by task arithmetic.

    The scaling coefficient of an expert in a layer group is the trial's parameter
    `<expert>_<group>`, for example `spam_lower`.
    """

    def __init__(
        self,
        *,
        base: Path,
        experts: Mapping[str, Path],
        tables: Mapping[str, Path],
        layer_groups: Sequence[str],
        max_tokens: int,
        batch_size: int = 50,
    ) -> None:
        """Remember where everything is; nothing is loaded yet.

        Args:
            base: Model folder of the base, without a head.
            experts: Model folder of each expert, a classifier around the same encoder.
            tables: A table with the columns text, label and split for each expert; the splits
                `search` and `held_out` are measured.
            layer_groups: Names of the layer groups, lowest layers first.
            max_tokens: Longer texts are cut; as in fine-tuning.
            batch_size: Texts that are classified at once.

        Raises:
            EvaluationError: Experts and tables have other names, or two coefficients share one.
        """
        if set(experts) != set(tables):
            raise EvaluationError(
                f"every expert needs a table: experts {sorted(experts)}, tables {sorted(tables)}"
            )
        self._base = base
        self._experts = dict(experts)
        self._tables = dict(tables)
        self._groups = tuple(layer_groups)
        self._max_tokens = max_tokens
        self._batch_size = batch_size
        self._loaded: dict[str, tuple[SharedEncoder, LiveModel]] = {}
        if len(set(self.parameters)) < len(self.parameters):
            raise EvaluationError(
                f"two coefficients share a name: {self.parameters}; rename an expert or a group"
            )

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters that a study must have."""
        return tuple(f"{expert}_{group}" for expert in self._experts for group in self._groups)

    def __call__(self, trial: Trial, context: Context) -> dict[str, tuple[float, float]]:
        """Return each task's accuracy and its standard error on the search split."""
        return self._measure(trial, context, Split.SEARCH)

    def held_out(self, trial: Trial, context: Context) -> dict[str, tuple[float, float]]:
        """Return each task's accuracy and its standard error on the held-out split."""
        return self._measure(trial, context, Split.HELD_OUT)

    def recipe(self, parameters: Parameters) -> MergeRecipe:
        """Return the merge that a trial's parameters stand for.

        Raises:
            EvaluationError: A coefficient is missing or is not a number.
        """
        return MergeRecipe(
            base=str(self._base),
            experts={name: str(folder) for name, folder in self._experts.items()},
            method="task_arithmetic",
            layer_groups=self._groups,
            coefficients={
                expert: {
                    group: _coefficient(parameters, f"{expert}_{group}") for group in self._groups
                }
                for expert in self._experts
            },
        )

    def export(self, trial: Trial, directory: Path) -> None:
        """Write the merged model, the heads and the recipe to a folder.

        The folder is a Hugging Face model folder. Beside the model stand `recipe.json`,
        `mergekit.yml` and `heads/<expert>.safetensors` with the names of the classes as metadata.
        """
        recipe = self.recipe(trial.parameters)
        sources = open_sources(self._base, self._experts)
        write_merge(recipe, directory)
        (directory / "recipe.json").write_text(recipe.to_json() + "\n", encoding="utf-8")
        (directory / "mergekit.yml").write_text(
            mergekit_yaml(recipe, sources.names), encoding="utf-8"
        )
        (directory / "heads").mkdir(exist_ok=True)
        for name, expert in sources.experts.items():
            config = json.loads((self._experts[name] / "config.json").read_text(encoding="utf-8"))
            classes = [config["id2label"][key] for key in sorted(config["id2label"], key=int)]
            write_weights(
                directory / "heads" / f"{name}.safetensors",
                {part: expert.checkpoint.tensors[part] for part in expert.head},
                expert.checkpoint.load,
                notes={"classes": json.dumps(classes), "max_tokens": str(self._max_tokens)},
            )

    def _measure(
        self, trial: Trial, context: Context, split: Split
    ) -> dict[str, tuple[float, float]]:
        shared, live = self._models(context)
        live.apply(self.recipe(trial.parameters))
        return {f"{name}_accuracy": shared.accuracy(name, split.value) for name in self._experts}

    def _models(self, context: Context) -> tuple[SharedEncoder, LiveModel]:
        if context.device not in self._loaded:
            context.logger.info("loading the base model and %d experts", len(self._experts))
            sources = open_sources(self._base, self._experts)
            shared = share_encoder(
                self._base,
                self._experts,
                self._tables,
                max_tokens=self._max_tokens,
                batch_size=self._batch_size,
                device=context.device,
            )
            live = LiveModel(shared.encoder, sources, self._groups)
            self._loaded = {context.device: (shared, live)}  # one device at a time
        return self._loaded[context.device]


def _coefficient(parameters: Parameters, name: str) -> float:
    value = parameters.get(name)
    if not isinstance(value, int | float):
        raise EvaluationError(
            f"the merge needs a number as parameter {name!r}, got {value!r}; "
            f"the trial has {', '.join(parameters)}"
        )
    return float(value)
