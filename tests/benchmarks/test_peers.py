from collections.abc import Callable
from dataclasses import replace
from functools import partial
from statistics import median

import pytest
import torch

from moopt.benchmarks.peer_apart import find_python
from moopt.benchmarks.peer_columns import Columns
from moopt.benchmarks.peer_space import FlatSpace, Weights
from moopt.benchmarks.peers import Apart, Search
from moopt.benchmarks.problem import Found
from moopt.benchmarks.problems import problem_named
from moopt.benchmarks.searches import search_named
from moopt.benchmarks.small_races import whole_run
from moopt.benchmarks.synthetic import branin_currin
from moopt.errors import MissingDependencyError, SelectionError
from moopt.optimizer import Optimizer
from moopt.study.conditions import When
from moopt.study.objectives import (
    LinearConstraint,
    Maximize,
    Minimize,
    Objective,
    OutcomeConstraint,
)
from moopt.study.parameters import Categorical, Continuous, Integer, Parameters
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from moopt.study.trials import Failure, FailureKind
from moopt.study.validation import check_parameters

# Peers warn of what they call themselves.
pytestmark = pytest.mark.filterwarnings("ignore")

FAILURE = Failure(FailureKind.CANDIDATE, "out of memory")


def mixed(*, limited: bool) -> Study:
    """Return a study with everything that moopt's spaces know."""
    return Study(
        "mixed",
        parameters=[
            Continuous("rate", 1e-6, 1e-5, log=True),
            Continuous("x", -1.0, 2.0),
            Integer("batch", 8, 64, log=True),
            Integer("steps", 10, 50, step=10),
            Categorical("optimizer", ["adamw", "sgd", "lion"]),
            Categorical("size", ["small", "large"], ordered=True),
            Continuous("momentum", 0.0, 0.9, when=When("optimizer", ["sgd", "lion"])),
            Simplex("mixture", ["news", "mail", "chat"]),
            Simplex("few", ["a", "b", "c"], max_nonzero=2, when=When("size", "large")),
        ],
        objectives=[
            Objective("accuracy", Maximize, reference=0.0),
            Objective("cost", Minimize, reference=5.0),
        ],
        outcome_constraints=[OutcomeConstraint("toxicity", at_most=0.8)] if limited else [],
        linear_constraints=[LinearConstraint({"steps": 2.0, "x": 10.0}, at_most=70.0)],
    )


def measure(study: Study, parameters: Parameters) -> Found:
    mixture = parameters["mixture"]
    found: dict[str, tuple[float, float]] = {
        "accuracy": (mixture["news"] + parameters["steps"] / 50, 0.01),
        "cost": (1.0 + 2.0 * mixture["mail"] - parameters.get("momentum", 0.0), 0.02),
        "toxicity": (mixture["chat"], 0.01),
    }
    return {name: found[name] for name in study.outcomes}


def unbound(study: Study) -> Study:
    """Return a study without simplexes and linear constraints, which take models long."""
    free = [each for each in study.parameters if not isinstance(each, Simplex)]
    return replace(study, parameters=free, linear_constraints=[])


def measure_unbound(parameters: Parameters) -> Found:
    return {
        "accuracy": (parameters["steps"] / 50, 0.01),
        "cost": (1.0 - parameters.get("momentum", 0.0), 0.02),
        "toxicity": (parameters["batch"] / 64, 0.01),
    }


def ask_and_tell(
    search: Search, study: Study, measured: Callable[[Parameters], Found], trials: int
) -> list[Parameters]:
    """Return valid proposals, of which two are pending; the third one fails."""
    proposed: list[Parameters] = []
    pending: list[int] = []
    for number in range(trials):
        parameters = search.ask()
        check_parameters(study.parameters, study.linear_constraints, parameters, f"trial {number}")
        proposed.append(parameters)
        pending.append(number)
        if len(pending) == 3:
            told = pending.pop(1)
            outcome = measured(proposed[told])
            search.tell(told, FAILURE if number == 4 else outcome)
    return proposed


@pytest.mark.parametrize("name", ["optuna-tpe", "optuna-nsga2", "pymoo-nsga2", "sobol"])
def test_a_peer_searches_every_kind_of_parameter(name: str) -> None:
    study = mixed(limited=True)

    first, again = (
        ask_and_tell(
            search_named(name, study, 1, initial_trials=None if name == "sobol" else 4),
            study,
            partial(measure, study),
            60,
        )
        for _ in range(2)
    )

    assert first == again
    assert {each["optimizer"] for each in first} == {"adamw", "sgd", "lion"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["optuna-gp", "ax-client", "botorch-qlognehvi"])
def test_a_peer_with_a_model_begins_in_every_kind_of_space(name: str) -> None:
    study = mixed(limited=True)
    search = search_named(name, study, 1, initial_trials=50)

    proposed = ask_and_tell(search, study, partial(measure, study), 12)
    search.attach(proposed[0], measure(study, proposed[0]))
    search.attach(proposed[1], FAILURE)

    assert {each["optimizer"] for each in proposed} == {"adamw", "sgd", "lion"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["optuna-gp", "ax-client", "botorch-qlognehvi-front"])
def test_a_peer_with_a_model_learns_of_limits_failures_and_what_is_pending(name: str) -> None:
    study = unbound(mixed(limited=True))

    proposed = ask_and_tell(
        search_named(name, study, 1, initial_trials=5), study, measure_unbound, 8
    )

    assert len({str(each) for each in proposed}) == 8


@pytest.mark.slow
@pytest.mark.parametrize("name", ["optuna-gp", "ax-client"])
def test_a_peer_with_a_model_searches_on_after_crashes(name: str) -> None:
    run = whole_run(problem_named("crash_edge"), name, 0, 6)

    assert len(run.parameters) == 6
    assert run.hypervolumes[-1] > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["smac", "neps", "hebo"])
def test_a_peer_apart_searches_every_kind_of_parameter(name: str) -> None:
    try:
        find_python(name)
    except MissingDependencyError as error:
        pytest.skip(str(error))
    study = mixed(limited=name == "hebo")
    search = search_named(name, study, 1, initial_trials=4)

    proposed = ask_and_tell(search, study, partial(measure, study), 8)

    assert len(proposed) == 8
    assert isinstance(search, Apart)
    assert search.cpu_seconds > 0


@pytest.mark.parametrize("name", ["smac", "neps"])
def test_a_peer_without_limits_on_outcomes_says_so(name: str) -> None:
    with pytest.raises(SelectionError, match="knows no limits on outcomes"):
        search_named(name, mixed(limited=True), 0)


def test_a_peer_without_an_environment_says_how_to_make_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOOPT_HEBO_PYTHON", "/nowhere/python")

    with pytest.raises(MissingDependencyError, match=r"make \.venv-hebo/ready"):
        search_named("hebo", mixed(limited=True), 0)


def test_one_objective_has_no_hypervolume_for_botorch() -> None:
    study = replace(mixed(limited=False), objectives=[Objective("accuracy", Maximize)])

    with pytest.raises(SelectionError, match="needs two objectives"):
        search_named("botorch-qlognehvi", study, 0)


@pytest.mark.parametrize("name", ["random", "optuna-tpe"])
def test_a_proposal_is_told_of_once(name: str) -> None:
    problem = branin_currin()
    search = search_named(name, problem.study, 0)
    parameters = search.ask()
    search.tell(0, problem.measure(parameters, 0))

    with pytest.raises(SelectionError, match="proposal 0 is not open"):
        search.tell(0, problem.measure(parameters, 0))


@pytest.mark.parametrize("name", ["optuna-tpe", "optuna-nsga2", "pymoo-nsga2"])
def test_a_peer_without_a_model_beats_random_search_in_time(name: str) -> None:
    problem = problem_named("zdt1")

    found, by_chance = (
        [whole_run(problem, each, seed, 200).hypervolumes[-1] for seed in range(3)]
        for each in (name, "random")
    )

    assert sum(found) > sum(by_chance)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["optuna-gp", "botorch-qlognehvi-front"])
def test_a_peer_with_a_model_beats_random_search(name: str) -> None:
    problem = branin_currin()
    by_chance = [whole_run(problem, "random", seed, 25).hypervolumes[-1] for seed in range(5)]

    reached = whole_run(problem, name, 0, 25).hypervolumes[-1]

    assert reached > median(by_chance)


@pytest.mark.parametrize("weights", list(Weights))
def test_parameters_come_back_from_where_they_lie(weights: Weights) -> None:
    study = mixed(limited=True)
    space = FlatSpace.of(study, weights)
    trials = Optimizer(study, "sobol").ask(30)

    for trial in trials:
        back = space.parameters(space.point(trial.parameters, whole=True))

        assert list(back) == list(trial.parameters)
        for name, value in trial.parameters.items():
            expected = value if isinstance(value, str) else pytest.approx(value)
            assert back[name] == expected


def test_constraints_hold_on_columns_where_they_hold_on_parameters() -> None:
    study = mixed(limited=True)
    columns = Columns(FlatSpace.of(study, Weights.ALL))
    ((places, slopes, bound),) = columns.inequalities

    for trial in Optimizer(replace(study, linear_constraints=[]), "sobol").ask(30):
        row = torch.tensor(columns.encode(trial.parameters), dtype=torch.float64)
        held = 2.0 * trial.parameters["steps"] + 10.0 * trial.parameters["x"] <= 70.0

        assert bool((row[places] * slopes).sum() >= bound - 1e-9) == held
        for parts, ones, total in columns.equalities:
            assert float((row[parts] * ones).sum()) == pytest.approx(total)
    assert len(columns.equalities) == 2
