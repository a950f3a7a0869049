from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from moopt.errors import EvaluationError, TrainingError
from moopt.evaluators.language_models import LanguageModelMeasures
from moopt.training.transformers_models import load_language_model, load_tokenizer
from tests.tiny_language_models import write_language_base, write_language_expert
from tests.tiny_models import write_table

PROMPTS = {"search": ("a good film", "the mail"), "held_out": ("very bad", "quite the fine mail")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    base = write_language_base(tmp_path / "base")
    write_language_expert(tmp_path / "expert", base, seed=1)
    for domain, texts in {"films": 12, "mails": 9}.items():
        write_table(tmp_path / f"{domain}.csv.gz", {"search": texts, "held_out": 6})
    return tmp_path


def measures(
    folder: Path, model: str = "base", prompts: Mapping[str, Sequence[str]] = PROMPTS
) -> LanguageModelMeasures:
    return LanguageModelMeasures(
        load_language_model(folder / model),
        load_tokenizer(folder / model),
        tables={domain: folder / f"{domain}.csv.gz" for domain in ("films", "mails")},
        prompts=prompts,
        max_tokens=5,
        texts=10,
        longest_answer=7,
        batch_size=4,
    )


def test_every_domain_has_a_loss_and_the_answers_a_length(folder: Path) -> None:
    measured = measures(folder).measure("search")

    assert tuple(measured) == ("films_loss", "mails_loss", "generated_tokens")
    assert [error > 0 for _, error in list(measured.values())[:2]] == [True, True]
    assert 1 <= measured["generated_tokens"][0] <= 7


def test_new_weights_in_the_same_model_are_what_is_measured(folder: Path) -> None:
    live = measures(folder)
    first = live.measure("search")

    live.model.load_state_dict(load_language_model(folder / "expert").state_dict())
    second = live.measure("search")

    assert second == measures(folder, "expert").measure("search") != first


def test_what_was_measured_before_does_not_matter(folder: Path) -> None:
    found = measures(folder)
    first = found.measure("search")

    found.measure("held_out")

    assert found.measure("search") == first


def test_a_text_loses_the_same_whoever_shares_its_batch(folder: Path) -> None:
    together = measures(folder)
    alone = replace(together, batch_size=1, kept={})

    assert alone.loss("films", "search") == pytest.approx(together.loss("films", "search"))


def test_only_as_many_texts_are_measured_as_asked_for(folder: Path) -> None:
    found = measures(folder)

    found.measure("search")

    counts = {key: sum(len(each.labels) for each in batches) for key, batches in found.kept.items()}
    assert counts == {("films", "search"): 10, ("mails", "search"): 9}


def test_the_prompts_of_a_split_are_its_own(folder: Path) -> None:
    other = measures(folder, prompts=PROMPTS | {"held_out": ("good", "a a a the the bad mail")})

    found = measures(folder)

    assert torch.equal(found.answers("search"), other.answers("search"))
    assert not torch.equal(found.answers("held_out"), other.answers("held_out"))


def test_one_prompt_is_too_few_for_a_standard_error(folder: Path) -> None:
    with pytest.raises(EvaluationError, match=r"texts=10 and prompts \{'search': 1\}"):
        measures(folder, prompts=PROMPTS | {"search": ("a film",)})


def test_one_text_is_too_few_for_a_standard_error(folder: Path) -> None:
    with pytest.raises(EvaluationError, match="texts=1 and prompts enough"):
        replace(measures(folder), texts=1)


def test_a_split_without_prompts_is_named(folder: Path) -> None:
    found = measures(folder, prompts={"search": PROMPTS["search"]})

    with pytest.raises(EvaluationError, match=r"for the split 'held_out', only for \['search'\]"):
        found.measure("held_out")


def test_a_tokenizer_that_cannot_chat_is_refused(folder: Path) -> None:
    (folder / "base" / "chat_template.jinja").unlink()

    with pytest.raises(EvaluationError, match="has no chat template"):
        measures(folder)


def test_a_split_that_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(TrainingError, match="no row of the split 'train'"):
        measures(folder).measure("train")
