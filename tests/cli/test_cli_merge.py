"""`moopt merge` on real, small models, as a process of its own where that matters."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from moopt.merging.recipe import MergeRecipe
from moopt.training.transformers_models import quiet
from tests.cli.conftest import Call
from tests.tiny_models import write_base, write_llama

PROGRAM = [sys.executable, "-c", "from moopt.cli.app import main; main()", "merge"]
YAML = """
merge_method: task_arithmetic
base_model: base
models:
  - {model: math, parameters: {weight: [0, 0.5, 1]}}
  - {model: code, parameters: {weight: 0.25}}
"""


@pytest.fixture(scope="module")
def llamas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a base, two models and recipes of them."""
    folder = tmp_path_factory.mktemp("llamas")
    for seed, name in enumerate(("base", "math", "code")):
        write_llama(folder / name, seed)
    (folder / "merge.yml").write_text(YAML)
    recipe = MergeRecipe(
        "linear", {"math": "math", "code": "code"}, coefficients={"math": 1.0, "code": 3.0}
    )
    (folder / "merge.json").write_text(recipe.to_json())
    return folder


def weights(folder: Path) -> dict[str, Tensor]:
    return {
        name: tensor
        for file in sorted(folder.glob("*.safetensors"))
        for name, tensor in load_file(file).items()
    }


def expected(llamas: Path) -> dict[str, Tensor]:
    """Return what `YAML` says, by its formula."""
    base, math, code = (weights(llamas / name) for name in ("base", "math", "code"))
    depth = {"model.layers.1.": 0.5, "model.layers.2.": 1.0}
    share = {name: depth.get(name[:15], 0.0) for name in base}
    return {
        name: base[name]
        + share[name] * (math[name] - base[name])
        + 0.25 * (code[name] - base[name])
        for name in base
    }


@pytest.mark.slow
def test_a_model_is_merged_by_a_process_and_loads(llamas: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [*PROGRAM, llamas / "merge.yml", "--to", "merged", "--shard-size", "20KB"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )

    assert done.stderr.splitlines()[-1] == (
        "wrote task_arithmetic of 2 models to merged: 30 tensors, 30 KB in 2 files"
    )
    assert "checking,   0%: base\n" in done.stderr
    assert "merging,   0%: lm_head.weight\n" in done.stderr
    assert "merging, 100%: done\n" in done.stderr
    assert (done.stdout, done.returncode) == ("", 0)
    assert [path.name for path in tmp_path.iterdir()] == ["merged"]
    with quiet():
        model = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    torch.testing.assert_close(model.state_dict(), expected(llamas), rtol=0, atol=1e-6)
    assert GenerationConfig.from_pretrained(tmp_path / "merged").eos_token_id == 3
    ours = AutoTokenizer.from_pretrained(tmp_path / "merged")
    assert ours("good film") == AutoTokenizer.from_pretrained(llamas / "base")("good film")


@pytest.mark.slow
def test_a_terminal_shows_a_bar_for_each_topic(llamas: Path, tmp_path: Path) -> None:
    terminal, ours = pty.openpty()
    with subprocess.Popen(
        [*PROGRAM, llamas / "merge.json", "--to", tmp_path / "merged"],
        stderr=ours,
        env={**os.environ, "COLUMNS": "100", "TERM": "xterm"},
    ) as running:
        os.close(ours)
        shown = b""
        while chunk := _read(terminal):
            shown += chunk
    os.close(terminal)

    assert running.returncode == 0
    said = shown.decode()
    assert "checking" in said
    assert "merging" in said
    assert "100/100" in said
    assert "━" in said


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # what Linux says when the other side is closed
        return b""


def test_an_encoder_is_merged_too(call: Call, folder: Path) -> None:
    for seed, name in enumerate(("base", "a", "b")):
        write_base(folder / name, seed)
    recipe = MergeRecipe("ties", {"a": "a", "b": "b"}, base="base", coefficients={"a": 1, "b": 1})
    Path("recipe.json").write_text(recipe.to_json())

    done = call("merge", "recipe.json", "--to", "merged", "--dtype", "bfloat16")

    assert done.status == 0
    with quiet():
        model = AutoModel.from_pretrained(folder / "merged")
    assert model.dtype == torch.bfloat16
    assert json.loads(Path("merged/config.json").read_text())["dtype"] == "bfloat16"
    assert "AutoModel.from_pretrained" in Path("merged/README.md").read_text()


def test_a_program_is_told_what_was_written(call: Call, llamas: Path) -> None:
    done = call("merge", str(llamas / "merge.json"), "--to", "merged", "--format", "json")

    assert json.loads(done.out) == {
        "folder": "merged",
        "method": "linear",
        "base": None,
        "experts": {"math": str(llamas / "math"), "code": str(llamas / "code")},
        "dtype": None,
        "tensors": 30,
        "bytes": sum(tensor.numel() * 4 for tensor in weights(llamas / "base").values()),
        "files": [
            "README.md",
            "config.json",
            "generation_config.json",
            "mergekit.yml",
            "model.safetensors",
            "recipe.json",
            "tokenizer.json",
            "tokenizer_config.json",
        ],
        "not_for_mergekit": None,
    }


def test_the_recipe_of_a_merge_makes_the_same_bytes_again(call: Call, llamas: Path) -> None:
    call("merge", str(llamas / "merge.yml"), "--to", "one")

    call("merge", "one/recipe.json", "--to", "two")
    call("merge", "one/mergekit.yml", "--to", "three")

    one, two, three = (
        Path(name, "model.safetensors").read_bytes() for name in ("one", "two", "three")
    )
    assert one == two == three


def test_a_recipe_is_rewritten_without_a_merge(call: Call, llamas: Path) -> None:
    done = call(
        "merge", str(llamas / "merge.yml"), "--json", "new/r.json", "--mergekit", "new/r.yml"
    )

    assert (done.status, done.err) == (0, "")
    read = MergeRecipe.from_json(Path("new/r.json").read_text())
    assert read.experts == {"math": str(llamas / "math"), "code": str(llamas / "code")}
    written = yaml.safe_load(Path("new/r.yml").read_text())
    assert written["models"][1]["parameters"] == {"weight": 0.25}
    assert written["out_dtype"] == "float32"


def test_a_merge_that_mergekit_cannot_do_says_so(call: Call, llamas: Path) -> None:
    recipe = MergeRecipe(
        "della",
        {"math": str(llamas / "math")},
        base=str(llamas / "base"),
        coefficients={"math": 1.0},
        options={"density": 0.5},
    )
    Path("recipe.json").write_text(recipe.to_json())

    done = call("merge", "recipe.json", "--to", "merged")
    refused = call("merge", "recipe.json", "--to", "again", "--mergekit", "again.yml")

    assert done.status == 0
    assert "no configuration for mergekit: mergekit restores the sum" in done.err
    assert refused.status == 1
    assert not Path("again").exists()


def test_a_merge_replaces_a_merge_and_nothing_else(call: Call, llamas: Path) -> None:
    words = ("merge", str(llamas / "merge.json"), "--to", "merged")
    call(*words)

    assert call(*words).status == 2
    assert call(*words, "--overwrite", "--dtype", "float16").status == 0
    assert next(iter(weights(Path("merged")).values())).dtype == torch.float16
    Path("merged/notes.txt").touch()
    assert call(*words, "--overwrite").status == 2
    assert Path("merged/notes.txt").exists()


def test_a_merge_that_fails_leaves_nothing(call: Call, llamas: Path, folder: Path) -> None:
    write_llama(folder / "small", layers=2)
    recipe = MergeRecipe(
        "linear", {"a": str(llamas / "math"), "b": "small"}, coefficients={"a": 1.0, "b": 1.0}
    )
    Path("recipe.json").write_text(recipe.to_json())

    done = call("merge", "recipe.json", "--to", "merged")

    assert done.status == 1
    assert "lacks 9 of the 30 tensors" in done.err
    assert sorted(path.name for path in folder.iterdir()) == ["recipe.json", "small"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("no.json", "--to", "m"), "there is no recipe 'no.json'"),
        (("good.json",), "--to says where the merged model is to be written"),
        (("good.json", "--to", "m", "--shard-size", "5 apples"), "--shard-size is a number of"),
        (("good.json", "--to", "m", "--shard-size", "0GB"), "--shard-size is a number of"),
        (("good.json", "--to", "good.json"), "--to needs a folder, 'good.json' is a file"),
        (("good.json", "--to", "full"), "replace a merge by --overwrite"),
        (("good.json", "--to", "full", "--overwrite"), "replaces what `moopt merge` wrote"),
        (("good.json", "--to", ".", "--overwrite"), "which is merged; choose another folder"),
        (("bad.json", "--to", "m"), "bad.json: this is not a merge recipe as JSON"),
        (("bad.yml", "--to", "m"), "bad.yml: this is not a mergekit configuration"),
        (("away.yaml", "--to", "m"), "away.yaml: the model 'org/base' is not on this disk"),
    ],
)
def test_wrong_calls_are_refused_in_a_few_lines(
    call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], message: str
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(folder / "cache"))
    (folder / "model").mkdir()
    (folder / "full").mkdir()
    (folder / "full" / "thesis.tex").touch()
    recipe = MergeRecipe("linear", {"a": "model"}, coefficients={"a": 1.0})
    (folder / "good.json").write_text(recipe.to_json())
    (folder / "bad.json").write_text("{}")
    (folder / "bad.yml").write_text("{}")
    (folder / "away.yaml").write_text(
        "merge_method: ties\nbase_model: org/base\n"
        "models: [{model: a, parameters: {weight: [1, 2]}}]"
    )

    done = call("merge", *words)

    assert done.status == 2
    assert message in done.err
    assert done.err.count("\n") <= 3
    assert (folder / "full" / "thesis.tex").exists()
