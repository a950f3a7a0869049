import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from moopt.export.model_card import Origin, model_card, write_model_card
from tests.reports.made_trials import completed, two_objectives


@pytest.fixture
def merged(tmp_path: Path) -> Path:
    """Return a folder with the files of a merged model, but without weights."""
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "recipe.json").write_text(json.dumps({"base": "sentence-transformers/all-MiniLM"}))
    (tmp_path / "mergekit.yml").write_text("{}")
    return tmp_path


def front_matter(card: str) -> object:
    return yaml.safe_load(card.split("---\n")[1])


def test_a_merge_names_its_base_model_and_its_recipe(merged: Path) -> None:
    card = model_card(merged, Origin(two_objectives(), completed(3, 0.9, 12.5)))

    assert front_matter(card) == {
        "library_name": "transformers",
        "base_model": "sentence-transformers/all-MiniLM",
        "tags": ["moopt", "merge"],
    }
    assert "`recipe.json` is the merge recipe" in card
    assert "mergekit-yaml mergekit.yml FOLDER" in card


def test_a_folder_of_somebodys_disk_is_no_base_model(merged: Path) -> None:
    (merged / "recipe.json").write_text(json.dumps({"base": str(merged / "base")}))

    card = model_card(merged, Origin(two_objectives(), completed(3, 0.9, 12.5)))

    assert "base_model" not in card


def test_a_model_that_was_not_merged_has_no_merge_in_its_card(tmp_path: Path) -> None:
    card = model_card(tmp_path, Origin(two_objectives(), completed(3, 0.9, 12.5)))

    assert front_matter(card) == {"tags": ["moopt"]}
    assert "from_pretrained" not in card


def test_search_and_held_out_stand_side_by_side(merged: Path) -> None:
    card = model_card(merged, Origin(two_objectives(), completed(3, 0.9, 12.5)))

    assert "| `accuracy` | larger | 0.9 ± 0.01 | 0.88 ± 0.01 |" in card
    assert "| `latency` | smaller | 12.5 ± 0.5 | not measured |" in card


def test_a_card_says_how_the_model_is_loaded_and_made_again(merged: Path) -> None:
    origin = Origin(
        two_objectives(),
        completed(3, 0.9, 12.5),
        question="How fast?",
        source="studies/skills.py",
        front_size=7,
    )

    card = model_card(merged, origin)

    assert 'AutoModel.from_pretrained("path/to/this/folder")' in card
    assert "AutoTokenizer" not in card
    assert "moopt export studies/skills.py --trial 3 --to FOLDER" in card
    assert "> How fast?" in card
    assert "one of the 7 trials on the front" in card


def test_the_best_trial_of_one_objective_is_no_trade_off(tmp_path: Path) -> None:
    alone = replace(two_objectives(), objectives=two_objectives().objectives[:1])

    card = model_card(tmp_path, Origin(alone, completed(3, 0.9, 12.5), front_size=1))

    assert "is the best trial of the study `skills`" in card
    assert "searched for the best `accuracy` (maximize) with moopt" in card
    assert "front" not in card


def test_measurements_are_written_with_every_digit(tmp_path: Path) -> None:
    write_model_card(tmp_path, Origin(two_objectives(), completed(3, 0.1 + 0.2, 12.5)))

    written = json.loads((tmp_path / "measurements.json").read_text())
    assert list(written) == ["study", "trial", "parameters", "measurements", "held_out"]
    assert written["measurements"]["accuracy"] == {"mean": 0.1 + 0.2, "sem": 0.01}
    assert written["parameters"]["mixture"] == {"news": 0.25, "mail": 0.75}


def test_a_compressed_model_says_how_the_small_one_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"architectures": ["BertForSequenceClassification"]}')
    (tmp_path / "compressed.safetensors").touch()

    card = model_card(tmp_path, Origin(two_objectives(), completed(3, 0.9, 12.5)))

    assert "AutoModelForSequenceClassification.from_pretrained" in card
    assert "load_compressed(Path(" in card
