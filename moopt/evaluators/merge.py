"""Merge experts as a trial says, then measure the merge.

The models are loaded at the first call and kept: a study file makes the evaluator wherever it is
imported, and only workers need the models. A candidate is merged in memory, into one live model.
"""

from contextlib import suppress
from pathlib import Path

from moopt.errors import EvaluationError, MergeError
from moopt.evaluators.measures import LiveMeasures, Measures
from moopt.merging.engine import sources_of, write_merge
from moopt.merging.live_model import LiveModel
from moopt.merging.mergekit import mergekit_yaml
from moopt.merging.recipe import MergeRecipe
from moopt.merging.space import MergeSpace
from moopt.study.evaluation import Context, Split
from moopt.study.parameters import Parameters
from moopt.study.trials import Trial


class MergeEvaluator:
    """Measures the merges of a space.

    The study has the space's parameters, and may have others that are not looked at.
    """

    def __init__(self, space: MergeSpace, measures: Measures) -> None:
        """Remember what to merge and what to measure; nothing is loaded yet."""
        self._space = space
        self._measures = measures
        self._loaded: dict[str, tuple[LiveMeasures, LiveModel]] = {}

    def __call__(self, trial: Trial, context: Context) -> dict[str, tuple[float, float]]:
        """Return every measurement and its standard error on the search split."""
        return self.live(trial, context).measure(Split.SEARCH.value)

    def held_out(self, trial: Trial, context: Context) -> dict[str, tuple[float, float]]:
        """Return every measurement and its standard error on the held-out split."""
        return self.live(trial, context).measure(Split.HELD_OUT.value)

    def live(self, trial: Trial, context: Context) -> LiveMeasures:
        """Return what measures the model in memory, which is the trial's merge until the next."""
        recipe = self.recipe(trial.parameters)
        if context.device not in self._loaded:
            self._require_models()
            context.logger.info("loading the models of a merge of %d experts", len(recipe.experts))
            sources = sources_of(recipe)
            folder = sources.reference.folder
            measures = self._measures.load(folder, self._space.experts, context.device)
            live = LiveModel(measures.model, sources)
            self._loaded = {context.device: (measures, live)}  # one device at a time
        measures, live = self._loaded[context.device]
        live.apply(recipe)
        return measures

    def recipe(self, parameters: Parameters) -> MergeRecipe:
        """Return the merge that a trial's parameters stand for.

        Raises:
            MergeError: A coefficient is missing or is not a number.
        """
        return self._space.recipe(parameters)

    def export(self, trial: Trial, directory: Path) -> None:
        """Write the merged model, what it needs beside its weights, and the recipe to a folder.

        The folder is a Hugging Face model folder. Beside the model stand `recipe.json` and, where
        mergekit can do the same, `mergekit.yml`.
        """
        self._require_models()
        recipe = self.recipe(trial.parameters)
        write_merge(recipe, directory)
        (directory / "recipe.json").write_text(recipe.to_json() + "\n", encoding="utf-8")
        sources = sources_of(recipe)
        with suppress(MergeError):  # a merge that mergekit cannot do has no configuration for it
            text = mergekit_yaml(recipe, sources.names)
            (directory / "mergekit.yml").write_text(text, encoding="utf-8")
        self._measures.write_extras(sources, directory)

    def _require_models(self) -> None:
        folders = [*self._space.experts.values()]
        if self._space.base is not None:
            folders.append(self._space.base)
        missing = [str(folder) for folder in folders if not folder.is_dir()]
        if missing:
            raise EvaluationError(
                f"models are missing: {', '.join(missing)}; they are made by the `prepare` of the "
                "study, which `moopt run` calls before the first trial"
            )
