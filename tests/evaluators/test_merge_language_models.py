import logging
from pathlib import Path

import pytest

from moopt.errors import EvaluationError
from moopt.evaluators.language_models import LanguageModelLosses, LanguageModelMeasures
from moopt.evaluators.merge import MergeEvaluator
from moopt.merging.blocks import LayerGroups
from moopt.merging.parametrizations import Independent
from moopt.merging.recipe import MergeRecipe
from moopt.merging.space import MergeSpace
from moopt.study.evaluation import Context
from moopt.study.trials import Trial
from moopt.training.transformers_models import load_language_model, load_tokenizer
from tests.tiny_language_models import write_language_base, write_language_expert
from tests.tiny_models import write_table

EXPERTS = ("films", "mails")
PROMPTS = {"search": ("a good film", "the mail"), "held_out": ("very bad", "quite the fine mail")}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    base = write_language_base(folder / "base")
    for seed, name in enumerate(EXPERTS, start=1):
        write_language_expert(folder / name, base, seed)
        write_table(folder / f"{name}.csv.gz", {"search": 10 + seed, "held_out": 6})
    return folder


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context("cpu", 0, tmp_path, logging.getLogger("moopt.tests"))


def evaluator(models: Path) -> MergeEvaluator:
    space = MergeSpace(
        "task_arithmetic",
        {name: models / name for name in EXPERTS},
        base=models / "base",
        coefficients=Independent(blocks=LayerGroups(("lower", "upper"))),
    )
    tables = {name: models / f"{name}.csv.gz" for name in EXPERTS}
    return MergeEvaluator(
        space,
        LanguageModelLosses(tables, prompts=PROMPTS, max_tokens=6, texts=8, longest_answer=5),
    )


def trial(films: float, mails: float) -> Trial:
    return Trial(
        7,
        {"films_lower": films, "films_upper": films, "mails_lower": mails, "mails_upper": mails},
    )


def measured_alone(models: Path, folder: Path, split: str) -> dict[str, tuple[float, float]]:
    return LanguageModelMeasures(
        load_language_model(folder),
        load_tokenizer(folder),
        tables={name: models / f"{name}.csv.gz" for name in EXPERTS},
        prompts=PROMPTS,
        max_tokens=6,
        texts=8,
        longest_answer=5,
        batch_size=16,
    ).measure(split)


@pytest.mark.parametrize("split", ["search", "held_out"])
def test_an_expert_by_itself_measures_what_its_folder_measures(
    models: Path, context: Context, split: str
) -> None:
    evaluate = evaluator(models)
    measure = evaluate if split == "search" else evaluate.held_out

    found = measure(trial(0, 1), context)

    expected = measured_alone(models, models / "mails", split)
    assert list(found) == list(expected) == ["films_loss", "mails_loss", "generated_tokens"]
    assert [mean for mean, _ in found.values()] == pytest.approx(
        [mean for mean, _ in expected.values()], abs=1e-5
    )


def test_what_was_measured_before_does_not_matter(models: Path, context: Context) -> None:
    evaluate = evaluator(models)
    first = evaluate(trial(0.5, 0.2), context)

    evaluate(trial(1.5, 1.5), context)
    evaluate.held_out(trial(0, 1), context)

    assert evaluate(trial(0.5, 0.2), context) == first


def test_the_export_is_the_model_that_was_measured(
    models: Path, context: Context, tmp_path: Path
) -> None:
    evaluate = evaluator(models)
    expected = evaluate.held_out(trial(0.4, 0.9), context)

    evaluate.export(trial(0.4, 0.9), tmp_path / "model")

    assert measured_alone(models, tmp_path / "model", "held_out") == expected
    recipe = MergeRecipe.from_json((tmp_path / "model" / "recipe.json").read_text())
    assert recipe == evaluate.recipe(trial(0.4, 0.9).parameters)


def test_making_an_evaluator_loads_nothing(tmp_path: Path, context: Context) -> None:
    evaluate = evaluator(tmp_path / "nowhere")

    with pytest.raises(EvaluationError, match=r"models are missing: .*nowhere/base.* `prepare`"):
        evaluate(trial(0, 0), context)
