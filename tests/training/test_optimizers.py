from pathlib import Path

import pytest
import torch
from torch import nn

from moopt.errors import TrainingError
from moopt.training.configuration import TrainingConfig
from moopt.training.lion import Lion
from moopt.training.optimizers import make_optimizer
from moopt.training.parameter_groups import parameter_groups
from moopt.training.schedules import share_of_peak
from moopt.training.transformers_models import load_classifier
from tests.tiny_models import write_base


def test_lion_steps_by_the_sign_of_its_momentum() -> None:
    torch.manual_seed(0)
    weights = nn.Parameter(torch.randn(5, dtype=torch.float64))
    expected, momentum = weights.detach().clone(), torch.zeros(5, dtype=torch.float64)
    optimizer = Lion([{"params": [weights]}], lr=0.1, betas=(0.9, 0.99), weight_decay=0.3)

    for _ in range(4):
        gradient = torch.randn(5, dtype=torch.float64)
        weights.grad = gradient.clone()
        optimizer.step()
        # algorithm 2 of the paper, in its own notation
        update = torch.sign(0.9 * momentum + 0.1 * gradient)
        expected = expected - 0.1 * (update + 0.3 * expected)
        momentum = 0.99 * momentum + 0.01 * gradient

    torch.testing.assert_close(weights.detach(), expected)


def test_every_layer_has_the_rate_of_the_one_above_times_the_decay(tmp_path: Path) -> None:
    model = load_classifier(write_base(tmp_path / "base"), ("a", "b"))
    config = TrainingConfig(learning_rate=0.1, head_learning_rate=0.7, layer_decay=0.5)
    names = {id(each): name for name, each in model.named_parameters()}

    rates = {
        names[id(each)]: group["lr"]
        for group in make_optimizer(parameter_groups(model, config), config).param_groups
        for each in group["params"]
    }

    assert set(rates) == set(names.values())
    assert rates["classifier.weight"] == 0.7
    assert rates["bert.pooler.dense.weight"] == 0.1
    by_layer = [rates[f"bert.encoder.layer.{layer}.output.dense.bias"] for layer in range(4)]
    assert by_layer == pytest.approx([0.0125, 0.025, 0.05, 0.1])
    assert rates["bert.embeddings.word_embeddings.weight"] == pytest.approx(0.00625)


def test_matrices_decay_and_biases_do_not(tmp_path: Path) -> None:
    model = load_classifier(write_base(tmp_path / "base"), ("a", "b"))
    groups = parameter_groups(model, TrainingConfig(learning_rate=0.1, weight_decay=0.2))

    decays = {
        (each.ndim > 1, group["weight_decay"])
        for group in make_optimizer(groups, TrainingConfig(learning_rate=0.1)).param_groups
        for each in group["params"]
    }

    assert decays == {(True, 0.2), (False, 0.0)}


SCHEDULES = {
    "linear": "get_linear_schedule_with_warmup",
    "cosine": "get_cosine_schedule_with_warmup",
    "inverse_sqrt": "get_inverse_sqrt_schedule",
    "constant": "get_constant_schedule_with_warmup",
}


@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler")
@pytest.mark.parametrize("warm_up", [0.0, 0.25])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_is_that_of_transformers_after_the_warm_up(
    schedule: str, warm_up: float
) -> None:
    optimization = pytest.importorskip("transformers.optimization")
    total, rising = 40, round(40 * warm_up)
    length = {} if schedule in {"constant", "inverse_sqrt"} else {"num_training_steps": total}
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = getattr(optimization, SCHEDULES[schedule])(
        optimizer, num_warmup_steps=rising, **length
    )
    expected = []
    for _ in range(total):
        expected.append(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()

    ours = [share_of_peak(schedule, step, total, warm_up) for step in range(total)]

    assert ours[rising:] == pytest.approx(expected[rising:])
    # theirs begins at 0, which loses a step; ours is one step ahead
    assert ours[:rising] == pytest.approx([*expected[1 : rising + 1]])


def test_an_optimizer_that_nobody_has_is_named() -> None:
    with pytest.raises(TrainingError, match="there is no optimizer 'adamw_of_mine'"):
        make_optimizer(
            [{"params": [nn.Parameter(torch.zeros(1))]}],
            TrainingConfig(learning_rate=0.1, optimizer="adamw_of_mine"),
        )


def test_settings_out_of_range_are_named() -> None:
    with pytest.raises(TrainingError, match=r"training needs learning_rate > 0, .*, 0 <= dropout"):
        TrainingConfig(learning_rate=-1, schedule="steep", dropout=2.0)
