import logging
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModel, AutoModelForSequenceClassification, BertModel

from moopt.errors import EvaluationError, TrainingError
from moopt.evaluators.fine_tune import FineTune
from moopt.evaluators.metrics.training_cost import training_teraflop
from moopt.evaluators.trained_model import TrainedModel
from moopt.evaluators.trial_training import training_of
from moopt.export.model_card import Origin, model_card
from moopt.study.evaluation import Context
from moopt.study.parameters import Parameters
from moopt.study.trials import Trial
from moopt.training.batches import Batch, TokenizedTexts
from moopt.training.configuration import Lora, TrainingConfig
from moopt.training.labelled_texts import read_split
from moopt.training.pooled_classifier import PooledClassifier
from moopt.training.text_tasks import Classification
from moopt.training.transformers_models import load_classifier
from tests.reports.made_trials import completed, two_objectives
from tests.tiny_models import tiny_config, write_base, write_table

CONFIG = TrainingConfig(learning_rate=1e-2, epochs=4, batch_size=8, max_tokens=8)
METRICS = ("accuracy", "cross_entropy", "training_teraflop", "trained_parameters")
PARAMETERS: Parameters = {"learning_rate": 5e-3, "layers": 2, "optimizer": "lion"}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_base(tmp_path / "base")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = {"train": 24, "search": 8, "held_out": 6}
    return write_table(tmp_path / "films.csv.gz", rows)


@pytest.fixture
def evaluate(base: Path, table: Path) -> FineTune:
    return FineTune(base, table, CONFIG, METRICS)


def context(
    folder: Path,
    *,
    continues: Path | None = None,
    report: Callable[[float, object], None] = lambda _fidelity, _measured: None,
    stop: bool = False,
) -> Context:
    folder.mkdir(exist_ok=True)
    return Context(
        "cpu",
        0,
        folder,
        logging.getLogger("moopt.tests"),
        continues=continues,
        report=report,
        should_stop=lambda: stop,
    )


def trial(number: int = 0, fidelity: float | None = 4.0, **changes: object) -> Trial:
    return Trial(number, {**PARAMETERS, **changes}, fidelity=fidelity, seed=11)


def state_of(folder: Path) -> dict[str, torch.Tensor]:
    found = torch.load(folder / "checkpoint" / "state.pt", weights_only=True)
    weights: dict[str, torch.Tensor] = found["state"]["weights"]
    return weights


def test_a_repeat_measures_the_same_to_the_bit(
    evaluate: FineTune, base: Path, table: Path, tmp_path: Path
) -> None:
    first = evaluate(trial(), context(tmp_path / "0"))
    second = FineTune(base, table, CONFIG, METRICS)(trial(), context(tmp_path / "1"))

    assert first == second
    assert list(first) == list(METRICS)


def test_a_trial_taken_further_measures_what_an_uninterrupted_one_does(
    evaluate: FineTune, tmp_path: Path
) -> None:
    whole = evaluate(trial(), context(tmp_path / "whole"))

    evaluate(trial(1, 1.0), context(tmp_path / "low"))
    further = evaluate(trial(2), context(tmp_path / "high", continues=tmp_path / "low"))

    assert further == whole
    one, other = state_of(tmp_path / "whole"), state_of(tmp_path / "high")
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def test_a_trial_whose_predecessor_is_gone_trains_from_the_start(
    evaluate: FineTune, tmp_path: Path
) -> None:
    whole = evaluate(trial(), context(tmp_path / "whole"))

    assert evaluate(trial(), context(tmp_path / "high", continues=tmp_path / "gone")) == whole


def test_a_checkpoint_of_other_parameters_is_not_gone_on_with(
    evaluate: FineTune, tmp_path: Path
) -> None:
    whole = evaluate(trial(), context(tmp_path / "whole"))
    evaluate(trial(1, 1.0, learning_rate=1e-4), context(tmp_path / "low"))

    assert evaluate(trial(), context(tmp_path / "high", continues=tmp_path / "low")) == whole


def test_every_epoch_before_the_last_is_reported(evaluate: FineTune, tmp_path: Path) -> None:
    reports: list[float] = []

    evaluate(trial(), context(tmp_path / "0", report=lambda at, _measured: reports.append(at)))

    assert reports == [1, 2, 3]


def test_a_trial_that_is_stopped_returns_what_it_reported_last_and_can_go_on(
    evaluate: FineTune, tmp_path: Path
) -> None:
    reports: list[object] = []
    whole = evaluate(trial(), context(tmp_path / "whole"))

    stopped = evaluate(
        trial(),
        context(tmp_path / "0", stop=True, report=lambda _at, measured: reports.append(measured)),
    )

    assert reports == [stopped]
    assert evaluate(trial(), context(tmp_path / "1", continues=tmp_path / "0")) == whole


def test_the_held_out_split_is_measured_without_training_again(
    evaluate: FineTune, tmp_path: Path
) -> None:
    evaluate(trial(), context(tmp_path / "0"))
    (tmp_path / "0" / "checkpoint").rename(tmp_path / "checkpoint")
    again = evaluate.held_out(trial(), context(tmp_path / "1"))
    (tmp_path / "checkpoint").rename(tmp_path / "0" / "checkpoint")

    assert evaluate.held_out(trial(), context(tmp_path / "0")) == again


@pytest.mark.parametrize("adapters", [False, True], ids=["full", "adapters"])
def test_an_export_is_a_folder_that_transformers_loads(
    evaluate: FineTune, tmp_path: Path, *, adapters: bool
) -> None:
    chosen = trial(**({"lora_rank": 2} if adapters else {}))
    measured = evaluate(chosen, context(tmp_path / "0"))
    for name, folder in (("again", None), ("kept", tmp_path / "0")):
        (tmp_path / name).mkdir()
        evaluate.export(chosen, tmp_path / name, folder)

    again, kept = (load_file(tmp_path / name / "model.safetensors") for name in ("again", "kept"))
    assert [name for name in kept if not torch.equal(kept[name], again[name])] == []
    assert not any("lora" in name for name in kept)
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "kept")
    assert model.config.num_hidden_layers == 2
    assert measured["accuracy"][0] > 0.4


def test_a_head_on_the_mean_is_written_beside_its_encoder(
    base: Path, table: Path, tmp_path: Path
) -> None:
    evaluate = FineTune(base, table, CONFIG, ("accuracy",), pooled=True)
    (tmp_path / "model").mkdir()

    evaluate.export(trial(), tmp_path / "model")

    assert isinstance(AutoModel.from_pretrained(tmp_path / "model"), BertModel)
    assert load_file(tmp_path / "model" / "head.safetensors")["weight"].shape == (2, 16)


def test_the_card_of_a_head_on_the_mean_tells_how_to_classify(
    base: Path, table: Path, tmp_path: Path
) -> None:
    evaluate = FineTune(base, table, CONFIG, ("accuracy",), pooled=True)
    measured = evaluate(trial(), context(tmp_path / "0"))
    folder, search = tmp_path / "model", read_split(table, "search")
    folder.mkdir()
    evaluate.export(trial(), folder, tmp_path / "0")

    card = model_card(folder, Origin(two_objectives(), completed(3, 0.9, 12.5)))
    code = card.split("```python")[1].split("```")[0]
    for said, meant in (
        ("path/to/this/folder", str(folder)),
        ('["A text to classify", "Another one"]', repr(list(search.texts))),
    ):
        code = code.replace(said, meant)
    (tmp_path / "snippet.py").write_text(code)
    found = runpy.run_path(str(tmp_path / "snippet.py"))["classes"]

    right = [name == label for name, label in zip(found, search.labels, strict=True)]
    assert sum(right) / len(right) == measured["accuracy"][0] > 0.5


def test_a_model_and_texts_of_ones_own_are_trained(tmp_path: Path) -> None:
    def model(config: TrainingConfig, device: str) -> nn.Module:
        return PooledClassifier(BertModel(tiny_config()), 2, config.dropout or 0.0).to(device)

    def texts(split: str) -> TokenizedTexts:
        length = 3 if split == "train" else 4
        return TokenizedTexts(((7,) * length, (8,) * length) * 6, (0, 1) * 6, 0)

    config = TrainingConfig(learning_rate=1e-2, epochs=20, batch_size=4)
    evaluate = FineTune(model, texts, config, {"right": _right})
    own = Trial(0, {"learning_rate": 1e-2}, seed=3)

    measured = evaluate(own, context(tmp_path / "0"))

    assert measured == evaluate(own, context(tmp_path / "1"))
    assert measured["right"][0] == 1.0


def _right(trained: TrainedModel, split: str) -> tuple[float, float]:
    logits, labels = trained.logits(split)
    return (logits.argmax(dim=1) == labels).float().mean().item(), 0.0


def test_a_parameter_that_is_no_setting_is_refused(evaluate: FineTune, tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="'learning_rat' is no setting of the training; use"):
        evaluate(trial(learning_rat=0.1), context(tmp_path / "0"))


def test_parameters_are_mapped_to_settings_by_name() -> None:
    config = training_of(
        {"lr": 0.2, "lora_rank": 3, "lora_targets": "query, value", "colour": "red"},
        CONFIG,
        {"lr": "learning_rate", "colour": None},
        seed=5,
    )

    assert (config.learning_rate, config.seed) == (0.2, 5)
    assert config.lora == Lora(rank=3, targets=("query", "value"))


def test_a_fidelity_beyond_the_whole_length_is_refused(evaluate: FineTune, tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"asks for 9 epochs, the whole length .* is 4"):
        evaluate(trial(0, 9.0), context(tmp_path / "0"))


def test_a_missing_model_folder_and_table_are_named(
    base: Path, table: Path, tmp_path: Path
) -> None:
    for made, told in (
        (FineTune(tmp_path / "no", table, CONFIG, METRICS), "is not a model folder"),
        (FineTune(base, tmp_path / "no.csv.gz", CONFIG, METRICS), "cannot read .*no.csv.gz"),
    ):
        with pytest.raises(TrainingError, match=told):
            made(trial(), context(tmp_path / "0"))


def test_a_table_without_texts_to_train_on_is_named(base: Path, tmp_path: Path) -> None:
    table = write_table(tmp_path / "empty.csv.gz", {"search": 4})

    with pytest.raises(TrainingError, match="has no row of the split 'train'"):
        FineTune(base, table, CONFIG, METRICS)(trial(), context(tmp_path / "0"))


def test_training_that_diverges_is_an_error_of_the_candidate(
    evaluate: FineTune, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="became nan"):
        evaluate(trial(learning_rate=1e30, optimizer="adamw"), context(tmp_path / "0"))


def test_a_metric_that_nobody_has_is_refused(base: Path, table: Path) -> None:
    with pytest.raises(EvaluationError, match=r"there are no metrics \['beauty'\], only accuracy"):
        FineTune(base, table, CONFIG, ("beauty",))


def test_a_length_in_another_unit_than_the_fidelity_is_refused(base: Path, table: Path) -> None:
    with pytest.raises(EvaluationError, match="needs to be that of the config's length, 'epochs'"):
        FineTune(base, table, CONFIG, METRICS, unit="steps")


@pytest.mark.parametrize("frozen", [0, 3])
def test_the_cost_of_training_is_what_torch_counts(base: Path, frozen: int) -> None:
    model = load_classifier(base, ("a", "b"))
    for name, each in model.named_parameters():
        if frozen and (name.startswith("bert.embeddings") or ".layer.0." in name):
            each.requires_grad = False
    task = Classification(("a", "b"))

    def loss(model: nn.Module, batch: Batch) -> torch.Tensor:
        return task.loss(model, batch, 0.0)

    shapes = {(3, 5): 2, (1, 11): 1, (4, 8): 1}
    counter = FlopCounterMode(display=False)
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH), counter:
        for (texts, tokens), times in shapes.items():
            for _ in range(times):
                ids = torch.ones(texts, tokens, dtype=torch.long)
                batch = Batch(ids, ids, torch.zeros(texts, dtype=torch.long))
                torch.autograd.backward(loss(model, batch))

    assert training_teraflop(model, loss, shapes)[0] * 1e12 == pytest.approx(
        counter.get_total_flops()
    )
