"""What every sampler promises."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from botorch.test_utils.mock import mock_optimize_context_manager

from moopt.protocols import Sampler
from moopt.samplers.bayesian import BayesianSampler
from moopt.samplers.history import key
from moopt.samplers.quasi_random import QuasiRandomSampler, RandomSampler
from moopt.samplers.starting_points import next_candidates
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

SAMPLERS: dict[str, Sampler] = {
    "sobol": QuasiRandomSampler(),
    "random": RandomSampler(),
    "bayesian": BayesianSampler(initial_trials=6),
}
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


def finished(candidates: list[Candidate]) -> list[Trial]:
    """Complete the candidates, every fourth by a failure and one with half its measurements."""
    trials = []
    for number, candidate in enumerate(candidates):
        score = float(len(key(candidate.parameters)) % 7 + number % 3)
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


def history(study: Study, count: int) -> list[Trial]:
    return finished(QuasiRandomSampler().propose(study, [], count, 5)) if count else []


@pytest.fixture(autouse=True)
def two_step_optimizers() -> Iterator[None]:
    """Cut every BoTorch optimization to two steps: the promises hold however good the points."""
    with mock_optimize_context_manager(force=True):
        yield


@pytest.fixture(params=SAMPLERS)
def sampler(request: pytest.FixtureRequest) -> Sampler:
    return SAMPLERS[request.param]


@pytest.mark.parametrize("done", [0, 8])
def test_candidates_are_valid_and_as_many_as_asked(sampler: Sampler, done: int) -> None:
    candidates = sampler.propose(EVERYTHING, history(EVERYTHING, done), 3, seed=1)

    assert len(candidates) == 3
    assert len({key(each.parameters) for each in candidates}) == 3
    for each in candidates:
        check_parameters(
            EVERYTHING.parameters, EVERYTHING.linear_constraints, each.parameters, "candidate"
        )


def test_equal_arguments_give_equal_candidates(sampler: Sampler) -> None:
    trials = history(EVERYTHING, 8)

    first = sampler.propose(EVERYTHING, trials, 2, seed=1)
    torch.rand(3)

    assert sampler.propose(EVERYTHING, trials, 2, seed=1) == first
    assert sampler.propose(EVERYTHING, trials, 2, seed=2) != first


def test_the_global_random_state_and_threads_are_left_alone(sampler: Sampler) -> None:
    torch.manual_seed(3)
    before, threads = torch.get_rng_state(), torch.get_num_threads()

    sampler.propose(EVERYTHING, history(EVERYTHING, 8), 1, seed=1)

    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


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


def test_an_infrastructure_failure_may_be_proposed_again(sampler: Sampler) -> None:
    lost = Failure(FailureKind.INFRASTRUCTURE, "lost worker")
    trials = history(SMALL, 12)
    again = [*trials[:-1], replace(trials[-1], state=TrialState.FAILED, failure=lost)]

    assert [each.parameters for each in sampler.propose(SMALL, again, 2, seed=0)] == [
        trials[-1].parameters
    ]


def test_starting_points_come_first_and_once(sampler: Sampler) -> None:
    first = next_candidates(sampler, EVERYTHING, [], 2, 0)
    later = next_candidates(sampler, EVERYTHING, finished(first), 1, 0)

    assert first[0].parameters == EVERYTHING.start_with[0]
    assert next(each.sampler for each in first) == "start_with"
    assert later[0].sampler != "start_with"
