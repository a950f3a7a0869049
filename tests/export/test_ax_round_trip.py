import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ax.core.data import Data, DataRow
from ax.core.experiment import Experiment
from ax.storage.json_store.decoder import object_from_json
from ax.storage.json_store.encoder import object_to_json
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moopt.export.ax_files import read_ax_file, write_client, write_experiment
from moopt.export.ax_space import ax_space
from moopt.export.from_ax import from_ax, read_experiment
from moopt.export.to_ax import to_ax
from moopt.optimizer import Optimizer
from moopt.study.objectives import Fidelity, Maximize, Objective
from moopt.study.parameters import Categorical, Continuous, Integer
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from moopt.study.trials import Measurement, Trial, TrialState
from moopt.study.validation import check_parameters
from tests.export.made_for_ax import everything, trials_of
from tests.strategies import finite, studies

pytestmark = pytest.mark.slow

AX_ALONE = """\
import json, sys
from ax.api.client import Client
from ax.storage.json_store.load import load_experiment

client = Client.load_from_json_file(sys.argv[1])
experiment = load_experiment(sys.argv[2])
assert not any(name.split(".")[0] == "moopt" for name in sys.modules)
print(json.dumps([
    len(client.summarize()),
    len(experiment.trials),
    experiment.optimization_config.objective.expression,
    [each.bound for each in experiment.optimization_config.objective_thresholds],
    sorted({trial.status.name for trial in experiment.trials.values()}),
    experiment.trials[4].status_reason,
]))
"""


def through_json(experiment: Experiment) -> Experiment:
    found = object_from_json(json.loads(json.dumps(object_to_json(experiment))))
    assert isinstance(found, Experiment)
    return found


@pytest.mark.parametrize("objectives", [1, 2, 3])
@pytest.mark.parametrize("fidelity", [None, Fidelity("epochs", low=1, high=9)])
def test_a_study_with_everything_comes_back_equal(
    objectives: int, fidelity: Fidelity | None
) -> None:
    study = everything(objectives, fidelity=fidelity)
    trials = trials_of(study)

    assert from_ax(to_ax(study, trials)) == (study, trials)
    assert from_ax(through_json(to_ax(study, trials))) == (study, trials)


def test_keys_of_trials_come_back() -> None:
    study = everything()
    trials = trials_of(study)

    _, found = from_ax(through_json(to_ax(study, trials)))

    assert [trial.key for trial in found] == [trial.key for trial in trials]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(studies(), st.lists(st.tuples(finite, finite, st.booleans()), max_size=4))
def test_drawn_studies_come_back_equal(
    study: Study, values: list[tuple[float, float, bool]]
) -> None:
    points = Optimizer(study, "random").ask(len(values)) if values else []
    trials = [
        Trial(
            trial.number,
            trial.parameters,
            state=TrialState.COMPLETED,
            measurements={
                "accuracy": Measurement(accuracy, abs(latency) if is_known else None),
                "latency": Measurement(latency),
            },
        )
        for trial, (accuracy, latency, is_known) in zip(points, values, strict=False)
    ]

    assert from_ax(through_json(to_ax(study, trials))) == (study, trials)


def test_every_trial_is_a_point_of_the_space_that_ax_gets() -> None:
    study = everything(fidelity=Fidelity("epochs", low=1, high=9))
    experiment = to_ax(study, trials_of(study))

    assert all(
        experiment.search_space.check_membership(arm.parameters, raise_error=True)
        for arm in experiment.arms_by_name.values()
    )


def test_the_files_load_in_a_process_with_ax_alone(tmp_path: Path) -> None:
    study = everything()
    experiment = to_ax(study, trials_of(study))
    client, alone = tmp_path / "client.json", tmp_path / "experiment.json"

    write_client(experiment, client)
    write_experiment(experiment, alone)
    ran = subprocess.run(
        [sys.executable, "-I", "-c", AX_ALONE, str(client), str(alone)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=300,
    )

    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout.splitlines()[-1]) == [
        20,
        20,
        "accuracy, -latency_ms",
        [0.2, 50.0],
        ["ABANDONED", "CANDIDATE", "COMPLETED", "FAILED", "RUNNING"],
        "candidate: RuntimeError: <script>alert(1)</script>",
    ]
    assert from_ax(read_ax_file(client)) == from_ax(read_ax_file(alone))


def test_what_went_on_in_ax_is_read_with_the_rest_unchanged() -> None:
    study = everything()
    trials = trials_of(study)
    experiment = through_json(to_ax(study, trials))

    experiment.trials[19].mark_failed(reason="out of memory")
    _, found = from_ax(experiment)

    assert found[:19] == trials[:19]
    assert found[19].state is TrialState.FAILED
    assert found[19].failure is not None
    assert found[19].failure.message == "out of memory"
    assert found[19].parameters == trials[19].parameters


def test_a_range_too_narrow_for_ax_is_exported_in_a_smaller_unit() -> None:
    study = Study(
        "narrow",
        parameters=[Continuous("rate", 1e-6, 1e-5, log=True)],
        objectives=[Objective("y", Maximize)],
    )

    slot = ax_space(study).slots[0]
    values = [1e-6 + 9e-6 * each / 1999 for each in range(2000)]
    assert [slot.from_ax(slot.to_ax({"rate": each})) for each in values] == values
    (parameter,) = to_ax(study, []).search_space.range_parameters.values()

    assert (parameter.name, parameter.lower, parameter.upper) == (
        "rate_x131072",
        131072e-6,
        131072e-5,
    )


def test_weights_keep_every_bit_and_are_mended_within_their_bounds() -> None:
    simplex = Simplex("m", ["a", "b", "c"], high=0.5)
    study = Study("sums", parameters=[simplex], objectives=[Objective("y", Maximize)])
    space = ax_space(study)
    draws = np.random.default_rng(0).dirichlet(np.full(3, 50.0), 500).tolist()

    for draw in draws:
        weights = dict(zip(simplex.parts, draw, strict=True))
        assert space.from_ax(space.to_ax({"m": weights}, None)) == {"m": weights}
    mended = space.from_ax({"m.a": 0.5, "m.b": 0.3, "m.c": 0.2 - 3e-7})
    assert check_parameters([simplex], [], mended, "it")


def test_integers_between_steps_are_the_nearest() -> None:
    study = Study(
        "steps",
        parameters=[Integer("n", 1, 5001, step=4)],
        objectives=[Objective("y", Maximize)],
    )
    space = ax_space(study)

    assert [space.from_ax({"n": each})["n"] for each in (1, 2, 4, 5000)] == [1, 1, 5, 5001]


def test_references_that_were_inferred_are_not_the_users() -> None:
    study = everything()
    defined = replace(
        study, objectives=[replace(study.objectives[0], reference=None), *study.objectives[1:]]
    )

    experiment = through_json(to_ax(study, [], inferred=["accuracy"]))
    read = read_experiment(experiment, experiment.lookup_data())

    assert (read.defined, read.study, read.inferred) == (defined, study, {"accuracy": 0.2})


def test_a_cancelled_trial_that_was_measured_in_ax_stays_cancelled() -> None:
    study = everything()
    trials = trials_of(study)
    experiment = to_ax(study, trials)
    arm = experiment.trials[18].arms[0].name

    experiment.attach_data(Data([DataRow(18, arm, "accuracy", "accuracy", 0.5, 0.1)]))
    _, found = from_ax(experiment)

    assert found[18].state is TrialState.CANCELLED
    assert found[18].failure is None


def test_names_that_ax_would_read_as_formulas_are_changed() -> None:
    study = Study(
        "names",
        parameters=[Integer("lambda", 0, 3), Categorical("trial_index", ["a", "b"])],
        objectives=[Objective("beta", Maximize), Objective("a-b", Maximize)],
    )

    experiment = to_ax(study, [])

    assert list(experiment.search_space.parameters) == ["lambda_", "trial_index_"]
    assert list(experiment.metrics) == ["beta_", "a_b"]
