"""The live model and the written folder hold the same bytes, whatever is merged and however."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from moopt.merging import sources
from moopt.merging.blocks import ENDS, PARTS, Blocks, EveryLayer, EveryTensor, LayerGroups, assign
from moopt.merging.engine import sources_of, write_merge
from moopt.merging.live_model import LiveModel
from moopt.merging.methods import METHODS
from moopt.merging.recipe import ByBlock, MergeRecipe, OptionValue
from moopt.merging.statistics import Kind
from tests.merging.small_models import (
    EXPERTS,
    Models,
    SmallModel,
    base_weights,
    bytes_of,
    read_weights,
    write_models,
)

BLOCKS: Mapping[str, Blocks] = {
    "parts and ends": LayerGroups(("lower", "upper"), parts=PARTS, ends=ENDS),
    "every layer": EveryLayer(),
    "every tensor": EveryTensor(),
}
OPTIONS: Mapping[str, Mapping[str, OptionValue]] = {
    "task_arithmetic": {"scale": 0.7, "normalize": True},
    "linear": {"normalize": False},
    "ties": {"density": 0.3, "election": "unweighted"},
    "dare_linear": {"density": 0.4, "rescale": "l1", "normalize": True},
    "dare_ties": {"density": 0.4, "seed": 3},
    "della": {"density": 0.4, "window": 0.2},
    "della_linear": {"density": 0.4, "rescale": "l1"},
    "breadcrumbs": {"density": 0.7, "outliers": 0.1},
    "breadcrumbs_ties": {"density": 0.7, "normalize": True},
    "sce": {"select": 0.3},
}
BFLOAT16 = torch.bfloat16


@dataclass(frozen=True, slots=True)
class Setup:
    """Models in files, and in memory a live model for what methods differ in."""

    models: Models
    live: Mapping[tuple[int | None, Kind | None], LiveModel]

    def of(self, method: str) -> tuple[Models, LiveModel]:
        """Return the experts that a method takes, and their live model."""
        most, kind = METHODS[method].most_experts, METHODS[method].statistics
        return self.models.first(most or len(EXPERTS)), self.live[most, kind]


def live_model(
    models: Models, method: str = "ties", dtype: torch.dtype = torch.float32
) -> LiveModel:
    return LiveModel(SmallModel().to(dtype), sources_of(models.recipe(method)))


def setup_of(models: Models) -> Setup:
    live: dict[tuple[int | None, Kind | None], LiveModel] = {}
    for name, method in METHODS.items():
        key = method.most_experts, method.statistics
        live[key] = live.get(key) or live_model(models.first(method.most_experts or 3), name)
    return Setup(models, live)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Setup:
    return setup_of(write_models(tmp_path_factory.mktemp("plain")))


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Setup:
    """Return models whose weights are stored in bfloat16."""
    return setup_of(write_models(tmp_path_factory.mktemp("short"), BFLOAT16))


def spread(blocks: Blocks, start: float) -> dict[str, float]:
    """Return a number for each block, all different."""
    names = dict.fromkeys(assign(blocks, base_weights()).values())
    return {block: start + 0.03 * place for place, block in enumerate(names)}


def by_block(method: str, blocks: Blocks) -> list[ByBlock]:
    third = -0.6 if METHODS[method].statistics is None else 0.6
    most = METHODS[method].most_experts or len(EXPERTS)
    return [spread(blocks, start) for start in (0.1, 0.5, third)[:most]]


def weights(live: LiveModel) -> dict[str, bytes]:
    return bytes_of(dict(live.module.named_parameters()))


def written(recipe: MergeRecipe, folder: Path, shard_size: int = 10**9) -> dict[str, bytes]:
    write_merge(recipe, folder, shard_size=shard_size)
    return bytes_of(read_weights(folder))


@pytest.mark.parametrize("blocks", BLOCKS.values(), ids=BLOCKS)
@pytest.mark.parametrize("method", METHODS)
def test_live_and_written_weights_are_the_same_bytes(
    plain: Setup, tmp_path: Path, method: str, blocks: Blocks
) -> None:
    models, live = plain.of(method)
    recipe = models.recipe(
        method, by_block(method, blocks), options=OPTIONS.get(method), blocks=blocks
    )

    live.apply(recipe)

    assert weights(live) == written(recipe, tmp_path)


@pytest.mark.parametrize("method", METHODS)
def test_they_are_for_weights_in_bfloat16_and_usual_options_too(
    short: Setup, tmp_path: Path, method: str
) -> None:
    models, live = short.of(method)
    recipe = models.recipe(method, dtype="float32")

    live.apply(recipe)

    assert weights(live) == written(recipe, tmp_path)


@pytest.mark.parametrize("method", ["ties", "dare_ties", "della", "breadcrumbs"])
def test_options_may_differ_by_expert_and_block(short: Setup, tmp_path: Path, method: str) -> None:
    blocks = BLOCKS["every layer"]
    density: dict[str, ByBlock] = {
        "first": {"before": 1.0, "0": 0.5, "1": 0.2, "after": 0.3},
        "second": 0.4,
        "third": {"before": 0.3, "0": 1.0, "1": 0.2, "after": 0.8},
    }
    scale = {"before": 1.0, "0": 0.5, "1": 2.0, "after": -1.0}
    options: dict[str, OptionValue] = {"density": density, "scale": scale}
    recipe = short.models.recipe(method, options=options, blocks=blocks, dtype="float32")
    _, live = short.of(method)

    live.apply(recipe)

    assert weights(live) == written(recipe, tmp_path)


@pytest.mark.parametrize("rounding_seed", [None, 5], ids=["nearest", "at random"])
@pytest.mark.parametrize("method", ["linear", "ties", "della"])
def test_a_live_model_in_bfloat16_holds_what_is_written_in_it(
    short: Setup, tmp_path: Path, method: str, rounding_seed: int | None
) -> None:
    recipe = short.models.recipe(method, dtype="bfloat16", rounding_seed=rounding_seed)
    live = live_model(short.models, dtype=BFLOAT16)

    live.apply(recipe)

    assert weights(live) == written(recipe, tmp_path)


MIXED: Mapping[str, Sequence[torch.dtype]] = {
    "experts in bfloat16": [torch.float32, BFLOAT16, BFLOAT16, BFLOAT16],
    "a base in bfloat16": [BFLOAT16, torch.float32, torch.float32, torch.float32],
    "experts in several": [BFLOAT16, torch.float32, BFLOAT16, torch.float16],
    "float16": [torch.float16],
    "float64": [torch.float64],
}


WITH_DIFFERENT_ARITHMETIC = [
    "task_arithmetic",
    "linear",
    "nuslerp",
    "ties",
    "dare_linear",
    "dare_ties",
    "della",
    "sce",
    "regmean",
]


@pytest.mark.slow
@pytest.mark.parametrize("dtypes", MIXED.values(), ids=MIXED)
def test_whatever_dtypes_base_and_experts_have(
    tmp_path: Path, dtypes: Sequence[torch.dtype]
) -> None:
    mixed = setup_of(write_models(tmp_path / "models", *dtypes))
    in_memory, in_files = {}, {}

    for method in WITH_DIFFERENT_ARITHMETIC:
        models, live = mixed.of(method)
        recipe = models.recipe(method, options=OPTIONS.get(method), dtype="float32")
        live.apply(recipe)
        in_memory[method] = weights(live)
        in_files[method] = written(recipe, tmp_path / method)

    assert [name for name in in_files if in_memory[name] != in_files[name]] == []


@pytest.mark.parametrize("method", METHODS)
def test_in_shards_it_is_the_same_weights(plain: Setup, tmp_path: Path, method: str) -> None:
    recipe = plain.of(method)[0].recipe(method, options=OPTIONS.get(method))

    whole = written(recipe, tmp_path / "whole")
    sharded = written(recipe, tmp_path / "sharded", shard_size=2000)

    assert sharded == whole
    assert len(list((tmp_path / "sharded").glob("*.safetensors"))) > 3


@pytest.mark.parametrize("method", ["ties", "dare_ties", "della_linear", "regmean"])
def test_written_twice_it_is_the_same_file(plain: Setup, tmp_path: Path, method: str) -> None:
    recipe = plain.of(method)[0].recipe(method, options=OPTIONS.get(method))

    write_merge(recipe, tmp_path / "first")
    write_merge(MergeRecipe.from_json(recipe.to_json()), tmp_path / "second")

    first, second = (tmp_path / name / "model.safetensors" for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("method", METHODS)
def test_what_was_merged_before_does_not_matter(plain: Setup, method: str) -> None:
    models, live = plain.of(method)
    chosen = models.recipe(method, options=OPTIONS.get(method))
    live.apply(chosen)
    first = weights(live)

    live.apply(models.recipe(method, [1.0, 0.3, 0.3][: len(models.experts)]))
    live.apply(chosen)

    assert weights(live) == first


@pytest.mark.parametrize("method", ["ties", "breadcrumbs_ties"])
def test_many_densities_are_found_by_sorting_and_are_those_of_the_partition(
    plain: Setup, tmp_path: Path, method: str
) -> None:
    densities = (0.9, 0.7, 0.5, 0.2, 0.05)
    recipes = [plain.models.recipe(method, options={"density": density}) for density in densities]
    live = live_model(plain.models)

    sorted_ = []
    for recipe in recipes:
        live.apply(recipe)
        sorted_.append(weights(live))

    assert sorted_ == [
        written(recipe, tmp_path / str(place)) for place, recipe in enumerate(recipes)
    ]


SUMMED_UP = {"slerp", "nuslerp", "model_stock", "sce", "dare_linear", "della_linear"}
"""Methods, as `OPTIONS` has them, with a sum over a tensor: other pieces round it differently."""


@pytest.mark.parametrize("method", METHODS)
def test_the_size_of_the_pieces_does_not_matter(
    plain: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    recipe = plain.of(method)[0].recipe(method, options=OPTIONS.get(method))
    whole = written(recipe, tmp_path / "whole")

    monkeypatch.setattr(sources, "PIECE", 150)
    pieces = written(recipe, tmp_path / "pieces")

    assert method in SUMMED_UP or pieces == whole
    for name, each in read_weights(tmp_path / "pieces").items():
        exact = read_weights(tmp_path / "whole")[name]
        torch.testing.assert_close(each, exact, rtol=1e-6, atol=1e-7)
