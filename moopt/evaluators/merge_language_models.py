"""Merge language models as a trial says, then measure every domain and the cost of an answer.

As with classifiers, the models are loaded at the first call and kept, and a candidate is merged in
memory. A language model has no head of its own, so the merge is the whole model.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from moopt.evaluators.language_models import LanguageModelMeasures
from moopt.evaluators.merge import MergeEvaluator
from moopt.evaluators.merge_sources import open_sources
from moopt.merging.engine import write_merge
from moopt.merging.live_model import LiveModel
from moopt.merging.mergekit import mergekit_yaml
from moopt.merging.recipe import MergeRecipe
from moopt.study.evaluation import Context, Split
from moopt.study.parameters import Parameters
from moopt.study.trials import Trial
from moopt.training.transformers_models import load_language_model, load_tokenizer, move


class LanguageMergeEvaluator:
    """Measures `<domain>_loss` for every domain and `generated_tokens` of a merge.

    The scaling coefficient of an expert in a layer group is the trial's parameter
    `<expert>_<group>`, for example `mail_lower`.
    """

    def __init__(
        self,
        *,
        base: Path,
        experts: Mapping[str, Path],
        tables: Mapping[str, Path],
        layer_groups: Sequence[str],
        max_tokens: int,
        texts: int,
        prompts: Mapping[str, Sequence[str]],
        longest_answer: int,
        batch_size: int = 16,
    ) -> None:
        """Remember where everything is; nothing is loaded yet.

        Args:
            base: Model folder of the base, a causal language model with a chat template.
            experts: Model folder of each expert, tuned from the base on one domain.
            tables: A table with the columns text, label and split for each expert; texts of the
                splits `search` and `held_out` are measured.
            layer_groups: Names of the layer groups, lowest layers first.
            max_tokens: Longer texts are cut; as in tuning.
            texts: How many texts of each domain are measured.
            prompts: What a user says, in the splits `search` and `held_out`.
            longest_answer: Tokens after which an answer is cut.
            batch_size: Texts that are measured at once.

        Raises:
            EvaluationError: Experts and tables have other names, or two coefficients share one.
        """
        self._merges = MergeEvaluator(
            base=base,
            experts=experts,
            tables=tables,
            layer_groups=layer_groups,
            max_tokens=max_tokens,
        )
        self._base = base
        self._experts = dict(experts)
        self._tables = dict(tables)
        self._groups = tuple(layer_groups)
        self._max_tokens = max_tokens
        self._texts = texts
        self._prompts = dict(prompts)
        self._longest_answer = longest_answer
        self._batch_size = batch_size
        self._loaded: dict[str, tuple[LanguageModelMeasures, LiveModel]] = {}

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters that a study must have."""
        return self._merges.parameters

    def __call__(self, trial: Trial, context: Context) -> dict[str, tuple[float, float]]:
        """Return every loss and the cost, with standard errors, on the search split."""
        return self._measure(trial, context, Split.SEARCH)

    def held_out(self, trial: Trial, context: Context) -> dict[str, tuple[float, float]]:
        """Return every loss and the cost, with standard errors, on the held-out split."""
        return self._measure(trial, context, Split.HELD_OUT)

    def recipe(self, parameters: Parameters) -> MergeRecipe:
        """Return the merge that a trial's parameters stand for.

        Raises:
            EvaluationError: A coefficient is missing or is not a number.
        """
        return self._merges.recipe(parameters)

    def export(self, trial: Trial, directory: Path) -> None:
        """Write the merged model, its tokenizer and the recipe to a folder."""
        recipe = self.recipe(trial.parameters)
        sources = open_sources(self._base, self._experts)
        write_merge(recipe, directory)
        (directory / "recipe.json").write_text(recipe.to_json() + "\n", encoding="utf-8")
        (directory / "mergekit.yml").write_text(
            mergekit_yaml(recipe, sources.names), encoding="utf-8"
        )

    def _measure(
        self, trial: Trial, context: Context, split: Split
    ) -> dict[str, tuple[float, float]]:
        measures, live = self._models(context)
        live.apply(self.recipe(trial.parameters))
        return measures.measure(split.value)

    def _models(self, context: Context) -> tuple[LanguageModelMeasures, LiveModel]:
        if context.device not in self._loaded:
            context.logger.info("loading the base model and %d experts", len(self._experts))
            sources = open_sources(self._base, self._experts)
            model = load_language_model(self._base)
            move(model, context.device)
            measures = LanguageModelMeasures(
                model,
                load_tokenizer(self._base),
                tables=self._tables,
                prompts=self._prompts,
                max_tokens=self._max_tokens,
                texts=self._texts,
                longest_answer=self._longest_answer,
                batch_size=self._batch_size,
            )
            live = LiveModel(model, sources, self._groups)
            self._loaded = {context.device: (measures, live)}  # one device at a time
        return self._loaded[context.device]
