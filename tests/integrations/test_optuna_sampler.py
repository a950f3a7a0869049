import copy
import math
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import optuna
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import create_trial

from moopt.benchmarks.synthetic import branin_currin
from moopt.errors import StudyError
from moopt.integrations.optuna import MooptSampler
from moopt.integrations.optuna_history import OptunaHistory, known_params, proposal_attributes
from moopt.integrations.optuna_space import OptunaSpace, latest_distributions
from moopt.optimizer import Optimizer
from moopt.samplers.auto import AutoSampler
from moopt.samplers.quasi_random import QuasiRandomSampler
from moopt.study.conditions import When
from moopt.study.trials import FailureKind, TrialState

BOTH = [StudyDirection.MINIMIZE, StudyDirection.MAXIMIZE]
UNIT = FloatDistribution(0, 1)


@pytest.fixture(autouse=True)
def quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def layers(trial: optuna.Trial) -> tuple[float, float]:
    """Return what a network with a layer count and an optimizer of one's choice might score."""
    kind = trial.suggest_categorical("kind of optimizer", ["adam", None])
    count = trial.suggest_int("layers", 1, 3)
    widths = [trial.suggest_int(f"width/{index}", 8, 64, log=True) for index in range(count)]
    rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
    momentum = trial.suggest_float("momentum", 0, 0.9, step=0.3) if kind is None else 0.5
    return math.log(rate) ** 2 + momentum, float(sum(widths))


def searched(
    trials: int, *, sampler: MooptSampler, directions: list[StudyDirection]
) -> optuna.Study:
    study = optuna.create_study(sampler=sampler, directions=directions)
    study.optimize(layers, n_trials=trials)
    return study


def asked_for(
    points: Sequence[Mapping[str, object]], **distributions: BaseDistribution
) -> dict[str, When | None]:
    """Return the conditions found, by Optuna's names."""
    space = OptunaSpace.of(distributions, points)
    names = {each.name: name for name, each in space.parameters.items()}
    return {
        name: None if each.when is None else When(names[each.when.name], each.when.values)
        for name, each in space.parameters.items()
    }


def test_a_parameter_that_one_choice_asks_for_is_conditional_on_it() -> None:
    points: list[dict[str, object]] = [
        {"kind": "a"},
        {"kind": "b", "y": 0.5},
        {"kind": "c", "y": 0.5},
        {"kind": "a"},
    ]
    kind = CategoricalDistribution(["a", "b", "c"])
    assert asked_for(points, kind=kind, y=UNIT) == {"kind": None, "y": When("kind", [1, 2])}


def test_a_parameter_of_a_layer_is_conditional_on_the_number_of_layers() -> None:
    points: list[dict[str, object]] = [
        {"layers": 1, "w0": 0.5},
        {"layers": 4, "w0": 0.5, "w1": 0.5},
        {"layers": 2, "w0": 0.5, "w1": 0.5},
    ]
    found = asked_for(points, layers=IntDistribution(1, 5), w0=UNIT, w1=UNIT)
    assert found == {"layers": None, "w0": None, "w1": When("layers", [2, 3, 4, 5])}


def test_conditions_nest() -> None:
    points: list[dict[str, object]] = [
        {"a": 0},
        {"a": 1, "b": 0},
        {"a": 1, "b": 1, "c": 0.5},
    ]
    two = CategoricalDistribution([0, 1])
    found = asked_for(points, a=two, b=two, c=UNIT)
    assert found == {"a": None, "b": When("a", [1]), "c": When("b", [1])}


def test_a_parameter_whose_presence_nothing_explains_is_left_out() -> None:
    points: list[dict[str, object]] = [{"x": 0.1}, {"x": 0.2, "y": 0.5}, {"x": 0.3}]
    assert asked_for(points, x=UNIT, y=UNIT) == {"x": None}


@pytest.mark.parametrize(
    ("distribution", "value", "ours"),
    [
        (FloatDistribution(0.1, 0.7, step=0.2), 0.5, 2),
        (FloatDistribution(1e-3, 1, log=True), 0.1, 0.1),
        (IntDistribution(3, 9, step=3), 6, 6),
        (CategoricalDistribution(["a", None, 2.5]), None, 1),
    ],
)
def test_a_value_goes_to_our_space_and_back(
    distribution: BaseDistribution, value: object, ours: object
) -> None:
    space = OptunaSpace.of({"any name": distribution}, [{"any name": value}])
    encoded = space.encode({"any name": value})
    assert encoded == {"x0": ours}
    back = space.decode(encoded)["any name"]
    assert back == (pytest.approx(value) if isinstance(value, float) else value)


def test_numbers_in_order_are_a_scale() -> None:
    space = OptunaSpace.of(
        {
            "batch": CategoricalDistribution([16, 32, 64]),
            "kind": CategoricalDistribution(["a", "b", "c"]),
        },
        [],
    )
    assert [getattr(each, "ordered", None) for each in space.parameters.values()] == [True, False]


def test_bounds_that_change_hold_those_of_the_latest_trials() -> None:
    asked: list[dict[str, BaseDistribution]] = [
        {"n": IntDistribution(2, 8, step=2), "x": FloatDistribution(0, 1)},
        {"n": IntDistribution(1, 10, step=3), "x": FloatDistribution(0, 2)},
    ]
    merged = latest_distributions([*asked * 5, {"x": FloatDistribution(-9, 9)}])
    assert merged == {"n": IntDistribution(1, 10), "x": FloatDistribution(0, 2)}


@pytest.mark.slow
def test_the_next_proposal_is_that_of_an_optimizer_with_the_same_trials() -> None:
    problem = branin_currin()
    optimizer = Optimizer(problem.study, AutoSampler(initial_trials=6), seed=3)
    references = [each.reference for each in problem.study.objectives if each.reference is not None]
    sampler = MooptSampler(AutoSampler(initial_trials=6), seed=3, reference_point=references)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    for _ in range(7):
        (trial,) = optimizer.ask()
        values = problem.true_values(trial.parameters)
        assert isinstance(values, dict)
        optimizer.tell(trial.number, values)
        study.add_trial(
            create_trial(
                params=dict(trial.parameters),
                distributions=dict.fromkeys(trial.parameters, UNIT),
                values=list(values.values()),
            )
        )
    (expected,) = optimizer.ask()
    assert study.ask({"x0": UNIT, "x1": UNIT}).params == pytest.approx(expected.parameters)


@pytest.mark.slow
def test_an_optuna_study_reaches_the_hypervolume_that_an_optimizer_reaches() -> None:
    command = [sys.executable, "-W", "ignore", "-m", "moopt.benchmarks.in_optuna"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    optimizer, study = map(float, printed.stdout.splitlines()[-1].split()[1:])
    # The first trial of an Optuna study is drawn before its space is known.
    assert study > 0.97 * optimizer, printed.stdout


def test_a_program_that_branches_is_searched_as_a_whole() -> None:
    study = searched(16, sampler=MooptSampler(QuasiRandomSampler(), seed=0), directions=BOTH)
    proposed = [
        {name for name in trial.params if f'"{name}"' in trial.system_attrs["moopt:proposed:0"]}
        for trial in study.trials[10:]
    ]
    assert proposed == [set(trial.params) for trial in study.trials[10:]]
    assert {trial.params["layers"] for trial in study.trials} == {1, 2, 3}


@pytest.mark.slow
def test_trials_that_run_shape_the_next_proposal() -> None:
    sampler = MooptSampler(AutoSampler(initial_trials=5), seed=0)
    study = optuna.create_study(sampler=sampler)
    study.optimize(lambda trial: (trial.suggest_float("x", 0, 1) - 0.3) ** 2, n_trials=6)
    running = [study.ask() for _ in range(3)]
    values = [trial.suggest_float("x", 0, 1) for trial in running]
    assert len(set(values)) == 3
    assert min(abs(a - b) for i, a in enumerate(values) for b in values[:i]) > 1e-4


def test_processes_that_ask_at_once_get_different_proposals() -> None:
    """One that has its trial and no proposal yet is waited for by nobody."""
    sampler = MooptSampler(QuasiRandomSampler(), seed=0)
    study = optuna.create_study(sampler=sampler)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    first, second = study.ask(), study.ask()
    assert second.suggest_float("x", 0, 1) != first.suggest_float("x", 0, 1)


def test_equal_seeds_give_equal_studies_and_others_others() -> None:
    one, same, other = (
        searched(8, sampler=MooptSampler(QuasiRandomSampler(), seed=seed), directions=BOTH)
        for seed in (0, 0, 1)
    )
    assert [trial.params for trial in one.trials] == [trial.params for trial in same.trials]
    assert [trial.params for trial in one.trials] != [trial.params for trial in other.trials]


@pytest.mark.slow
def test_a_resumed_study_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    def run(storage: str, *parts: int) -> list[dict[str, object]]:
        for trials in parts:
            sampler = copy.deepcopy(MooptSampler(seed=5))
            study = optuna.create_study(
                storage=RDBStorage(f"sqlite:///{tmp_path / storage}"),
                study_name="resumed",
                sampler=sampler,
                load_if_exists=True,
            )
            study.optimize(
                lambda trial: trial.suggest_float("x", 0, 1) + trial.suggest_int("n", 1, 9),
                n_trials=trials,
            )
        return [trial.params for trial in study.trials]

    assert run("whole.db", 8) == run("parts.db", 5, 3)


def history_of(
    study: optuna.Study, *, reference_point: list[float] | None = None, failures_teach: bool = True
) -> OptunaHistory:
    trials = study.get_trials(deepcopy=False)
    return OptunaHistory(study.directions, trials, reference_point, failures_teach)


def test_every_state_of_a_trial_has_its_meaning() -> None:
    study = optuna.create_study()
    space = OptunaSpace.of({"x": UNIT}, [])
    study.add_trial(create_trial(params={"x": 0.1}, distributions={"x": UNIT}, value=1.0))
    study.add_trial(create_trial(params={"x": 0.2}, distributions={"x": UNIT}, value=math.inf))
    for state in (optuna.trial.TrialState.FAIL, optuna.trial.TrialState.PRUNED):
        study.add_trial(create_trial(params={"x": 0.3}, distributions={"x": UNIT}, state=state))
    study.enqueue_trial({"x": 0.5})
    ours = history_of(study).ours(space)
    assert [each.state for each in ours] == [
        TrialState.COMPLETED,
        TrialState.FAILED,
        TrialState.FAILED,
        TrialState.STOPPED,
        TrialState.PROPOSED,
    ]
    assert ours[2].failure is not None
    assert ours[2].failure.kind is FailureKind.CANDIDATE
    assert ours[4].parameters == {"x0": 0.5}
    blameless = history_of(study, failures_teach=False).ours(space)
    assert [each.state for each in blameless[1:3]] == [TrialState.CANCELLED] * 2


def test_a_long_proposal_is_written_in_parts_the_first_one_last() -> None:
    distributions = {f"a parameter with quite a long name {n}": UNIT for n in range(100)}
    params = {name: n / 100 for n, name in enumerate(distributions)}
    attributes = proposal_attributes(params, distributions)
    names = list(attributes)
    assert len(names) > 2
    assert names == sorted(names, reverse=True)
    trial = create_trial(state=optuna.trial.TrialState.WAITING, system_attrs=dict(attributes))
    assert known_params(trial, distributions) == params


def test_constraints_are_known_in_both_of_optunas_forms() -> None:
    function = MooptSampler(
        QuasiRandomSampler(), seed=0, constraints_func=lambda trial: [trial.params["x"] - 0.5]
    )
    old = optuna.create_study(sampler=function)
    old.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)

    def constrained(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        trial.set_constraint("memory in GiB", x - 0.5)
        return x

    new = optuna.create_study(sampler=MooptSampler(QuasiRandomSampler(), seed=0))
    new.optimize(constrained, n_trials=3)
    for study in (old, new):
        space = OptunaSpace.of({"x": UNIT}, [])
        ours = history_of(study).study(space)
        (limit,) = ours.outcome_constraints
        assert limit.at_most == 0.0
        excesses = [each.measurements[limit.name].mean for each in history_of(study).ours(space)]
        assert excesses == [each.params["x"] - 0.5 for each in study.trials]


def test_references_are_inferred_once_as_an_optimizer_does() -> None:
    study = optuna.create_study(directions=BOTH)
    optimizer = Optimizer(
        history_of(study, reference_point=None).study(OptunaSpace.of({"x": UNIT}, []))
    )
    for index in range(9):
        values = (float(index), (index - 4.0) ** 2)
        study.add_trial(
            create_trial(params={"x": index / 9}, distributions={"x": UNIT}, values=values)
        )
        trial = optimizer.attach({"x0": index / 9})
        optimizer.tell(trial.number, {"objective_0": values[0], "objective_1": values[1]})
    found = history_of(study).study(OptunaSpace.of({"x": UNIT}, []))
    assert found.objectives == optimizer.study.objectives


def test_a_reference_point_of_the_wrong_length_is_refused() -> None:
    sampler = MooptSampler(QuasiRandomSampler(), reference_point=[1.0])
    study = optuna.create_study(directions=BOTH, sampler=sampler)
    study.add_trial(create_trial(params={"x": 0.1}, distributions={"x": UNIT}, values=[0.0, 1.0]))
    with pytest.raises(StudyError, match="2 objectives; give a number for each"):
        study.ask({"x": UNIT})


def test_a_space_in_which_everything_was_tried_repeats() -> None:
    study = optuna.create_study(sampler=MooptSampler(seed=0))
    study.optimize(lambda trial: trial.suggest_categorical("x", [1.0, 2.0]), n_trials=5)
    assert {trial.params["x"] for trial in study.trials[:3]} == {1.0, 2.0}
    assert len(study.trials) == 5
