import weakref
from pathlib import Path

import torch

from moopt.training.batches import Batch
from moopt.training.parameter_groups import base_parameters, decay_groups
from moopt.training.settings import LanguageTuning
from moopt.training.training_run import TrainingRun
from moopt.training.transformers_models import load_language_model
from tests.tiny_language_models import write_language_base

BATCH = Batch(
    torch.ones(2, 3, dtype=torch.long), torch.ones(2, 3, dtype=torch.long), torch.zeros(2).long()
)


def run_of(folder: Path, epochs: int = 4) -> TrainingRun:
    model = load_language_model(write_language_base(folder / "base"))
    settings = LanguageTuning(learning_rate=1e-2, epochs=epochs, warm_up=0.5, patience=2)
    groups = decay_groups(base_parameters(model).values(), settings.learning_rate, 0.0)
    return TrainingRun(model, groups, settings=settings, examples=1, on_step=None)


def train(run: TrainingRun) -> None:
    """Take one step."""
    run.train_epoch(
        [BATCH], lambda batch: run.model(input_ids=batch.input_ids).logits.square().mean()
    )


def test_the_weights_of_the_best_epoch_come_back(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    train(run)
    run.goes_on(1.0)
    best = {name: value.clone() for name, value in run.model.state_dict().items()}

    train(run)
    run.goes_on(2.0)
    run.restore_best()

    assert run.best_epoch == 0
    assert [
        name for name, value in run.model.state_dict().items() if not value.equal(best[name])
    ] == []


def test_a_run_ends_after_as_many_worse_epochs_as_patience_says(tmp_path: Path) -> None:
    run = run_of(tmp_path)

    assert [run.goes_on(loss) for loss in (3.0, 2.0, 2.5, 2.1)] == [True, True, True, False]


def test_a_run_that_is_over_keeps_no_weights_in_memory(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    train(run)
    model = weakref.ref(run.model)

    del run

    assert model() is None
