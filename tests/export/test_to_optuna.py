from datetime import UTC, datetime

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState as OptunaState

from moopt.export.to_optuna import OptunaExport
from moopt.study.conditions import When
from moopt.study.objectives import Fidelity, Maximize, Minimize, Objective, OutcomeConstraint
from moopt.study.parameters import Categorical, Continuous, Integer
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from moopt.study.trials import Failure, FailureKind, Measurement, Trial, TrialState

STUDY = Study(
    "everything",
    parameters=[
        Continuous("rate", 1e-4, 1e-1, log=True),
        Integer("rank", 4, 16, step=4),
        Categorical("kind", ["adam", "sgd"]),
        Continuous("momentum", 0, 0.9, when=When("kind", "sgd")),
        Simplex("mixture", ["news", "mail"]),
    ],
    objectives=[Objective("skill", Maximize, reference=0.1), Objective("cost", Minimize)],
    outcome_constraints=[OutcomeConstraint("toxicity", at_least=0.0, at_most=0.5)],
    fidelity=Fidelity("epochs", low=1, high=9),
)
POINT = {"rate": 1e-2, "rank": 8, "kind": "adam", "mixture": {"news": 0.25, "mail": 0.75}}
BEGAN = datetime(2026, 11, 21, 12, tzinfo=UTC)
MEASURED = {
    "skill": Measurement(0.7, 0.02),
    "cost": Measurement(3.0),
    "toxicity": Measurement(0.6),
}
EXPORT = OptunaExport.of(STUDY)


def shown(
    state: TrialState,
    *,
    measured: dict[str, Measurement] | None = None,
    fidelity: float = 9.0,
    failure: Failure | None = None,
) -> optuna.trial.FrozenTrial:
    trial = Trial(
        3,
        POINT,
        state=state,
        fidelity=fidelity,
        measurements=measured or {},
        held_out={"skill": Measurement(0.6)},
        partial={3.0: {"skill": Measurement(0.4)}},
        failure=failure,
        started=BEGAN,
        key="abc",
    )
    return EXPORT.frozen_trial(trial, 3)


def test_the_space_is_optunas_with_a_number_for_each_part_of_a_simplex() -> None:
    unit = FloatDistribution(0.0, 1.0)
    assert EXPORT.search_space() == {
        "rate": FloatDistribution(1e-4, 1e-1, log=True),
        "rank": IntDistribution(4, 16, step=4),
        "kind": CategoricalDistribution(["adam", "sgd"]),
        "momentum": FloatDistribution(0, 0.9),
        "mixture.news": unit,
        "mixture.mail": unit,
    }
    assert "momentum" not in EXPORT.search_space(always_asked=True)


def test_a_part_does_not_take_the_name_of_a_parameter() -> None:
    study = Study(
        "namesakes",
        parameters=[Simplex("a", ["b", "c"]), Continuous("a.b", 0, 1)],
        objectives=[Objective("y", Minimize)],
    )
    assert list(OptunaExport.of(study).search_space()) == ["a/b", "a/c", "a.b"]


def test_parts_of_two_simplexes_have_names_of_their_own() -> None:
    study = Study(
        "namesakes",
        parameters=[Simplex("a", ["b.c", "d"]), Simplex("a.b", ["c", "e"])],
        objectives=[Objective("y", Minimize)],
    )
    assert list(OptunaExport.of(study).search_space()) == ["a/b.c", "a/d", "a.b/c", "a.b/e"]


def test_outcomes_may_be_named_as_our_attributes_are() -> None:
    study = Study(
        "namesakes",
        parameters=[Continuous("x", 0, 1)],
        objectives=[Objective("y", Minimize)],
        outcome_constraints=[OutcomeConstraint("sampler", at_most=1.0)],
        fidelity=Fidelity("key", low=1, high=9),
    )
    measured = {"y": Measurement(1.0), "sampler": Measurement(0.5)}
    trial = Trial(
        0,
        {"x": 0.5},
        state=TrialState.COMPLETED,
        fidelity=9.0,
        measurements=measured,
        sampler="sobol",
        key="abc",
    )
    shown = OptunaExport.of(study).frozen_trial(trial, 0).user_attrs
    assert (shown["sampler"], shown["key"]) == (0.5, 9.0)
    assert (shown["moopt:sampler"], shown["moopt:key"]) == ("sobol", "abc")


def test_a_completed_trial_has_its_values_constraints_and_attributes() -> None:
    trial = shown(TrialState.COMPLETED, measured=MEASURED)
    assert trial.state is OptunaState.COMPLETE
    assert trial.values == [0.7, 3.0]
    assert trial.params == {
        "rate": 1e-2,
        "rank": 8,
        "kind": "adam",
        "mixture.news": 0.25,
        "mixture.mail": 0.75,
    }
    assert trial.system_attrs == {"constraints": [0.6 - 0.5, -0.6]}
    assert trial.intermediate_values == {3: 0.4, 9: 0.7}
    assert trial.user_attrs == {
        "epochs": 9.0,
        "toxicity": 0.6,
        "skill, standard error": 0.02,
        "skill, held-out": 0.6,
        "moopt:sampler": "",
        "moopt:key": "abc",
    }


def test_a_completed_trial_that_lacks_a_measurement_counts_as_failed_and_says_so() -> None:
    trial = shown(TrialState.COMPLETED, measured={"skill": Measurement(0.7)})
    assert trial.state is OptunaState.FAIL
    assert trial.values is None
    assert trial.system_attrs == {}
    assert trial.user_attrs["moopt:not measured"] == ["cost", "toxicity"]
    assert trial.user_attrs["skill"] == 0.7


@pytest.mark.parametrize(
    ("state", "fidelity", "optunas"),
    [
        (TrialState.PROPOSED, 9.0, OptunaState.WAITING),
        (TrialState.RUNNING, 9.0, OptunaState.RUNNING),
        (TrialState.STOPPED, 3.0, OptunaState.PRUNED),
        (TrialState.COMPLETED, 3.0, OptunaState.PRUNED),
        (TrialState.CANCELLED, 9.0, OptunaState.FAIL),
    ],
)
def test_states_are_optunas(state: TrialState, fidelity: float, optunas: OptunaState) -> None:
    trial = shown(state, fidelity=fidelity)
    assert trial.state is optunas
    assert trial.values is None
    assert (trial.datetime_complete is not None) == optunas.is_finished()


def test_a_failed_trial_says_why() -> None:
    failure = Failure(FailureKind.CANDIDATE, "CUDA out of memory")
    attributes = shown(TrialState.FAILED, failure=failure).user_attrs
    assert attributes["moopt:failure"] == "CUDA out of memory"
    assert attributes["moopt:failure kind"] == "candidate"


def test_moments_are_local_without_a_zone_as_optunas_are() -> None:
    trial = shown(TrialState.RUNNING)
    assert trial.datetime_start is not None
    assert trial.datetime_start.tzinfo is None
    assert trial.datetime_start.astimezone(UTC) == BEGAN


def test_a_share_of_the_data_is_counted_in_steps() -> None:
    study = Study(
        "shares",
        parameters=[Continuous("x", 0, 1)],
        objectives=[Objective("y", Minimize)],
        fidelity=Fidelity("share", low=0.05, high=0.5),
    )
    measured = {"y": Measurement(2.0)}
    trial = Trial(0, {"x": 0.5}, state=TrialState.STOPPED, fidelity=0.05, measurements=measured)
    export = OptunaExport.of(study)
    assert export.frozen_trial(trial, 0).intermediate_values == {100: 2.0}
    attributes = export.frozen_study(1).user_attrs
    assert attributes["intermediate values"] == "y by 1/1000 of share"


def test_optuna_takes_every_trial_into_a_storage_of_its_own() -> None:
    trials = [
        shown(TrialState.COMPLETED, measured=MEASURED),
        shown(TrialState.COMPLETED, measured={"cost": Measurement(1.0)}),
        shown(TrialState.STOPPED, fidelity=3.0),
        shown(TrialState.RUNNING),
    ]
    study = optuna.create_study(directions=["maximize", "minimize"])
    study.add_trials(trials)
    assert study.best_trials == []
    assert study.trials[0].constraints == {"0": 0.6 - 0.5, "1": -0.6}


def test_the_study_says_what_optuna_has_no_place_for() -> None:
    study = EXPORT.frozen_study(1)
    assert study.system_attrs == {"study:metric_names": ["skill", "cost"]}
    assert study.user_attrs == {
        "reference of skill": 0.1,
        "constraints": ["toxicity <= 0.5", "toxicity >= 0.0"],
        "intermediate values": "skill by epochs",
    }
