"""What every sampler promises."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from botorch.test_utils.mock import mock_optimize_context_manager
from hypothesis import HealthCheck, given, settings
from numpy.random import mtrand
from torch import Tensor

from moopt.encoding.search_box import SearchBox
from moopt.encoding.space import SpaceEncoding
from moopt.encoding.training_data import TrainingData
from moopt.protocols import Sampler
from moopt.samplers.auto import AutoSampler
from moopt.samplers.bayesian import BayesianSampler
from moopt.samplers.from_optuna import OptunaSampler
from moopt.samplers.from_pymoo import EvolutionarySampler
from moopt.samplers.from_pyribs import MapElitesSampler
from moopt.samplers.gap_filling import GapFillingSampler
from moopt.samplers.history import key
from moopt.samplers.learned import LearnedSampler
from moopt.samplers.preference_batch import PreferenceBatchSampler
from moopt.samplers.quasi_random import QuasiRandomSampler, RandomSampler
from moopt.samplers.starting_points import next_candidates
from moopt.samplers.trust_region import TrustRegionSampler
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
from moopt.study.trials import (
    Candidate,
    Failure,
    FailureKind,
    Measurement,
    Trial,
    TrialState,
)
from moopt.study.validation import check_parameters
from tests.strategies import studies


class Farthest:
    """Prefers what is far from all that was tried or is pending, and what is right of it."""

    def __call__(
        self, history: TrainingData, candidates: Tensor, *, step: int, budget: float | None
    ) -> Tensor:
        del step, budget
        known = torch.cat([history.points, history.pending, history.crashed])
        right = candidates.sum(dim=1) / 100
        return right + torch.cdist(candidates, known).min(dim=1).values if len(known) else right


SAMPLERS: dict[str, Sampler] = {
    "auto": AutoSampler(initial_trials=6),
    "bayesian": BayesianSampler(initial_trials=6),
    "trust_region": TrustRegionSampler(initial_trials=6),
    "learned": LearnedSampler(Farthest(), initial_trials=6, pool=64),
    "gap_filling": GapFillingSampler(every=1, search=BayesianSampler(initial_trials=6)),
    "preference_batch": PreferenceBatchSampler(search=BayesianSampler(initial_trials=6)),
    "sobol": QuasiRandomSampler(),
    "random": RandomSampler(),
    "nsga2": EvolutionarySampler("nsga2", population=6),
    "nsga3": EvolutionarySampler("nsga3", population=6),
    "map_elites": MapElitesSampler(population=6),
    "tpe": OptunaSampler("tpe"),
    "optuna:NSGAIISampler": OptunaSampler("NSGAIISampler"),
}
AS_BAYESIAN = {"gap_filling", "preference_batch"}
"""They search a space as `bayesian` does: all studies but `EVERYTHING` are left to that one."""

LEARNS = 16
"""Trials from which every sampler learns."""

OBJECTIVES = (Objective("a", Maximize, reference=-5.0), Objective("b", Minimize, reference=9.0))
EVERYTHING = Study(
    "everything",
    parameters=[
        Continuous("rate", 1e-5, 1e-1, log=True),
        Integer("size", 8, 64, log=True),
        Categorical("kind", ["p", "q", "r"]),
        Integer("inner", 0, 4, when=When("kind", ["p", "q"])),
        Simplex("mix", ["u", "v", "w"], max_nonzero=2),
        Continuous("s", 0, 1),
        Continuous("t", 0, 1),
    ],
    objectives=OBJECTIVES,
    outcome_constraints=[OutcomeConstraint("t", at_most=0.9)],
    linear_constraints=[LinearConstraint({"s": 1, "t": 1}, at_most=1.2)],
    start_with=[
        {
            "rate": 1e-3,
            "size": 16,
            "kind": "r",
            "mix": {"u": 0.5, "v": 0.5, "w": 0.0},
            "s": 0.5,
            "t": 0.5,
        }
    ],
)
SMALL = Study(
    "small",
    parameters=[Integer("n", 0, 2), Categorical("kind", ["p", "q", "r", "s"])],
    objectives=OBJECTIVES,
)


def total(parameters: Parameters) -> float:
    return float(parameters["x"] + parameters["y"])


ONE = [Objective("measured", Maximize)]
ONE_MEASURED = [*ONE, Objective("total", Minimize, reference=9.0, formula=total)]
NINE = [Objective(f"outcome{index}", Maximize, reference=-1.0) for index in range(9)]


def finished(candidates: list[Candidate]) -> list[Trial]:
    """Complete the candidates, every fourth by a failure and one with half its measurements."""
    trials = []
    for number, candidate in enumerate(candidates):
        score = float(len(repr(candidate.parameters)) % 7 + number % 3)
        measured = {"a": Measurement(score, 0.1), "b": Measurement(10 - score), "t": Measurement(0)}
        if number == 1:
            del measured["b"]
        trial = Trial(
            number, candidate.parameters, state=TrialState.COMPLETED, measurements=measured
        )
        if number % 4 == 3:
            failure = Failure(FailureKind.CANDIDATE, "out of memory")
            trial = Trial(number, candidate.parameters, state=TrialState.FAILED, failure=failure)
        trials.append(trial)
    return trials


def measured(study: Study, candidates: list[Candidate]) -> list[Trial]:
    """Complete the candidates, with whole numbers as measurements of all outcomes."""
    return [
        Trial(
            number,
            candidate.parameters,
            state=TrialState.COMPLETED,
            measurements={
                each.name: Measurement(float((3 + index) * (number + 1) % 7))
                for index, each in enumerate(study.objectives)
            },
        )
        for number, candidate in enumerate(candidates)
    ]


def assert_valid(study: Study, candidates: list[Candidate], count: int) -> None:
    assert len(candidates) == count
    assert len({key(each.parameters) for each in candidates}) == count
    for each in candidates:
        check_parameters(study.parameters, study.linear_constraints, each.parameters, "candidate")


def points_of(study: Study, count: int) -> list[Candidate]:
    """Return different points of a Sobol sequence."""
    if count == 0:
        return []
    box = SearchBox(SpaceEncoding.of(study))
    points = [box.encoding.decode(row) for row in box.to_points(box.sobol(4 * count, seed=5))]
    return [Candidate(point) for point in {key(point): point for point in points}.values()][:count]


def history(study: Study, count: int) -> list[Trial]:
    return finished(points_of(study, count))


@pytest.fixture(autouse=True)
def two_step_optimizers() -> Iterator[None]:
    """Cut every BoTorch optimization to two steps: the promises hold however good the points."""
    with mock_optimize_context_manager(force=True):
        yield


@pytest.fixture(params=SAMPLERS)
def sampler(request: pytest.FixtureRequest) -> Sampler:
    return SAMPLERS[request.param]


@pytest.mark.parametrize("done", [0, LEARNS])
def test_candidates_are_valid_and_as_many_as_asked(sampler: Sampler, done: int) -> None:
    candidates = sampler.propose(EVERYTHING, history(EVERYTHING, done), 3, seed=1)

    assert_valid(EVERYTHING, candidates, 3)


@pytest.mark.parametrize("name", [each for each in SAMPLERS if each not in AS_BAYESIAN])
@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(study=studies())
def test_nothing_invalid_is_proposed_in_any_study(name: str, study: Study) -> None:
    trials = measured(study, points_of(study, LEARNS))
    pending = replace(trials[-1], state=TrialState.RUNNING, measurements={})

    candidates = SAMPLERS[name].propose(study, [*trials[:-1], pending], 2, seed=0)

    assert_valid(study, candidates, 2)


@pytest.mark.parametrize("objectives", [ONE, ONE_MEASURED, NINE], ids=["one", "computed", "nine"])
def test_one_objective_can_be_learned_and_nine(
    sampler: Sampler, objectives: list[Objective]
) -> None:
    study = Study(
        "objectives",
        parameters=[Continuous("x", 0, 1), Integer("y", 0, 9)],
        objectives=objectives,
    )
    trials = measured(study, points_of(study, LEARNS))

    candidates = sampler.propose(study, trials, 2, seed=0)

    assert_valid(study, candidates, 2)


def test_one_objective_can_be_learned_within_limits(sampler: Sampler) -> None:
    alone = replace(EVERYTHING, objectives=OBJECTIVES[:1])

    candidates = sampler.propose(alone, history(alone, LEARNS), 2, seed=0)

    assert_valid(alone, candidates, 2)


def test_trials_that_measured_one_outcome_only_do_not_stop_the_search(sampler: Sampler) -> None:
    half = [
        replace(trial, measurements={"a": trial.measurements["a"]} if trial.measurements else {})
        for trial in history(EVERYTHING, LEARNS)
    ]

    candidates = sampler.propose(EVERYTHING, half, 2, seed=0)

    assert_valid(EVERYTHING, candidates, 2)


def test_trials_that_all_failed_do_not_stop_the_search_and_are_not_repeated(
    sampler: Sampler,
) -> None:
    nan = Failure(FailureKind.CANDIDATE, "measured NaN as 'a'")
    failed = [
        replace(trial, state=TrialState.FAILED, measurements={}, failure=nan)
        for trial in history(SMALL, LEARNS)
    ]

    candidates = sampler.propose(SMALL, failed[:9], 3, seed=0)

    assert_valid(SMALL, candidates, 3)
    tried = {key(trial.parameters) for trial in failed[:9]}
    assert tried.isdisjoint(key(each.parameters) for each in candidates)


def test_trials_that_all_run_are_not_repeated(sampler: Sampler) -> None:
    running = [
        replace(trial, state=TrialState.RUNNING, measurements={}, failure=None)
        for trial in history(EVERYTHING, LEARNS)
    ]

    candidates = sampler.propose(EVERYTHING, running, 3, seed=0)

    assert_valid(EVERYTHING, candidates, 3)
    tried = {key(trial.parameters) for trial in running}
    assert tried.isdisjoint(key(each.parameters) for each in candidates)


def test_equal_arguments_give_equal_candidates(sampler: Sampler) -> None:
    trials = history(EVERYTHING, LEARNS)

    first = sampler.propose(EVERYTHING, trials, 2, seed=1)
    torch.rand(3)

    assert sampler.propose(EVERYTHING, trials, 2, seed=1) == first
    assert sampler.propose(EVERYTHING, trials, 2, seed=2) != first


def test_the_global_random_state_and_threads_are_left_alone(sampler: Sampler) -> None:
    torch.manual_seed(3)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    of_numpy = str(mtrand.get_state())

    sampler.propose(EVERYTHING, history(EVERYTHING, LEARNS), 1, seed=1)

    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    assert str(mtrand.get_state()) == of_numpy


def test_running_and_failed_trials_are_not_proposed_again(sampler: Sampler) -> None:
    trials = history(SMALL, 8)
    running = [replace(trials[0], state=TrialState.RUNNING, measurements={}), *trials[1:]]
    tried = {key(trial.parameters) for trial in running}

    candidates = sampler.propose(SMALL, running, 4, seed=0)

    assert tried.isdisjoint(key(each.parameters) for each in candidates)


def test_a_discrete_space_is_used_up_without_repeats(sampler: Sampler) -> None:
    trials = history(SMALL, 8)

    candidates = sampler.propose(SMALL, trials, 9, seed=0)

    tried: list[Parameters] = [trial.parameters for trial in trials]
    everything = {key(each) for each in tried} | {key(each.parameters) for each in candidates}
    assert len(candidates) == 4
    assert len(everything) == 12
    whole = finished([Candidate(each) for each in tried] + candidates)
    assert sampler.propose(SMALL, whole, 1, seed=0) == []


def test_what_was_given_up_after_several_attempts_is_not_proposed_again(sampler: Sampler) -> None:
    lost = Failure(FailureKind.INFRASTRUCTURE, "lost worker")
    trials = history(SMALL, 12)
    given_up = [*trials[:-1], replace(trials[-1], state=TrialState.FAILED, failure=lost)]

    assert sampler.propose(SMALL, given_up, 2, seed=0) == []


def test_starting_points_come_first_and_once(sampler: Sampler) -> None:
    first = next_candidates(sampler, EVERYTHING, [], 2, 0)
    later = next_candidates(sampler, EVERYTHING, finished(first), 1, 0)

    assert first[0].parameters == EVERYTHING.start_with[0]
    assert next(each.sampler for each in first) == "start_with"
    assert later[0].sampler != "start_with"
