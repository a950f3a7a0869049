from pathlib import Path

import pytest
from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig
from ax.core.arm import Arm
from ax.core.batch_trial import BatchTrial
from ax.core.data import Data, DataRow
from ax.core.experiment import Experiment
from ax.core.objective import Objective as AxObjective
from ax.core.optimization_config import OptimizationConfig
from ax.core.outcome_constraint import OutcomeConstraint as AxConstraint
from ax.core.parameter import ChoiceParameter, FixedParameter, ParameterType, RangeParameter
from ax.core.parameter_constraint import ParameterConstraint
from ax.core.search_space import SearchSpace
from ax.core.trial import Trial as AxTrial

from moopt.errors import StudyError
from moopt.export.ax_files import read_ax_file
from moopt.export.from_ax import from_ax, read_experiment
from moopt.study.conditions import When
from moopt.study.objectives import (
    LinearConstraint,
    Maximize,
    Minimize,
    Objective,
    OutcomeConstraint,
)
from moopt.study.parameters import Categorical, Continuous, Integer
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from moopt.study.trials import Failure, FailureKind, Measurement, TrialState

UNIT = RangeParameterConfig(name="x", bounds=(0.0, 1.0), parameter_type="float")


def client_of(objective: str = "y", limits: list[str] | None = None) -> Client:
    client = Client(random_seed=0)
    client.configure_experiment(parameters=[UNIT], name="foreign")
    client.configure_optimization(objective=objective, outcome_constraints=limits)
    return client


def saved(client: Client, folder: Path) -> Experiment:
    client.save_to_json_file(str(folder / "client.json"))
    return read_ax_file(folder / "client.json")


def alone(space: SearchSpace) -> Experiment:
    objective = AxObjective(expression="y", metric_name_to_signature={"y": "y"})
    return Experiment(space, name="alone", optimization_config=OptimizationConfig(objective))


def unit(name: str) -> RangeParameter:
    return RangeParameter(name, ParameterType.FLOAT, 0.0, 1.0)


def test_a_client_is_a_study(tmp_path: Path) -> None:
    client = Client(random_seed=0)
    client.configure_experiment(
        name="my run",
        parameters=[
            RangeParameterConfig(
                name="rate", bounds=(1e-5, 1e-1), parameter_type="float", scaling="log"
            ),
            RangeParameterConfig(name="depth", bounds=(1, 9), parameter_type="int"),
            RangeParameterConfig(name="a", bounds=(0.0, 1.0), parameter_type="float"),
            ChoiceParameterConfig(
                name="optimizer",
                values=["adamw", "sgd", "lion"],
                parameter_type="str",
                is_ordered=False,
                dependent_parameters={"sgd": ["momentum"]},
            ),
            RangeParameterConfig(name="momentum", bounds=(0.0, 0.9), parameter_type="float"),
        ],
        parameter_constraints=["a + 0.1 * depth <= 1.5"],
    )
    client.configure_optimization(
        objective="accuracy, -loss", outcome_constraints=["loss <= 4", "memory <= 8", "memory >= 1"]
    )

    study, trials = from_ax(saved(client, tmp_path))

    assert trials == []
    assert study == Study(
        "my_run",
        parameters=[
            Continuous("rate", 1e-5, 1e-1, log=True),
            Integer("depth", 1, 9),
            Continuous("a", 0.0, 1.0),
            Categorical("optimizer", ["adamw", "sgd", "lion"]),
            Continuous("momentum", 0.0, 0.9, when=When("optimizer", "sgd")),
        ],
        objectives=[Objective("accuracy", Maximize), Objective("loss", Minimize, reference=4.0)],
        outcome_constraints=[OutcomeConstraint("memory", at_most=8.0, at_least=1.0)],
        linear_constraints=[LinearConstraint({"a": 1.0, "depth": 0.1}, at_most=1.5)],
    )


def test_trials_of_a_client_keep_state_noise_and_reason(tmp_path: Path) -> None:
    client = client_of("y, -z")
    for x in (0.1, 0.2, 0.3, 0.4):
        client.attach_trial({"x": x})
    client.complete_trial(0, {"y": (1.0, 0.5), "z": 2.0})
    client.mark_trial_failed(1, "out of memory")
    client.mark_trial_abandoned(2)

    _, trials = from_ax(saved(client, tmp_path))

    assert [trial.parameters["x"] for trial in trials] == [0.1, 0.2, 0.3, 0.4]
    assert trials[0].measurements == {"y": Measurement(1.0, 0.5), "z": Measurement(2.0)}
    assert trials[1].failure == Failure(FailureKind.CANDIDATE, "out of memory")
    assert trials[2].failure == Failure(FailureKind.EVALUATOR, "abandoned in Ax")
    assert trials[3].state is TrialState.RUNNING


def test_what_a_client_was_told_on_the_way_is_partial(tmp_path: Path) -> None:
    client = client_of()
    for x in (0.1, 0.2):
        client.attach_trial({"x": x})
        client.attach_data(0 if x == 0.1 else 1, {"y": 10 * x}, progression=1)
    client.complete_trial(0, {"y": 3.0}, progression=2)

    _, (ended, running) = from_ax(saved(client, tmp_path))

    assert ended.measurements == {"y": Measurement(3.0)}
    assert ended.partial == {1.0: {"y": Measurement(1.0)}}
    assert running.measurements == {}
    assert running.partial == {1.0: {"y": Measurement(2.0)}}


def test_weights_that_sum_to_one_are_a_simplex() -> None:
    names = ("news", "mail", "chat")
    space = SearchSpace(
        [unit(name) for name in names], [ParameterConstraint(equality="news + mail + chat == 1")]
    )
    experiment = alone(space)
    AxTrial(experiment).add_arm(Arm({"news": 0.25, "mail": 0.25, "chat": 0.5}))

    study, (trial,) = from_ax(experiment)

    (simplex,) = study.parameters
    assert isinstance(simplex, Simplex)
    assert set(simplex.parts) == set(names)
    assert trial.parameters == {"weights": {"news": 0.25, "mail": 0.25, "chat": 0.5}}


def test_constants_are_no_parameters_and_come_back_in_ax() -> None:
    space = SearchSpace([unit("x"), FixedParameter("layers", ParameterType.INT, 12)])

    read = read_experiment(alone(space), Data())

    assert [each.name for each in read.study.parameters] == ["x"]
    assert read.space.to_ax({"x": 0.5}, None) == {"x": 0.5, "layers": 12}


def test_what_depends_on_what_is_never_there_is_no_parameter_either() -> None:
    kind = FixedParameter("kind", ParameterType.STRING, "a", dependents={"a": ["x"]})
    vars(kind)["_dependents"] = {"a": ["x"], "b": ["c"]}
    space = SearchSpace(
        [
            kind,
            unit("x"),
            ChoiceParameter(
                "c",
                ParameterType.STRING,
                ["p", "q"],
                is_ordered=True,
                sort_values=False,
                dependents={"p": ["y"], "q": ["z"]},
            ),
            unit("y"),
            unit("z"),
        ]
    )

    read = read_experiment(alone(space), Data())

    assert [each.name for each in read.study.parameters] == ["x"]


def test_names_that_a_study_does_not_take_are_changed_and_come_back() -> None:
    read = read_experiment(alone(SearchSpace([unit("learning rate/10")])), Data())

    assert [each.name for each in read.study.parameters] == ["learning_rate_10"]
    assert read.space.to_ax({"learning_rate_10": 0.5}, None) == {"learning rate/10": 0.5}


def test_numbers_that_are_not_finite_are_not_measured() -> None:
    experiment = alone(SearchSpace([unit("x")]))
    AxTrial(experiment).add_arm(Arm({"x": 0.5})).mark_completed(unsafe=True)
    nan = float("nan")
    experiment.attach_data(Data([DataRow(0, "0_0", "y", "y", nan, nan)]))

    _, (trial,) = from_ax(experiment)

    assert trial.measurements == {}


@pytest.mark.parametrize(
    ("objective", "limits", "why"),
    [
        ("y + 2 * z", None, "is a sum or a preference"),
        ("y, z + 2 * w", None, "is a sum or a preference"),
        ("y", ["z >= 0.95 * baseline"], "is relative to a baseline"),
    ],
)
def test_wishes_without_a_counterpart_are_refused(
    objective: str, limits: list[str] | None, why: str, tmp_path: Path
) -> None:
    client = client_of(objective)
    if limits is not None:
        client.attach_baseline({"x": 0.5})
        client.configure_optimization(objective=objective, outcome_constraints=limits)

    with pytest.raises(StudyError, match=why):
        from_ax(saved(client, tmp_path))


def test_a_limit_on_a_sum_is_refused() -> None:
    names = {"z": "z", "w": "w"}
    limit = AxConstraint(expression="z + w <= 3", relative=False, metric_name_to_signature=names)
    objective = AxObjective(expression="y", metric_name_to_signature={"y": "y"})
    config = OptimizationConfig(objective, [limit])

    with pytest.raises(StudyError, match="limits a sum"):
        from_ax(Experiment(SearchSpace([unit("x")]), optimization_config=config))


def test_parameters_without_a_counterpart_are_refused() -> None:
    logit = RangeParameter("p", ParameterType.FLOAT, 0.1, 0.9, logit_scale=True)
    sums = SearchSpace([unit("x"), unit("y")], [ParameterConstraint(equality="x + 2 * y == 1")])

    with pytest.raises(StudyError, match="is on a logit scale"):
        from_ax(alone(SearchSpace([logit])))
    with pytest.raises(StudyError, match="has no counterpart"):
        from_ax(alone(sums))


def test_trials_of_several_arms_or_outside_of_the_space_are_refused() -> None:
    several = alone(SearchSpace([unit("x")]))
    BatchTrial(several).add_arms_and_weights([Arm({"x": 0.1}), Arm({"x": 0.2})])
    outside = alone(SearchSpace([unit("x")]))
    AxTrial(outside).add_arm(Arm({"x": 2.0}))

    with pytest.raises(StudyError, match="trial 0 has 2 arms"):
        from_ax(several)
    with pytest.raises(StudyError, match="needed is a number between 0 and 1"):
        from_ax(outside)


def test_an_experiment_without_an_objective_is_refused() -> None:
    with pytest.raises(StudyError, match="has no objective"):
        from_ax(Experiment(SearchSpace([unit("x")])))


def test_a_file_that_is_none_of_axs_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "notes.json"
    file.write_text("{}")

    with pytest.raises(StudyError, match="holds no experiment of Ax"):
        read_ax_file(file)
    with pytest.raises(StudyError, match="there is no file"):
        read_ax_file(tmp_path / "absent.json")
