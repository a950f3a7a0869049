import json
from pathlib import Path

import pytest
from ax.core.arm import Arm
from ax.core.generator_run import GeneratorRun

from moopt.cli.app import main
from moopt.export.ax_files import write_experiment
from moopt.export.to_ax import to_ax
from moopt.store.store import Store
from moopt.study.trials import TrialState
from tests.export.made_for_ax import everything, trials_of

pytestmark = pytest.mark.slow


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return int(ended.value.code or 0)


@pytest.fixture
def store(tmp_path: Path) -> str:
    study = everything()
    url = str(tmp_path / "a.db")
    with Store(url) as opened:
        opened.bring(study, trials_of(study))
    return url


@pytest.mark.parametrize("reader", ["client", "experiment"])
def test_a_study_goes_to_ax_and_comes_back_into_another_store(
    store: str, reader: str, tmp_path: Path
) -> None:
    study = everything()
    file, other = str(tmp_path / "ax.json"), str(tmp_path / "b.db")

    assert run("export-ax", study.name, "--to", file, "--for", reader, "--store", store) == 0
    assert run("import-ax", file, "--store", other) == 0

    with Store(store) as before, Store(other) as after:
        assert after.study(study.name) == before.study(study.name) == study
        assert after.trials(study.name) == before.trials(study.name)
        keys = {each.key for each in before.trials(study.name)}
        assert not keys & {each.key for each in after.trials(study.name)}
        (*ended, running) = before.trials(study.name)
    assert ended == trials_of(study)[:-1]
    assert running.state is TrialState.PROPOSED


def test_a_study_with_trials_is_not_brought_more(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "ax.json")
    run("export-ax", everything().name, "--to", file, "--store", store)

    assert run("import-ax", file, "--store", store) == 2

    assert "has 20 trials in this store" in capsys.readouterr().err


STUDY_FILE = """\
from moopt import Continuous, Maximize, Objective, Study

study = Study(
    "hill", parameters=[Continuous("x", 0, 1)], objectives=[Objective("y", Maximize)]
)


def evaluate(trial, context):
    return {"y": 1 - trial.parameters["x"] ** 2}
"""


def test_an_imported_study_goes_on_with_its_own_file(tmp_path: Path) -> None:
    file = tmp_path / "hill.py"
    file.write_text(STUDY_FILE)
    ax, one, other = (str(tmp_path / name) for name in ("ax.json", "a.db", "b.db"))
    plain = ("--workers", "1", "--sampler", "random")

    assert run("run", str(file), "--trials", "25", "--store", one, *plain) == 0
    assert run("export-ax", "hill", "--to", ax, "--store", one) == 0
    assert run("import-ax", ax, "--store", other) == 0
    with Store(one) as before, Store(other) as after:
        assert after.inferred("hill") == before.inferred("hill")
        assert after.study("hill") == before.study("hill")
    assert run("run", str(file), "--trials", "26", "--store", other, *plain) == 0
    with Store(other) as after:
        assert len(after.trials("hill")) == 26


def test_what_is_no_point_of_the_study_is_left_out_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study, file = everything(), tmp_path / "ax.json"
    experiment = to_ax(study, trials_of(study, 12))
    arm = Arm({**experiment.trials[0].arms[0].parameters, "learning_rate_x131072": 9.0})
    experiment.new_trial(GeneratorRun([arm]))
    write_experiment(experiment, file)

    assert run("import-ax", str(file), "--store", str(tmp_path / "b.db")) == 0

    told = capsys.readouterr()
    assert told.out == f"study {study.name}: 12 trials\n"
    assert "left out 1 of 13 trials" in told.err
    assert "Ax's trial 12: parameter 'learning_rate' is" in told.err


def test_a_file_of_another_kind_is_refused(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "notes.json"
    wrong.write_text(json.dumps({"a": 1}))

    assert run("export-ax", everything().name, "--to", "x.html", "--store", store) == 2
    assert run("import-ax", str(wrong), "--store", store) == 2

    told = capsys.readouterr().err
    assert "needs a file whose name ends in .json" in told
    assert "holds no experiment of Ax" in told
