"""The real optuna-dashboard on a real store, asked over HTTP."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from moopt.dashboard.optuna_server import optuna_server
from moopt.dashboard.optuna_view import OptunaView
from moopt.errors import SelectionError, StoreError
from moopt.front.front import front_of
from moopt.store.store import Store
from moopt.study.objectives import Minimize, Objective, OutcomeConstraint
from moopt.study.parameters import Continuous
from moopt.study.study import Study
from moopt.study.trials import Candidate, Measurement

WORD = "a-long-word-of-ours"
STUDY = '''
"""How much news helps?"""
from moopt import *

study = Study(
    "mixed",
    parameters=[
        Continuous("rate", 1e-4, 1e-1, log=True),
        Categorical("kind", ["adam", "sgd"]),
        Continuous("momentum", 0.0, 0.9, when=When("kind", "sgd")),
        Simplex("mixture", ["news", "mail", "chat"]),
    ],
    objectives=[Objective("skill", Maximize, reference=0.0), Objective("cost", Minimize)],
    outcome_constraints=[OutcomeConstraint("toxicity", at_most=0.5)],
)


def evaluate(trial, context):
    mixture = trial.parameters["mixture"]
    if mixture["mail"] > 0.7:
        raise RuntimeError("<b>out of memory</b>")
    # What is toxic is better in both, so an answer that ignores the limit shows it.
    return {
        "skill": mixture["news"] + mixture["chat"],
        "cost": trial.parameters.get("momentum", 0.5) + 1 - mixture["chat"],
        "toxicity": mixture["chat"],
    }
'''


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    headers: dict[str, str]

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.text))


@dataclass(frozen=True)
class Pages:
    port: int

    def ask(
        self, path: str, *, method: str = "GET", body: object = None, host: str = "localhost"
    ) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Host": f"{host}:{self.port}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, headers)
        response = connection.getresponse()
        answer = Answer(response.status, response.read().decode(), dict(response.headers))
        connection.close()
        return answer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a store in which a study was run."""
    found = tmp_path_factory.mktemp("optuna")
    (found / "mixed.py").write_text(STUDY)
    call = [sys.executable, "-c", "from moopt.cli.app import main; main()", "run", "mixed.py"]
    call += ["--trials", "30", "--sampler", "sobol", "--executor", "in-process", "--seed", "3"]
    environment = {**os.environ, "MOOPT_STORE": "moopt.db"}
    subprocess.run(call, cwd=found, env=environment, check=True, capture_output=True, timeout=300)
    with Store(str(found / "moopt.db")) as store:
        again = Candidate(store.trials("mixed")[0].parameters, sampler="by hand")
        running = store.add("mixed", again, 0)
        store.start("mixed", running.number, driver="test")
        cheap = Study(
            "cheap", parameters=[Continuous("x", 0, 1)], objectives=[Objective("y", Minimize)]
        )
        store.register(cheap)
    return found


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    with Store(str(folder / "moopt.db")) as opened:
        yield opened


@pytest.fixture
def pages(store: Store) -> Iterator[Pages]:
    server = optuna_server(store, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Pages(server.server_port)
    server.shutdown()
    thread.join()
    server.server_close()


def numbers(trials: list[dict[str, Any]]) -> list[int]:
    return [trial["number"] for trial in trials]


def front_numbers(store: Store, name: str) -> list[int]:
    return [each.number for each in front_of(store.study(name), store.trials(name)).trials]


@pytest.mark.slow
def test_it_lists_the_studies_and_every_trial_of_one(store: Store, pages: Pages) -> None:
    listed = pages.ask("/api/studies").json["study_summaries"]
    assert [(each["study_id"], each["study_name"]) for each in listed] == [
        (1, "mixed"),
        (2, "cheap"),
    ]
    assert listed[0]["directions"] == ["maximize", "minimize"]
    study = pages.ask("/api/studies/1").json
    assert study["objective_names"] == ["skill", "cost"]
    assert len(study["trials"]) == len(store.trials("mixed"))
    assert {trial["state"] for trial in study["trials"]} == {"Complete", "Fail", "Running"}
    assert [each["name"] for each in study["intersection_search_space"]] == [
        "kind",
        "mixture.chat",
        "mixture.mail",
        "mixture.news",
        "rate",
    ]
    assert {"momentum"} == {each["name"] for each in study["union_search_space"]} - {
        each["name"] for each in study["intersection_search_space"]
    }
    assert pages.ask("/api/studies/2").json["best_trials"] == []
    assert pages.ask("/api/studies/9").status == 404


@pytest.mark.slow
def test_a_trial_is_shown_with_what_was_measured(store: Store, pages: Pages) -> None:
    shown = pages.ask("/api/studies/1").json["trials"]
    for trial, answer in zip(store.trials("mixed"), shown, strict=True):
        params = {each["name"]: each["param_internal_value"] for each in answer["params"]}
        assert params["rate"] == trial.parameters["rate"]
        assert params["mixture.chat"] == trial.parameters["mixture"]["chat"]
        assert ("momentum" in params) == (trial.parameters["kind"] == "sgd")
        attributes = {each["key"]: each["value"] for each in answer["user_attrs"]}
        if answer["state"] == "Complete":
            means = {name: each.mean for name, each in trial.measurements.items()}
            assert answer["values"] == [means["skill"], means["cost"]]
            assert answer["constraints"] == [means["toxicity"] - 0.5]
        elif answer["state"] == "Fail":
            assert attributes["moopt:failure"].startswith("RuntimeError: <b>out of memory</b>")
            assert attributes["moopt:failure kind"] == "candidate"
        else:
            assert "values" not in answer
            assert answer["constraints"] == []


@pytest.mark.slow
def test_the_best_trials_are_those_of_our_front(store: Store, pages: Pages) -> None:
    study = pages.ask("/api/studies/1").json
    assert numbers(study["best_trials"]) == front_numbers(store, "mixed")
    assert all(each["constraints"][0] <= 0 for each in study["best_trials"])
    # Without the limit others would be best, which is what optuna-dashboard answers by itself.
    loose = front_of(store.study("mixed"), store.trials("mixed"), include_infeasible=True)
    assert [each.number for each in loose.trials] != front_numbers(store, "mixed")


@pytest.mark.slow
def test_every_plot_and_table_of_the_dashboard_is_there(pages: Pages) -> None:
    kinds = ["contour", "slice", "parallel_coordinate", "rank", "edf", "timeline", "pareto_front"]
    paths = [f"/api/studies/1/plot/{kind}" for kind in kinds]
    paths += ["/api/meta", "/api/studies/1/param_importances", "/csv/1", "/dashboard/studies/1"]
    assert {path: pages.ask(path).status for path in paths} == dict.fromkeys(paths, 200)


@pytest.mark.slow
def test_trials_that_another_process_adds_are_shown(
    folder: Path, store: Store, pages: Pages
) -> None:
    before = pages.ask("/api/studies/1").json
    known = len(before["trials"])
    best = {"skill": Measurement(2.0), "cost": Measurement(0.1), "toxicity": Measurement(0.5)}
    with Store(str(folder / "moopt.db")) as other:
        point = other.trials("mixed")[1].parameters
        number = other.add("mixed", Candidate(point), 0).number
        other.start("mixed", number, driver="another")
        assert numbers(pages.ask(f"/api/studies/1?after={known}").json["trials"]) == [number]
        other.complete("mixed", number, best)
    after = pages.ask(f"/api/studies/1?after={known}").json
    assert [each["state"] for each in after["trials"]] == ["Complete"]
    assert numbers(after["best_trials"]) == front_numbers(store, "mixed") == [number]


@pytest.mark.slow
def test_nothing_can_be_written(store: Store, pages: Pages) -> None:
    before = store.revision("mixed")
    for method, path in [
        ("POST", "/api/studies"),
        ("DELETE", "/api/studies/1"),
        ("POST", "/api/trials/10000000/tell"),
        ("PUT", "/api/studies/1/note"),
    ]:
        answer = pages.ask(path, method=method, body={"state": "Fail", "study_name": "x"})
        assert answer.status == 403
        assert "changes nothing" in answer.json["reason"]
    assert store.revision("mixed") == before
    assert store.studies() == ["mixed", "cheap"]
    study = optuna.load_study(storage=OptunaView(store), study_name="mixed")
    with pytest.raises(StoreError, match="read as Optuna's and not written"):
        study.ask()


@pytest.mark.slow
def test_optuna_itself_reads_the_store_as_a_storage(store: Store) -> None:
    study = optuna.load_study(storage=OptunaView(store), study_name="mixed")
    assert [trial.number for trial in study.best_trials] == front_numbers(store, "mixed")
    assert study.metric_names == ["skill", "cost"]
    (running,) = study.get_trials(states=(TrialState.RUNNING,))
    assert running.user_attrs["moopt:sampler"] == "by hand"


def test_the_best_trial_of_one_objective_is_feasible(tmp_path: Path) -> None:
    limited = Study(
        "one",
        parameters=[Continuous("x", 0, 1)],
        objectives=[Objective("y", Minimize)],
        outcome_constraints=[OutcomeConstraint("y", at_least=0.5)],
    )
    with Store(str(tmp_path / "one.db")) as store:
        store.register(limited)
        view = OptunaView(store)
        for number, x in enumerate((0.1, 0.9, 0.6)):
            store.add("one", Candidate({"x": x}), 0)
            store.start("one", number, driver="test")
            store.complete("one", number, {"y": Measurement(x)})
            if number == 0:
                with pytest.raises(ValueError, match="no feasible trial"):
                    view.get_best_trial(1)
        assert view.get_best_trial(1).values == [0.6]


def test_a_foreign_name_and_a_missing_token_are_refused(tmp_path: Path) -> None:
    with Store(str(tmp_path / "empty.db")) as store:
        server = optuna_server(store, host="127.0.0.1", port=0, token=WORD)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        pages = Pages(server.server_port)
        assert pages.ask("/api/studies", host="evil.example").status == 403
        assert pages.ask("/api/studies").status == 401
        assert pages.ask("/api/studies?token=wrong").status == 401
        assert pages.ask(f"/api/studies?token={WORD}").status == 200
        first = pages.ask(f"/dashboard?x=1&token={WORD}")
        assert first.status == 303
        assert first.headers["Location"].endswith("/dashboard?x=1")
        assert f"moopt-token-{server.server_port}={WORD}" in first.headers["Set-Cookie"]
        assert "default-src 'none'" in first.headers["Content-Security-Policy"]
        assert first.headers["Referrer-Policy"] == "no-referrer"
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_server_for_others_needs_a_token_and_a_port_of_its_own(tmp_path: Path) -> None:
    with Store(str(tmp_path / "empty.db")) as store:
        with pytest.raises(SelectionError, match="ssh -L"):
            optuna_server(store, host="192.0.2.1", port=0)
        taken = optuna_server(store, host="127.0.0.1", port=0)
        with pytest.raises(SelectionError, match="taken, or no address"):
            optuna_server(store, host="127.0.0.1", port=taken.server_port)
        taken.server_close()
