import json

from moopt.front.front import front_of
from moopt.reports.tables import (
    front_to_json,
    measurement_table,
    record_table,
    trials_to_csv,
    trials_to_json,
)
from moopt.study.objectives import Minimize, Objective
from moopt.study.study import Study
from moopt.study.trials import Measurement, Trial, TrialState
from tests.reports.made_trials import completed, crashed, front_of_three, two_objectives


def test_the_front_as_json_has_exactly_the_promised_keys() -> None:
    study = two_objectives()

    found = front_to_json(front_of(study, front_of_three()))

    assert list(found) == ["study", "objectives", "hypervolume", "trials"]
    assert found["objectives"][1] == {
        "name": "latency",
        "direction": "minimize",
        "reference": 50.0,
    }
    assert [trial["number"] for trial in found["trials"]] == [0, 1, 2]
    assert found["trials"][0] == {
        "number": 0,
        "state": "completed",
        "parameters": {
            "rate": 1e-4,
            "optimizer": "adamw",
            "mixture": {"news": 0.25, "mail": 0.75},
        },
        "measurements": {
            "accuracy": {"mean": 0.9, "sem": 0.01},
            "latency": {"mean": 40.0, "sem": 0.5},
            "toxicity": {"mean": 0.01, "sem": None},
        },
        "held_out": {"accuracy": {"mean": 0.88, "sem": 0.01}},
    }


def test_the_hypervolume_of_the_front_is_that_of_its_boxes() -> None:
    # By hand, in (accuracy - 0.5) x (50 - latency): 0.1 x 40 + 0.2 x 35 + 0.1 x 10.
    found = front_to_json(front_of(two_objectives(), front_of_three()))

    assert abs(found["hypervolume"] - 12.0) < 1e-9


def test_a_trial_as_json_carries_its_record_and_its_failure() -> None:
    found = trials_to_json(two_objectives(), [completed(0, 0.9, 40.0), crashed(1, "boom")])

    first, second = found["trials"]
    assert found["study"] == "skills"
    assert first["started"] == "2026-11-21T12:00:00+00:00"
    assert first["ended"] == "2026-11-21T12:01:00+00:00"
    assert (first["failure"], first["sampler"], first["fidelity"]) == (None, "sobol", None)
    assert (second["failure"]["kind"], second["failure"]["cause"]) == ("candidate", "unknown")
    assert second["failure"]["message"] == "boom"
    assert "mend it and run again" in second["failure"]["advice"]
    assert (second["measurements"], second["held_out"], second["started"]) == ({}, {}, None)


def test_floats_go_through_json_without_rounding() -> None:
    awkward = 0.1 + 0.2
    trial = Trial(
        0, {"rate": awkward}, state=TrialState.COMPLETED, measurements={"y": Measurement(awkward)}
    )

    read = json.loads(json.dumps(trials_to_json(two_objectives(), [trial])))

    assert read["trials"][0]["parameters"]["rate"] == awkward
    assert read["trials"][0]["measurements"]["y"]["mean"] == awkward


def test_csv_has_a_column_for_each_part_and_each_measurement() -> None:
    lines = trials_to_csv(two_objectives(), [completed(0, 0.9, 40.0), crashed(1, "a, b")])

    header, first, second = lines.splitlines()
    assert header == (
        "number,state,sampler,fidelity,continues,parameter.rate,parameter.optimizer,parameter.momentum,"
        "parameter.mixture.news,parameter.mixture.mail,measurement.accuracy.mean,"
        "measurement.accuracy.sem,measurement.latency.mean,measurement.latency.sem,"
        "measurement.toxicity.mean,measurement.toxicity.sem,held_out.accuracy.mean,"
        "held_out.accuracy.sem,held_out.latency.mean,held_out.latency.sem,held_out.toxicity.mean,"
        "held_out.toxicity.sem,failure.kind,failure.cause,failure.message,failure.advice,"
        "started,ended"
    )
    assert first.startswith("0,completed,sobol,,,0.0001,adamw,,0.25,0.75,0.9,0.01,40.0,0.5,0.01,,")
    assert ',candidate,unknown,"a, b",' in second
    assert second.endswith('mend it and run again",,')


def test_held_out_measurements_stand_beside_those_of_the_search() -> None:
    table = measurement_table(two_objectives(), [completed(0, 0.9, 40.0)], held_out=True)

    assert table.columns[:3] == ("trial", "accuracy ↑", "held out")
    assert table.rows[0][:5] == ("0", "0.900 ± 0.010", "0.880 ± 0.010", "40.00 ± 0.50", "—")


def test_stacked_measurements_take_one_column_an_outcome() -> None:
    table = measurement_table(
        two_objectives(), [completed(0, 0.9, 40.0)], held_out=True, stacked=True
    )

    assert table.columns == ("trial", "accuracy ↑", "latency ↓", "toxicity ≤ 0.05")
    assert table.rows[0][1] == "0.900 ± 0.010\n0.880 ± 0.010"


def test_the_record_shows_the_last_line_of_a_failure() -> None:
    table = record_table(two_objectives(), [crashed(7, "Traceback\nValueError: too large")])

    assert table.rows[0][:2] == ("7", "failed")
    assert table.rows[0][-1] == "candidate: ValueError: too large"


def test_an_outcome_without_measurements_still_has_its_column() -> None:
    study = Study(
        "s",
        parameters=two_objectives().parameters,
        objectives=[Objective("a", Minimize), Objective("b", Minimize)],
    )

    table = measurement_table(study, [crashed(0)], held_out=False)

    assert table.rows == (("0", "—", "—"),)
