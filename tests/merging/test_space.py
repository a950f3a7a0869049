"""What a search varies, and the way back to a recipe."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moopt.errors import MergeError
from moopt.merging.blocks import ENDS, PARTS, EveryLayer, EveryTensor, LayerGroups
from moopt.merging.methods import METHODS
from moopt.merging.parametrizations import (
    Independent,
    Interpolation,
    Knots,
    Parametrization,
    Shares,
)
from moopt.merging.recipe import OptionValue
from moopt.merging.settings import settings_of
from moopt.merging.sources import open_sources
from moopt.merging.space import MergeSpace
from moopt.samplers.quasi_random import RandomSampler
from moopt.study.objectives import Maximize, Objective
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter
from moopt.study.study import Study
from tests.tiny_models import write_base, write_expert

NAMES = ("films", "mails")
TWO = LayerGroups(("lower", "upper"))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    base = write_base(folder / "base")
    for seed, name in enumerate(NAMES, start=1):
        write_expert(folder / name, base, seed, ("no", "yes"))
    return folder


def space(
    how: Parametrization, folder: Path = Path("models"), method: str = "task_arithmetic"
) -> MergeSpace:
    experts = {name: folder / name for name in NAMES}
    return MergeSpace(method, experts, base=folder / "base", coefficients=how)


def study(searched: MergeSpace) -> Study:
    return Study(
        "merge",
        parameters=searched.parameters,
        objectives=[Objective("skill", Maximize)],
        linear_constraints=searched.linear_constraints,
        start_with=searched.start_with,
    )


@pytest.mark.parametrize(
    ("how", "names"),
    [
        (Independent(), ["films", "mails"]),
        (
            Independent(blocks=TWO),
            ["films_lower", "films_upper", "mails_lower", "mails_upper"],
        ),
        (Shares(), ["shares"]),
        (Shares(blocks=TWO), ["shares_lower", "shares_upper"]),
        (Interpolation(), ["share"]),
        (Interpolation(blocks=TWO, mean=0.2), ["share_lower", "share_upper"]),
        (Knots(2), ["films_knot_1", "films_knot_2", "mails_knot_1", "mails_knot_2"]),
    ],
    ids=["one", "groups", "shares", "shares by group", "interpolation", "held mean", "knots"],
)
def test_a_study_gets_its_parameters_before_any_model_is_there(
    how: Parametrization, names: list[str]
) -> None:
    searched = study(space(how))

    assert [parameter.name for parameter in searched.parameters] == names
    assert searched.start_with


def test_every_group_is_divided_into_parts_and_the_ends_are_by_themselves(models: Path) -> None:
    searched = space(Independent(blocks=LayerGroups(("low", "high"), PARTS, ENDS)), models)
    point = {parameter.name: 0.0 for parameter in searched.parameters}

    names = open_sources(searched.base, searched.experts).names
    found = settings_of(searched.recipe({**point, "mails_high_attention": 1.0}), names)

    changed = [name for name, row in zip(names, found.coefficients, strict=True) if row[1]]
    assert len(changed) == 16
    assert all("attention" in name and "LayerNorm" not in name for name in changed)
    assert {name.split(".")[2] for name in changed} == {"2", "3"}


def test_a_search_starts_with_the_base_each_expert_the_average_and_a_cautious_sum() -> None:
    assert space(Independent()).start_with == [
        {"films": 0.0, "mails": 0.0},
        {"films": 1.0, "mails": 0.0},
        {"films": 0.0, "mails": 1.0},
        {"films": 0.5, "mails": 0.5},
        {"films": 0.3, "mails": 0.3},
    ]


def test_points_outside_the_bounds_are_left_out() -> None:
    assert space(Independent(0.2, 0.6)).start_with == [
        {"films": 0.5, "mails": 0.5},
        {"films": 0.3, "mails": 0.3},
    ]


def test_the_mean_of_the_shares_is_held_by_a_constraint() -> None:
    searched = space(Interpolation(blocks=LayerGroups(("a", "b", "c")), mean=0.2))
    (constraint,) = searched.linear_constraints

    assert constraint.coefficients == {"share_a": 1.0, "share_b": 1.0, "share_c": 1.0}
    assert constraint.at_least == constraint.at_most == pytest.approx(0.6)
    assert searched.start_with == [{"share_a": 0.2, "share_b": 0.2, "share_c": 0.2}]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_every_candidate_that_holds_the_mean_becomes_a_recipe_that_does(seed: int) -> None:
    searched = space(Interpolation(blocks=LayerGroups(("a", "b", "c")), mean=0.2))
    (candidate,) = RandomSampler().propose(study(searched), [], 1, seed)

    coefficients = searched.recipe(candidate.parameters).coefficients

    second = coefficients["mails"]
    assert isinstance(second, dict)
    assert np.mean(list(second.values())) == pytest.approx(0.2, abs=1e-9)


def test_a_coefficient_between_knots_lies_on_the_line_between_them(models: Path) -> None:
    searched = space(Knots(3), models)
    point = {f"{name}_knot_{index}": 0.0 for name in NAMES for index in (1, 2, 3)}

    recipe = searched.recipe({**point, "films_knot_1": 0.3, "films_knot_2": 0.9})

    films = recipe.coefficients["films"]
    assert isinstance(films, dict)
    # four layers: knots at depths 0, 1.5 and 3
    assert films == pytest.approx(
        {"before": 0.3, "0": 0.3, "1": 0.7, "2": 0.6, "3": 0.0, "after": 0.0}
    )


def test_every_tensor_may_have_a_coefficient_of_its_own(models: Path) -> None:
    searched = space(Independent(blocks=EveryTensor()), models)

    names = open_sources(searched.base, searched.experts).names
    assert [each.name for each in searched.parameters[: len(names)]] == [
        f"films_{name}" for name in names
    ]


def test_blocks_of_a_model_need_the_model(tmp_path: Path) -> None:
    with pytest.raises(MergeError, match="give a model folder with safetensors"):
        _ = space(Independent(blocks=EveryLayer()), tmp_path).parameters


def test_options_of_the_method_may_vary_too() -> None:
    searched = MergeSpace(
        "ties",
        {name: Path(name) for name in NAMES},
        base=Path("base"),
        options={
            "density": Continuous("density", 0.3, 1.0),
            "election": Categorical("election", ["unweighted", "weighted"]),
            "normalize": False,
        },
    )

    assert [each.name for each in searched.parameters] == [*NAMES, "density", "election"]
    # the usual density of 0.2 lies outside the bounds
    assert searched.start_with[0] == {
        "films": 0.0,
        "mails": 0.0,
        "density": 0.3,
        "election": "weighted",
    }
    recipe = searched.recipe({"films": 1, "mails": 1, "density": 0.5, "election": "unweighted"})
    assert recipe.options == {"density": 0.5, "election": "unweighted", "normalize": False}


def test_the_seed_of_masks_may_vary() -> None:
    searched = MergeSpace(
        "dare_linear",
        {"films": Path("films")},
        base=Path("base"),
        options={"seed": Integer("seed", 1, 5)},
    )

    assert searched.start_with[0] == {"films": 0.0, "seed": 1}


@pytest.mark.parametrize("method", [name for name, each in METHODS.items() if not each.statistics])
def test_every_method_has_a_space(method: str) -> None:
    searched = space(Independent(), method=method)

    assert bool(searched.parameters) == METHODS[method].takes_coefficients
    for point in searched.start_with:
        assert searched.recipe(point).method == method


@settings(max_examples=30, deadline=None)
@given(
    how=st.sampled_from([Independent(blocks=TWO), Shares(blocks=TWO), Interpolation(blocks=TWO)]),
    numbers=st.lists(st.floats(0, 1), min_size=4, max_size=4),
)
def test_the_design_matrix_leads_to_the_coefficients(
    how: Parametrization, numbers: list[float]
) -> None:
    searched = space(how)
    names, matrix, constant = searched.design_matrix()
    values = dict(zip(names, numbers, strict=False))
    point: dict[str, object] = {}
    for name, value in values.items():
        parameter, dot, part = name.partition(".")
        if dot:
            weights = point.setdefault(parameter, {})
            assert isinstance(weights, dict)
            weights[part] = value
        else:
            point[parameter] = value

    recipe = searched.recipe(point)

    expected = matrix @ np.array(list(values.values())) + constant
    for row, expert in zip(expected, NAMES, strict=True):
        by_block = recipe.coefficients[expert]
        assert isinstance(by_block, dict)
        assert list(by_block.values()) == pytest.approx(row.tolist(), abs=1e-12)


def made(
    method: str = "task_arithmetic",
    experts: tuple[str, ...] = NAMES,
    coefficients: Parametrization | None = None,
    **options: OptionValue | Parameter,
) -> MergeSpace:
    return MergeSpace(
        method,
        {name: Path(name) for name in experts},
        base=Path("base"),
        coefficients=coefficients or Independent(),
        options=options,
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: made("average"), "unknown merge method 'average'"),
        (lambda: made(density=0.2), "task_arithmetic has no option 'density'"),
        (
            lambda: made(scale=Continuous("lambda", 0, 1)),
            "the option 'scale' must have its name, got 'lambda'",
        ),
        (lambda: made(experts=("a",), coefficients=Shares()), "at least two experts"),
        (
            lambda: made(experts=("a",), coefficients=Interpolation()),
            "from one model to another, got 1 experts: a",
        ),
        (lambda: made(coefficients=Interpolation(mean=0.3)), "needs at least two blocks"),
        (lambda: made(coefficients=Knots(1)), "needs two knots, got 1"),
        (
            lambda: made(
                experts=("a", "a_b"), coefficients=Independent(blocks=LayerGroups(("b_c", "c")))
            ),
            "two parameters are named 'a_b_c'",
        ),
    ],
)
def test_a_space_that_cannot_be_is_refused(make: Callable[[], MergeSpace], message: str) -> None:
    with pytest.raises(MergeError, match=message):
        make()


def test_a_candidate_that_lacks_a_coefficient_is_refused() -> None:
    with pytest.raises(MergeError, match="a number as parameter 'mails', got None"):
        space(Independent()).recipe({"films": 0.1})
