import json
import logging
from pathlib import Path

import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import load_file

from moopt.errors import EvaluationError
from moopt.evaluators.classifiers import ClassifierAccuracy
from moopt.evaluators.merge import MergeEvaluator
from moopt.merging.blocks import LayerGroups
from moopt.merging.parametrizations import Independent
from moopt.merging.recipe import MergeRecipe
from moopt.merging.space import MergeSpace
from moopt.study.evaluation import Context
from moopt.study.trials import Trial
from moopt.training.batches import batches_by_length, tokenized
from moopt.training.labelled_texts import read_split
from moopt.training.transformers_models import load_classifier, load_encoder, load_tokenizer
from tests.tiny_models import write_base, write_expert, write_table

CLASSES = ("negative", "positive")
EXPERTS = ("films", "mails")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    base = write_base(folder / "base")
    write_expert(folder / "films", base, 1, CLASSES)
    write_expert(folder / "mails", base, 2, CLASSES)
    write_table(folder / "films.csv.gz", {"search": 16, "held_out": 12})
    write_table(folder / "mails.csv.gz", {"search": 10, "held_out": 8})
    return folder


def space(base: Path, *experts: Path, groups: tuple[str, ...] = ("lower", "upper")) -> MergeSpace:
    return MergeSpace(
        "task_arithmetic",
        {folder.name: folder for folder in experts},
        base=base,
        coefficients=Independent(blocks=LayerGroups(groups)),
    )


def evaluator(models: Path) -> MergeEvaluator:
    tables = {name: models / f"{name}.csv.gz" for name in EXPERTS}
    return MergeEvaluator(
        space(models / "base", *(models / name for name in EXPERTS)),
        ClassifierAccuracy(tables, max_tokens=8, batch_size=4),
    )


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context("cpu", 0, tmp_path, logging.getLogger("moopt.tests"))


def trial(films: float, mails: float) -> Trial:
    return Trial(
        7,
        {"films_lower": films, "films_upper": films, "mails_lower": mails, "mails_upper": mails},
    )


def accuracy_of(folder: Path, table: Path, split: str) -> float:
    """Measure a classifier by itself."""
    texts = tokenized(read_split(table, split), CLASSES, load_tokenizer(folder), 8)
    (batch,) = batches_by_length(texts, 100)
    with torch.inference_mode():
        found = load_classifier(folder)(
            input_ids=batch.input_ids, attention_mask=batch.attention_mask
        ).logits.argmax(dim=1)
    return int((found == batch.labels).sum()) / len(found)


@pytest.mark.parametrize("split", ["search", "held_out"])
def test_an_expert_by_itself_measures_what_its_folder_measures(
    models: Path, context: Context, split: str
) -> None:
    evaluate = evaluator(models)
    measure = evaluate if split == "search" else evaluate.held_out

    found = measure(trial(0, 1), context)["mails_accuracy"][0]

    expected = accuracy_of(models / "mails", models / "mails.csv.gz", split)
    assert found == pytest.approx(expected, abs=1e-6)


def test_every_task_has_an_accuracy_with_a_standard_error(models: Path, context: Context) -> None:
    found = evaluator(models)(trial(0.3, 0.3), context)

    assert list(found) == ["films_accuracy", "mails_accuracy"]
    assert [0 < error < 0.5 for _, error in found.values()] == [True, True]


def test_what_was_measured_before_does_not_matter(models: Path, context: Context) -> None:
    evaluate = evaluator(models)
    first = evaluate(trial(0.5, 0.2), context)

    evaluate(trial(1.5, 1.5), context)
    evaluate.held_out(trial(0, 1), context)

    assert evaluate(trial(0.5, 0.2), context) == first
    assert evaluator(models)(trial(0.5, 0.2), context) == first


def test_making_an_evaluator_loads_nothing(tmp_path: Path, context: Context) -> None:
    evaluate = evaluator(tmp_path / "nowhere")

    with pytest.raises(EvaluationError, match=r"models are missing: .*nowhere/base.* `prepare`"):
        evaluate(trial(0, 0), context)


def test_every_expert_needs_a_table(models: Path, context: Context) -> None:
    tables = {"mails": models / "mails.csv.gz"}
    evaluate = MergeEvaluator(
        space(models / "base", models / "films", groups=("all",)),
        ClassifierAccuracy(tables, max_tokens=8),
    )

    with pytest.raises(EvaluationError, match=r"experts \['films'\], tables \['mails'\]"):
        evaluate(Trial(0, {"films": 0.0}), context)


def test_a_base_that_is_no_encoder_of_the_experts_is_refused(
    models: Path, context: Context, tmp_path: Path
) -> None:
    content = json.loads((models / "base" / "config.json").read_text())
    other = tmp_path / "other"
    other.mkdir()
    for path in (models / "base").iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    (other / "config.json").write_text(
        json.dumps(content | {"model_type": "electra", "embedding_size": 16})
    )
    evaluate = MergeEvaluator(
        space(other, models / "films", groups=("all",)),
        ClassifierAccuracy({"films": models / "films.csv.gz"}, max_tokens=8),
    )

    with pytest.raises(EvaluationError, match="has no ElectraModel like the base"):
        evaluate(Trial(0, {"films": 0.0}), context)


def test_the_export_is_a_model_with_tokenizer_heads_and_recipe(
    models: Path, tmp_path: Path
) -> None:
    evaluate = evaluator(models)

    evaluate.export(trial(0.4, 0.9), tmp_path / "model")

    recipe = MergeRecipe.from_json((tmp_path / "model" / "recipe.json").read_text())
    assert recipe == evaluate.recipe(trial(0.4, 0.9).parameters)
    assert load_encoder(tmp_path / "model").config.num_hidden_layers == 4
    assert load_tokenizer(tmp_path / "model")("a good film")["input_ids"] == [2, 11, 5, 9, 3]
    assert yaml.safe_load((tmp_path / "model" / "mergekit.yml").read_text())["models"]
    head = load_file(tmp_path / "model" / "heads" / "mails.safetensors")
    expert = load_file(models / "mails" / "model.safetensors")
    assert torch.equal(head["classifier.weight"], expert["classifier.weight"])
    with safe_open(tmp_path / "model" / "heads" / "mails.safetensors", framework="pt") as file:
        assert json.loads(file.metadata()["classes"]) == list(CLASSES)
        assert file.metadata()["max_tokens"] == "8"


def test_the_export_holds_the_weights_that_were_measured(
    models: Path, context: Context, tmp_path: Path
) -> None:
    evaluate = evaluator(models)
    measured = evaluate(trial(0.4, 0.9), context)

    evaluate.export(trial(0.4, 0.9), tmp_path / "model")

    tables = {name: models / f"{name}.csv.gz" for name in EXPERTS}
    again = MergeEvaluator(
        space(tmp_path / "model", *(models / name for name in EXPERTS)),
        ClassifierAccuracy(tables, max_tokens=8, batch_size=4),
    )
    assert again(trial(0, 0), context) == measured


def test_equal_trials_export_equal_bytes(models: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        evaluator(models).export(trial(0.4, 0.9), tmp_path / name)

    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*"))
    assert [
        path
        for path in files
        if (tmp_path / "one" / path).read_bytes() != (tmp_path / "two" / path).read_bytes()
    ] == []
    assert len(files) >= 7
