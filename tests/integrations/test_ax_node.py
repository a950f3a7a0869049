from pathlib import Path

import pytest
from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig
from ax.exceptions.core import SearchSpaceExhausted

from moopt.benchmarks.problems import problem_named
from moopt.errors import SelectionError
from moopt.export.ax_files import read_ax_file
from moopt.export.from_ax import from_ax
from moopt.export.to_ax import to_ax
from moopt.front.front import front_of
from moopt.integrations.ax import MooptNode, moopt_strategy
from moopt.optimizer import Optimizer
from moopt.study.parameters import Continuous
from moopt.study.study import Study
from moopt.study.trials import Failure
from tests.export.made_for_ax import everything, trials_of

TRIALS = 20


def client_for(study: Study, seed: int) -> Client:
    """Return a client whose thresholds are the references of a study to be minimized."""
    client = Client(random_seed=seed)
    client.configure_experiment(
        name=study.name,
        parameters=[
            RangeParameterConfig(
                name=each.name, bounds=(each.low, each.high), parameter_type="float"
            )
            for each in study.parameters
            if isinstance(each, Continuous)
        ],
    )
    client.configure_optimization(
        objective=", ".join(f"-{each.name}" for each in study.objectives),
        outcome_constraints=[f"{each.name} <= {each.reference!r}" for each in study.objectives],
    )
    client.set_generation_strategy(moopt_strategy(seed=seed))
    return client


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_client_reaches_the_hypervolume_of_the_optimizer(seed: int, tmp_path: Path) -> None:
    problem = problem_named("branin_currin")
    optimizer = Optimizer(problem.study, seed=seed)
    client = client_for(problem.study, seed)

    for _ in range(TRIALS):
        (trial,) = optimizer.ask()
        told = problem.true_values(trial.parameters)
        assert not isinstance(told, Failure)
        optimizer.tell(trial.number, told)
        ((index, parameters),) = client.get_next_trials(max_trials=1).items()
        told = problem.true_values(parameters)
        assert not isinstance(told, Failure)
        client.complete_trial(index, raw_data=dict(told))
    client.save_to_json_file(str(tmp_path / "client.json"))
    _, trials = from_ax(read_ax_file(tmp_path / "client.json"))

    reached = front_of(problem.study, trials).hypervolume()
    assert reached == pytest.approx(optimizer.front().hypervolume(), rel=1e-6)


def test_a_batch_has_different_trials_and_leaves_out_what_runs() -> None:
    client = client_for(problem_named("branin_currin").study, 0)

    first = client.get_next_trials(max_trials=3)
    second = client.get_next_trials(max_trials=2)

    points = {tuple(each.values()) for each in (*first.values(), *second.values())}
    assert len(points) == 5


def test_a_saved_client_goes_on_as_it_would_have(tmp_path: Path) -> None:
    problem = problem_named("branin_currin")
    client = client_for(problem.study, 3)
    for index, parameters in client.get_next_trials(max_trials=3).items():
        told = problem.true_values(parameters)
        assert not isinstance(told, Failure)
        client.complete_trial(index, raw_data=dict(told))

    client.save_to_json_file(str(tmp_path / "client.json"))
    loaded = Client.load_from_json_file(str(tmp_path / "client.json"))

    assert loaded.get_next_trials(max_trials=2) == client.get_next_trials(max_trials=2)


def test_the_node_searches_an_exported_study_with_conditions_and_a_simplex() -> None:
    study = everything()
    client = Client()
    client.set_experiment(to_ax(study, trials_of(study)[:4]))
    client.set_generation_strategy(moopt_strategy("sobol"))

    for parameters in client.get_next_trials(max_trials=4).values():
        weights = [float(parameters[f"mixture.{part}"]) for part in ("news", "mail", "chat")]
        assert sum(weights) == pytest.approx(1.0, abs=1e-9)
        is_sgd = parameters["optimizer"] != "adamw"
        assert is_sgd == any(name.startswith("momentum") for name in parameters)


def test_an_exhausted_space_says_so() -> None:
    client = Client()
    client.configure_experiment(
        parameters=[
            ChoiceParameterConfig(
                name="c", values=["a", "b"], parameter_type="str", is_ordered=False
            )
        ]
    )
    client.configure_optimization(objective="y")
    client.set_generation_strategy(moopt_strategy())
    for index in client.get_next_trials(max_trials=2):
        client.complete_trial(index, raw_data={"y": 1.0})

    with pytest.raises(SearchSpaceExhausted, match="every point of the search space was tried"):
        client.get_next_trials(max_trials=1)


def test_a_sampler_that_is_not_there_is_refused() -> None:
    with pytest.raises(SelectionError, match="there is no sampler 'best'"):
        MooptNode("best")
