"""The parameters of a live model stay where they are, and become whichever merge is asked for."""

from pathlib import Path

import pytest
import torch
from torch import nn

from moopt.errors import MergeError
from moopt.merging.blocks import ENDS, LayerGroups
from moopt.merging.engine import sources_of, write_merge
from moopt.merging.live_model import LiveModel
from moopt.merging.recipe import MergeRecipe
from moopt.training.transformers_models import load_encoder, load_tokenizer
from tests.merging.small_models import (
    Models,
    SmallModel,
    bytes_of,
    read_weights,
    write_models,
    write_weights,
)
from tests.tiny_models import write_base, write_expert

EXPERTS = ("films", "mails")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def live(models: Models) -> LiveModel:
    return LiveModel(SmallModel(), sources_of(models.recipe("ties")))


def test_the_parameters_are_views_of_one_buffer_and_stay_there(
    models: Models, live: LiveModel
) -> None:
    before = {name: each.data_ptr() for name, each in live.module.named_parameters()}

    live.apply(models.recipe("ties"))
    live.apply(models.recipe("sce"))

    after = {name: each.data_ptr() for name, each in live.module.named_parameters()}
    buffers = {each.untyped_storage().data_ptr() for each in live.module.parameters()}
    assert after == before
    assert len(buffers) == 1


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="the kernel counts no writes")
def test_a_candidate_writes_and_reads_no_byte(models: Models, live: LiveModel) -> None:
    live.apply(models.recipe("ties"))
    live.apply(models.recipe("dare_ties"))
    before = _bytes_written_and_read()

    live.apply(models.recipe("ties", [0.1, 0.2, 0.3]))
    live.apply(models.recipe("dare_ties", [0.1, 0.2, 0.3]))

    after = _bytes_written_and_read()
    counting = len(Path("/proc/self/io").read_bytes()) + 64  # to look is to read
    assert after["wchar"] == before["wchar"]
    assert after["rchar"] - before["rchar"] <= counting


def test_tied_weights_are_kept_once_and_stay_tied(models: Models, live: LiveModel) -> None:
    live.apply(models.recipe("ties"))

    head = live.module.get_parameter("lm_head.weight")
    assert head is live.module.get_parameter("embed_tokens.weight")
    assert "lm_head.weight" not in live.names


def test_it_computes_with_the_merged_weights(models: Models, live: LiveModel) -> None:
    recipe = models.recipe("task_arithmetic", [0, 1, 0])

    live.apply(recipe)

    second = read_weights(models.experts["second"])
    merged = live.module.get_submodule("classifier")(torch.ones(12))
    expected = second["classifier.weight"].sum(dim=1) + second["classifier.bias"]
    torch.testing.assert_close(merged, expected)


def test_until_something_is_applied_the_module_is_as_it_was(models: Models) -> None:
    module = SmallModel()
    before = {name: each.detach().clone() for name, each in module.named_parameters()}

    LiveModel(module, sources_of(models.recipe("ties")))

    assert all(torch.equal(before[name], each) for name, each in module.named_parameters())


def test_an_optimizer_step_on_a_parameter_is_undone_by_the_next_merge(
    models: Models, live: LiveModel
) -> None:
    recipe = models.recipe("ties")
    live.apply(recipe)
    before = live.module.get_parameter("classifier.bias").detach().clone()

    with torch.no_grad():
        live.module.get_parameter("classifier.bias").add_(1.0)
    live.apply(recipe)

    assert torch.equal(live.module.get_parameter("classifier.bias"), before)


def test_a_module_with_fewer_parameters_than_the_base_is_merged_as_far_as_it_goes(
    models: Models,
) -> None:
    cut = SmallModel()
    del cut.classifier
    live = LiveModel(cut, sources_of(models.recipe("ties")))
    blocks = LayerGroups(ends=ENDS)
    values = {"all": 0.4, "embeddings": 0.2, "head": 0.9}

    live.apply(models.recipe("ties", [values, values, values], blocks=blocks))

    whole = LiveModel(SmallModel(), sources_of(models.recipe("ties")))
    whole.apply(models.recipe("ties", [values, values, values], blocks=blocks))
    for name, parameter in cut.named_parameters():
        assert torch.equal(parameter, whole.module.get_parameter(name))


def test_running_statistics_of_batch_norms_are_merged_as_in_a_folder(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    folders = {}
    for seed, name in enumerate(("base", "expert")):
        generator = torch.Generator().manual_seed(seed)
        weights = {
            key: torch.rand(each.shape, generator=generator) if each.is_floating_point() else each
            for key, each in module.state_dict().items()
        }
        folders[name] = str(write_weights(tmp_path / name, weights))
    recipe = MergeRecipe(
        "task_arithmetic",
        {"expert": folders["expert"]},
        base=folders["base"],
        coefficients={"expert": 0.5},
    )

    LiveModel(module, sources_of(recipe)).apply(recipe)
    write_merge(recipe, tmp_path / "merged")

    assert bytes_of(module.state_dict()) == bytes_of(read_weights(tmp_path / "merged"))


def test_a_live_model_of_another_kind_is_refused(models: Models) -> None:
    with pytest.raises(MergeError, match=r"2 parameters .* 'weight'; load the model from this"):
        LiveModel(nn.Linear(2, 2), sources_of(models.recipe("ties")))


def test_a_live_model_of_another_size_is_refused(models: Models) -> None:
    module = SmallModel()
    module.classifier.bias = nn.Parameter(torch.zeros(4))

    with pytest.raises(MergeError, match=r"'classifier\.bias' has the shape \(4,\) .* and \(3,\)"):
        LiveModel(module, sources_of(models.recipe("ties")))


def test_parameters_of_several_dtypes_are_refused(models: Models) -> None:
    module = SmallModel()
    module.classifier.half()

    with pytest.raises(MergeError, match=r"one dtype and one device, got torch\.float16 on cpu, "):
        LiveModel(module, sources_of(models.recipe("ties")))


def test_a_recipe_for_other_sources_is_refused(models: Models, live: LiveModel) -> None:
    with pytest.raises(MergeError, match=r"the live model holds the base .* the recipe has"):
        live.apply(models.first(2).recipe("ties"))


def test_a_recipe_for_other_blocks_is_refused(models: Models, live: LiveModel) -> None:
    values = {"lower": 0.1, "upper": 0.2, "top": 0.3}
    recipe = models.recipe("ties", [values] * 3, blocks=LayerGroups(("lower", "upper")))

    with pytest.raises(MergeError, match="but the model has no top; the blocks are"):
        live.apply(recipe)


def test_a_number_that_is_none_in_a_source_is_named(tmp_path: Path) -> None:
    damaged = write_models(tmp_path / "models", torch.float32)
    path = damaged.base / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-4] + b"\x00\x00\xc0\x7f")  # the last number is NaN now

    with pytest.raises(MergeError, match=r"'temperature' in .*base/model\.safetensors holds NaN"):
        LiveModel(SmallModel(), sources_of(damaged.recipe("ties")))


@pytest.mark.slow
def test_a_transformer_in_memory_is_the_one_that_is_loaded_from_the_folder(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base")
    write_expert(tmp_path / "films", base, 1, ("negative", "positive"))
    write_expert(tmp_path / "mails", base, 2, ("ham", "maybe", "spam"))
    values = {"lower": 0.3, "upper": 0.8}
    recipe = MergeRecipe(
        "ties",
        {name: str(tmp_path / name) for name in EXPERTS},
        base=str(base),
        coefficients=dict.fromkeys(EXPERTS, values),
        blocks=LayerGroups(("lower", "upper")),
    )
    live = LiveModel(load_encoder(base), sources_of(recipe))

    live.apply(recipe)
    write_merge(recipe, tmp_path / "merged")

    loaded = load_encoder(tmp_path / "merged").state_dict()
    weights = live.module.state_dict()
    assert [name for name in weights if not torch.equal(weights[name], loaded[name])] == []
    tokenizer = load_tokenizer(tmp_path / "merged")
    assert tokenizer("a good film")["input_ids"] == [2, 11, 5, 9, 3]


def _bytes_written_and_read() -> dict[str, int]:
    lines = Path("/proc/self/io").read_text().splitlines()
    return {name: int(count) for name, _, count in (line.partition(": ") for line in lines)}
