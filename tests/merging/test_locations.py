from pathlib import Path

import pytest

from moopt.errors import MergeError
from moopt.merging.locations import locate, locate_models
from moopt.merging.recipe import MergeRecipe


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder; `recipes` is in it, and an empty cache of the hub."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "recipes").mkdir()
    return tmp_path


def cache(here: Path, name: str, revision: str, commit: str) -> Path:
    """Put a model into the hub's cache as its own tools lay it out."""
    stored = here / "cache" / f"models--{name.replace('/', '--')}"
    snapshot = stored / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (stored / "refs").mkdir(exist_ok=True)
    (stored / "refs" / revision).write_text(commit)
    return snapshot


def test_a_folder_beside_the_recipe_comes_before_one_in_the_current_folder(here: Path) -> None:
    (here / "models").mkdir()
    assert locate("models", here / "recipes") == here / "models"

    (here / "recipes" / "models").mkdir()
    assert locate("models", here / "recipes") == here / "recipes" / "models"


def test_a_model_of_the_hub_is_found_in_its_cache(here: Path) -> None:
    newest = cache(here, "org/model", "main", "abc")
    older = cache(here, "org/model", "v1", "def")

    assert locate("org/model", here) == newest
    assert locate("org/model@v1", here) == older
    assert locate("org/model@def", here) == older


def test_a_folder_of_the_same_name_comes_before_the_hub(here: Path) -> None:
    cache(here, "org/model", "main", "abc")
    (here / "org" / "model").mkdir(parents=True)

    assert locate("org/model", here) == here / "org" / "model"


def test_a_model_that_was_not_downloaded_is_refused(here: Path) -> None:
    with pytest.raises(MergeError, match="download it first, for example with `hf download org/m`"):
        locate("org/m@v1", here)


def test_a_folder_that_is_not_there_is_refused(here: Path) -> None:
    with pytest.raises(MergeError, match=r"there is no folder '\./base'; looked in .*/recipes and"):
        locate("./base", here / "recipes")


def test_a_recipe_has_folders_in_full_and_keeps_the_names_of_the_hub(here: Path) -> None:
    snapshot = cache(here, "org/base", "main", "abc")
    (here / "recipes" / "expert").mkdir()
    (here / "recipes" / "fisher.safetensors").touch()
    recipe = MergeRecipe(
        "fisher",
        {"expert": "expert"},
        base="org/base",
        coefficients={"expert": 1.0},
        statistics={"expert": "fisher.safetensors"},
    )

    located = locate_models(recipe, here / "recipes")

    expert = str(here / "recipes" / "expert")
    assert (located.here.base, located.named.base) == (str(snapshot), "org/base")
    assert located.here.experts == located.named.experts == {"expert": expert}
    assert located.named.statistics == {"expert": str(here / "recipes" / "fisher.safetensors")}
