import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from moopt.errors import EvaluationError
from moopt.evaluators.measures import LiveMeasures
from tests.tiny_language_models import write_language_base, write_language_expert

pytestmark = pytest.mark.slow
lm_eval = pytest.importorskip("moopt.evaluators.lm_eval", reason="needs the extra lm-eval")

DOCUMENTS = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a task of our own, its documents, a base and an expert."""
    made = tmp_path_factory.mktemp("lm_eval")
    rows = [
        {"text": f"{word} {filling} film", "label": place % 2}
        for place in range(DOCUMENTS)
        for word, filling in [
            (("a", "the", "very", "quite")[place % 4], ("bad", "good")[place % 2])
        ]
    ]
    documents = made / "films.jsonl"
    documents.write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = {
        "task": "tiny_films",
        "dataset_path": "json",
        "dataset_kwargs": {
            "data_files": {"test": str(documents)},
            "cache_dir": str(made / "cache"),
        },
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{text}}",
        "doc_to_choice": ["poor", "fine"],
        "doc_to_target": "label",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    }
    (made / "tasks").mkdir()
    (made / "tasks" / "tiny_films.yaml").write_text(yaml.safe_dump(task))
    base = write_language_base(made / "base")
    write_language_expert(made / "expert", base, seed=1)
    return made


def measures(folder: Path, metric: str = "acc", base: str = "base") -> LiveMeasures:
    asked = lm_eval.LmEvalTasks({"tiny_films": metric}, include=folder / "tasks", batch_size=4)
    found: LiveMeasures = asked.load(folder / base, {}, "cpu")
    return found


def test_a_task_has_an_accuracy_with_a_standard_error(folder: Path) -> None:
    found = measures(folder).measure("search")

    mean, error = found["tiny_films_acc"]
    assert list(found) == ["tiny_films_acc"]
    assert 0 <= mean <= 1
    assert (mean * DOCUMENTS / 2) % 1 == pytest.approx(0, abs=1e-9)
    assert 0 < error < 0.2


def test_the_live_weights_are_what_is_measured(folder: Path) -> None:
    live, expert = measures(folder), measures(folder, base="expert")

    live.model.load_state_dict(expert.model.state_dict())

    assert live.measure("search") == expert.measure("search")


def test_a_metric_that_a_task_does_not_have_is_named(folder: Path) -> None:
    with pytest.raises(EvaluationError, match=r"no 'f1' with a standard error .* \['acc'\]"):
        measures(folder, "f1").measure("held_out")


def test_an_unknown_task_is_named(folder: Path) -> None:
    asked = lm_eval.LmEvalTasks({"tiny_filmz": "acc"}, include=folder / "tasks")

    with pytest.raises(EvaluationError, match=r"has no tasks \['tiny_filmz'\]"):
        asked.load(folder / "base", {}, "cpu")


def test_without_the_extra_the_error_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['lm_eval'] = None\n"
        "from moopt.errors import MissingDependencyError\n"
        "try:\n    import moopt.evaluators.lm_eval\n"
        "except MissingDependencyError as error:\n    print(error)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )

    assert "pip install 'moopt[lm-eval]'" in done.stdout
