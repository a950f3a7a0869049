"""Gradients by coefficients, against autograd through the merged weights."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from transformers import BertModel

from moopt.errors import MergeError
from moopt.merging.blocks import ENDS, PARTS, EveryTensor, LayerGroups
from moopt.merging.engine import sources_of
from moopt.merging.gradients import coefficient_gradients, parameter_gradients
from moopt.merging.live_model import LiveModel
from moopt.merging.parametrizations import (
    Independent,
    Interpolation,
    Knots,
    Parametrization,
    Shares,
)
from moopt.merging.space import MergeSpace
from moopt.training.transformers_models import load_encoder
from tests.tiny_models import write_base, write_expert

TOKENS = torch.tensor([[2, 5, 6, 7, 3], [2, 8, 9, 10, 3]])


def loss(module: nn.Module) -> Tensor:
    output: Tensor = module(input_ids=TOKENS).pooler_output
    return output.square().mean()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    base = write_base(folder / "base")
    for seed, name in enumerate(("films", "mails"), start=1):
        write_expert(folder / name, base, seed, ("no", "yes"))
    return folder


def space(models: Path, how: Parametrization, method: str = "task_arithmetic") -> MergeSpace:
    experts = {name: models / name for name in ("films", "mails")}
    options = {"normalize": False} if method == "linear" else {}
    return MergeSpace(method, experts, base=models / "base", coefficients=how, options=options)


def live_model(searched: MergeSpace, models: Path) -> LiveModel:
    recipe = searched.recipe(searched.start_with[-1])
    model = load_encoder(models / "base")
    assert isinstance(model, BertModel)
    return LiveModel(model, sources_of(recipe))


def test_every_coefficient_has_the_gradient_of_autograd(models: Path) -> None:
    searched = space(models, Independent(blocks=EveryTensor()))
    live = live_model(searched, models)
    recipe = searched.recipe({each.name: 0.3 for each in searched.parameters})
    layout = live.resident.layout
    coefficients = torch.full((len(live.names), 2), 0.3, dtype=torch.float32, requires_grad=True)

    found = coefficient_gradients(live, recipe, loss)

    base = live.resident.base
    assert base is not None
    weights = {}
    for index, name in enumerate(live.names):
        start = layout.numbers(base, name)
        vectors = [layout.numbers(rows, name) - start for rows in live.resident.experts]
        merged = start + coefficients[index, 0] * vectors[0] + coefficients[index, 1] * vectors[1]
        weights[name] = merged.view(layout.shapes[name])
    output = functional_call(live.module, weights, (), {"input_ids": TOKENS})
    torch.autograd.backward(output.pooler_output.square().mean())
    assert coefficients.grad is not None
    torch.testing.assert_close(
        torch.from_numpy(found), coefficients.grad.double(), rtol=1e-4, atol=1e-7
    )


@pytest.mark.parametrize(
    ("how", "method"),
    [
        (Independent(blocks=LayerGroups(("lower", "upper"), parts=PARTS, ends=ENDS)), "linear"),
        (Independent(blocks=LayerGroups(("lower", "upper"))), "task_arithmetic"),
        (Shares(), "task_arithmetic"),
        (Interpolation(blocks=LayerGroups(("a", "b"))), "linear"),
        (Knots(3), "dare_linear"),
    ],
    ids=["parts", "groups", "shares", "interpolation", "knots"],
)
def test_every_parameter_has_the_slope_of_the_loss(
    models: Path, how: Parametrization, method: str
) -> None:
    searched = space(models, how, method)
    live = live_model(searched, models)
    point = searched.start_with[-1]
    names, _, _ = searched.design_matrix()

    found = parameter_gradients(searched, live, point, loss)

    for name in names:
        above, below = (_loss_at(searched, live, point, name, step) for step in (1e-2, -1e-2))
        assert found[name] == pytest.approx((above - below) / 2e-2, rel=0.03, abs=1e-5)


def _loss_at(
    searched: MergeSpace, live: LiveModel, point: dict[str, object], column: str, step: float
) -> float:
    parameter, _, part = column.partition(".")
    value = point[parameter]
    if isinstance(value, dict):
        moved: object = {**value, part: value[part] + step}
    else:
        assert isinstance(value, float)
        moved = value + step
    live.apply(searched.recipe({**point, parameter: moved}))
    with torch.no_grad():
        return float(loss(live.module))


def test_a_method_that_elects_signs_has_no_gradient(models: Path) -> None:
    searched = space(models, Independent(), "ties")
    live = live_model(searched, models)
    recipe = searched.recipe(searched.start_with[-1])

    with pytest.raises(MergeError, match="not linear in its coefficients"):
        coefficient_gradients(live, recipe, loss)
