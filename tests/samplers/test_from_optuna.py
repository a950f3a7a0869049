from collections.abc import Callable
from dataclasses import replace

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import create_trial

from moopt.errors import SelectionError
from moopt.optimizer import Optimizer
from moopt.samplers.from_optuna import OptunaSampler
from moopt.samplers.quasi_random import QuasiRandomSampler
from moopt.study.conditions import When
from moopt.study.objectives import Maximize, Minimize, Objective, OutcomeConstraint
from moopt.study.parameters import Categorical, Continuous, Integer, Parameters
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from moopt.study.trials import Failure, FailureKind, Measurement, Trial, TrialState
from moopt.study.validation import check_parameters
from tests.samplers.searches import hypervolume_of

OBJECTIVES = (Objective("a", Maximize, reference=0.0), Objective("b", Minimize, reference=1.0))
PLAIN = Study(
    "plain",
    parameters=[Continuous("x", 0, 1), Continuous("rate", 1e-4, 1e-1, log=True)],
    objectives=OBJECTIVES,
    outcome_constraints=[OutcomeConstraint("c", at_most=0.8)],
)
MIXED = Study(
    "mixed",
    parameters=[
        Simplex("mix", ["u", "v", "w"], max_nonzero=2),
        Integer("inner", 0, 8, step=2, when=When("size", "large")),
        Categorical("size", ["small", "medium", "large"], ordered=True),
        Categorical("kind", ["p", 1, 0.5]),
    ],
    objectives=OBJECTIVES,
)


def outcomes(number: int, point: Parameters) -> dict[str, float]:
    first = next(iter(point.values()))
    x = first if isinstance(first, float) else number / 20
    return {"a": x, "b": (x - 0.3) ** 2, "c": x}


def trials_of(study: Study, count: int) -> list[Trial]:
    """Return completed trials, one that failed and one that runs."""
    points = [each.parameters for each in QuasiRandomSampler().propose(study, [], count, 0)]
    trials = [
        Trial(
            number,
            point,
            state=TrialState.COMPLETED,
            measurements={
                name: Measurement(value) for name, value in outcomes(number, point).items()
            },
        )
        for number, point in enumerate(points)
    ]
    failure = Failure(FailureKind.CANDIDATE, "out of memory")
    trials[3] = Trial(3, points[3], state=TrialState.FAILED, failure=failure)
    trials[5] = Trial(5, points[5], state=TrialState.RUNNING)
    return trials


@pytest.mark.slow
def test_tpe_reaches_more_than_random_search() -> None:
    assert hypervolume_of("tpe") > hypervolume_of("random") + 0.5


def test_tpe_proposes_what_optuna_does_with_the_same_trials_and_seed() -> None:
    trials = trials_of(PLAIN, 24)
    unit, rate = FloatDistribution(0, 1), FloatDistribution(1e-4, 1e-1, log=True)
    sampler = optuna.samplers.TPESampler(multivariate=True, seed=len(trials))
    plain = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
    states = {
        TrialState.COMPLETED: optuna.trial.TrialState.COMPLETE,
        TrialState.FAILED: optuna.trial.TrialState.FAIL,
        TrialState.RUNNING: optuna.trial.TrialState.RUNNING,
    }
    for trial in trials:
        measured = {name: each.mean for name, each in trial.measurements.items()}
        plain.add_trial(
            create_trial(
                state=states[trial.state],
                params=dict(trial.parameters),
                distributions={"x": unit, "rate": rate},
                values=[measured["a"], measured["b"]] if measured else None,
                constraints={"c": measured["c"] - 0.8} if measured else None,
            )
        )

    ours = OptunaSampler("tpe").propose(PLAIN, trials, 2, seed=0)

    theirs = [plain.ask({"x": unit, "rate": rate}).params for _ in range(2)]
    assert [each.parameters for each in ours] == [pytest.approx(each) for each in theirs]


@pytest.mark.parametrize(
    "name",
    [
        "BruteForceSampler",
        "NSGAIIISampler",
        "QMCSampler",
        "RandomSampler",
        "TPESampler",
        pytest.param("GPSampler", marks=pytest.mark.slow),
    ],
)
def test_every_sampler_of_several_objectives_proposes_what_is_valid(name: str) -> None:
    study = MIXED
    if name == "BruteForceSampler":
        study = Study("small", parameters=MIXED.parameters[1:], objectives=OBJECTIVES)
    trials = trials_of(study, 12)

    candidates = OptunaSampler(name).propose(study, trials, 3, seed=0)

    assert [each.sampler for each in candidates] == [f"optuna:{name}"] * 3
    for each in candidates:
        check_parameters(study.parameters, (), each.parameters, "candidate")


@pytest.mark.parametrize("name", ["GPSampler", "NSGAIISampler", "TPESampler", "tpe"])
def test_one_objective_is_searched_within_its_limits(name: str) -> None:
    study = replace(PLAIN, objectives=OBJECTIVES[:1])

    candidates = OptunaSampler(name).propose(study, trials_of(study, 20), 3, seed=0)

    assert {each.sampler.removeprefix("optuna:") for each in candidates} == {name}
    for each in candidates:
        check_parameters(study.parameters, (), each.parameters, "candidate")


def test_a_sampler_of_a_package_that_is_missing_names_it(hide: Callable[[str], None]) -> None:
    hide("cmaes")
    study = replace(PLAIN, objectives=OBJECTIVES[:1])

    with pytest.raises(SelectionError, match="CmaEsSampler' needs the package cmaes"):
        OptunaSampler("CmaEsSampler").propose(study, trials_of(study, 12), 1, seed=0)


def test_generations_are_found_again_in_the_notes() -> None:
    optimizer = Optimizer(PLAIN, sampler=OptunaSampler("NSGAIISampler"))
    # Optuna's own default: 50 trials are a generation.
    for number in range(52):
        (trial,) = optimizer.ask()
        optimizer.tell(number, outcomes(number, trial.parameters))

    generations = [each.notes["optuna:NSGAIISampler:generation"] for each in optimizer.trials]
    assert generations == ["0"] * 50 + ["1"] * 2


def test_a_sequence_goes_on_where_it_was() -> None:
    optimizer = Optimizer(PLAIN, sampler=OptunaSampler("QMCSampler"))
    for number in range(5):
        (trial,) = optimizer.ask()
        optimizer.tell(number, outcomes(number, trial.parameters))

    # The points 1 to 4 of a Sobol sequence without scrambling are 0, 1/2, 3/4 and 1/4.
    found = [trial.parameters["x"] for trial in optimizer.trials[1:]]
    assert found == pytest.approx([0.0, 0.5, 0.75, 0.25])


def test_what_optuna_logs_and_warns_of_is_not_shown(capfd: pytest.CaptureFixture[str]) -> None:
    optuna.logging.set_verbosity(optuna.logging.DEBUG)

    OptunaSampler("tpe").propose(MIXED, trials_of(MIXED, 20), 2, seed=0)

    assert optuna.logging.get_verbosity() == optuna.logging.DEBUG
    assert capfd.readouterr() == ("", "")
    optuna.logging.set_verbosity(optuna.logging.INFO)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("NoSampler", "Optuna has no sampler 'NoSampler'; choose from .*'NSGAIISampler'"),
        ("nsgaii", "Optuna has no sampler 'nsgaii'"),
        ("GridSampler", "GridSampler needs more than a seed"),
    ],
)
def test_what_is_no_sampler_or_needs_more_than_a_seed_is_refused(name: str, said: str) -> None:
    with pytest.raises(SelectionError, match=said):
        OptunaSampler(name)


@pytest.mark.parametrize("name", ["CmaEsSampler", "BruteForceSampler"])
def test_a_study_that_the_sampler_cannot_search_is_refused(name: str) -> None:
    with pytest.raises(SelectionError, match=f"'optuna:{name}' cannot search study 'plain'"):
        OptunaSampler(name).propose(PLAIN, trials_of(PLAIN, 12), 1, seed=0)
