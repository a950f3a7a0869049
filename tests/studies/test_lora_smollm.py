import importlib.util
import logging
from pathlib import Path

import pytest
import torch

from moopt.evaluators.fine_tune import FineTune
from moopt.evaluators.forgotten_domain import ForgottenDomain
from moopt.evaluators.trained_model import METRICS
from moopt.study.evaluation import Context
from moopt.study.loading import load_study_file
from moopt.study.trials import Trial
from moopt.training.configuration import Lora, TrainingConfig
from studies import lora_smollm
from tests.tiny_language_models import write_language_base
from tests.tiny_models import write_table

ROOT = Path(__file__).parents[2]


def test_the_parameters_of_the_study_are_settings_of_training() -> None:
    study = load_study_file(ROOT / "studies" / "lora_smollm.py").study

    own = {"learning_rate", "batch_size", "warm_up"}
    lora = {f"lora_{name}" for name in ("rank", "alpha", "dropout", "targets", "upper_layers")}
    assert {each.name for each in study.parameters} == own | lora


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("peft") is None, reason="needs moopt[lora]")
def test_adapters_learn_a_domain_and_what_is_forgotten_is_told(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    base = write_language_base(tmp_path / "base")
    rows = {"train": 16, "search": 6}
    films, mails = (write_table(tmp_path / f"{name}.csv.gz", rows) for name in ("films", "mails"))
    evaluate = FineTune(
        base,
        films,
        TrainingConfig(learning_rate=1e-2, epochs=2, batch_size=4, lora=Lora()),
        {
            "loss": METRICS["loss"],
            "forgotten": ForgottenDomain(base, mails, texts=6, max_tokens=8),
            "trained_parameters": METRICS["trained_parameters"],
        },
        language=True,
    )
    (tmp_path / "0").mkdir()
    context = Context("cpu", 0, tmp_path / "0", logging.getLogger("moopt.tests"))
    trial = Trial(0, {"lora_rank": 2, "lora_targets": "q_proj,v_proj", "lora_upper_layers": 1})

    measured = evaluate(trial, context)

    # of one layer: 2 x (16 + 16) numbers for queries, 2 x (16 + 8) for values
    assert measured["trained_parameters"] == (112.0, 0.0)
    # both tables hold the same texts: the better one is learned, the less the other is forgotten
    assert measured["forgotten"][0] < 0
    assert lora_smollm.study.name == "lora_smollm"
