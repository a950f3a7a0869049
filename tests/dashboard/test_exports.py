"""What a browser may have written: models of trials that it can see, and nothing else."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from dash import Dash, html

from moopt.benchmarks.made_trials import fill_store, tuning_study, tuning_trials
from moopt.cli.export import export_named
from moopt.dashboard.exports import Exports, Progress
from moopt.dashboard.live import LiveStudies
from moopt.dashboard.pick_tab import register_exports
from moopt.errors import MooptError, SelectionError
from moopt.store.store import Store

EXPORT = "tests.dashboard.made_cards:export_with_children"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    fill_store(tmp_path / "s.db", tuning_study(), tuning_trials(5))
    return tmp_path


@pytest.fixture
def exports(folder: Path) -> Iterator[Exports]:
    with Store(str(folder / "s.db")) as store:
        found = Exports(EXPORT, "s.db", LiveStudies(store))
        yield found
        found.close()


def test_a_file_is_no_study_however_it_is_asked_for(folder: Path, exports: Exports) -> None:
    evil = folder / "evil.py"
    evil.write_text("open('ran', 'w').close()")

    for name in (str(evil), "evil.py", "../tuning"):
        with pytest.raises(SelectionError, match="no study"):
            exports.start(name, 0)
        with pytest.raises(SelectionError, match="no study"):
            export_named(name, to=folder / "out", trial=0, store="s.db")
    assert not (folder / "ran").exists()


def test_a_file_with_the_name_of_a_study_is_not_taken_for_it(folder: Path) -> None:
    (folder / "tuning").write_text("open('ran', 'w').close()")

    with pytest.raises(SelectionError, match="not made from a study file"):
        export_named("tuning", to=folder / "out", trial=0, store="s.db")
    assert not (folder / "ran").exists()


@pytest.mark.parametrize("number", [99, True])
def test_only_a_trial_that_there_is_can_be_written(exports: Exports, number: int) -> None:
    with pytest.raises(SelectionError, match="no trial"):
        exports.start("tuning", number)


def test_a_study_that_may_not_be_seen_is_not_written(folder: Path) -> None:
    with Store(str(folder / "s.db")) as store:
        hidden = Exports(EXPORT, "s.db", LiveStudies(store, only="another"))
        with pytest.raises(MooptError):
            hidden.start("tuning", 0)


def test_models_stay_in_their_folder(folder: Path, exports: Exports) -> None:
    (folder / "models").mkdir()
    (folder / "models" / "tuning-0").symlink_to(folder.parent)

    with pytest.raises(SelectionError, match="is not in it"):
        exports.start("tuning", 0)


def written(exports: Exports) -> Progress:
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        progress = exports.progress("tuning")[0]
        if progress.is_done:
            return progress
        time.sleep(0.05)
    raise AssertionError("no export within a minute")


@pytest.mark.slow
def test_an_export_may_start_processes_of_its_own(folder: Path, exports: Exports) -> None:
    exports.start("tuning", 0)

    assert written(exports).kind == "good"
    assert (folder / "models" / "tuning-0" / "child").read_text() != str(os.getpid())


def test_a_press_counts_beside_a_new_choice(exports: Exports) -> None:
    app = Dash()
    app.layout = html.Div()
    register_exports(app, exports)
    body = {
        "output": "..pick-exported.children...export-clock.disabled...pick-export.disabled..",
        "outputs": [
            {"id": "pick-exported", "property": "children"},
            {"id": "export-clock", "property": "disabled"},
            {"id": "pick-export", "property": "disabled"},
        ],
        "inputs": [
            {"id": "pick-export", "property": "n_clicks", "value": 1},
            {"id": "export-clock", "property": "n_intervals", "value": None},
            {"id": "pick-number", "property": "data", "value": 3},
        ],
        "state": [{"id": "study", "property": "data", "value": "tuning"}],
        "changedPropIds": ["pick-number.data", "pick-export.n_clicks"],
    }

    answer = app.server.test_client().post("/_dash-update-component", json=body)

    assert answer.status_code == 200
    assert [each.number for each in exports.progress("tuning")] == [3]
