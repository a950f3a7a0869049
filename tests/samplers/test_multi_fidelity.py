from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from moopt.errors import SelectionError
from moopt.optimizer import Optimizer
from moopt.samplers.asha import AshaSampler
from moopt.samplers.history import key
from moopt.samplers.multi_fidelity import MultiFidelitySampler
from moopt.study.objectives import (
    Fidelity,
    Maximize,
    Minimize,
    Objective,
    OutcomeConstraint,
)
from moopt.study.parameters import Categorical, Continuous, Integer, Parameters
from moopt.study.study import Study
from moopt.study.trials import Trial, TrialState
from moopt.study.validation import check_parameters
from tests.samplers.fidelity_runs import CURVES, EPOCHS, curves, number, search

SAMPLER = MultiFidelitySampler(surrogate="matern")


def spent(trials: Sequence[Trial]) -> float:
    before = {trial.number: trial.fidelity or 0.0 for trial in trials}
    return sum(
        EPOCHS.cost(trial.fidelity or 0.0, after=before.get(trial.continues or -1, 0.0))
        for trial in trials
    )


@pytest.mark.slow
def test_nothing_is_proposed_twice_at_a_fidelity_and_everything_goes_up() -> None:
    trials = search(CURVES, SAMPLER, 20).trials
    assert len({(key(each.parameters), each.fidelity) for each in trials}) == len(trials)
    for trial in trials:
        if trial.continues is not None:
            before = trials[trial.continues]
            assert trial.parameters == before.parameters
            assert (trial.fidelity or 0) > (before.fidelity or 0)
    brief = [each for each in trials if each.continues is None and each.fidelity != EPOCHS.high]
    assert spent(brief) <= 0.7 * spent(trials)
    counts = Counter(trial.fidelity for trial in trials)
    assert counts[1.0] >= 5
    assert counts[9.0] >= 3


def test_equal_arguments_give_equal_candidates() -> None:
    trials = search(CURVES, SAMPLER, 9).trials
    once, again = (SAMPLER.propose(CURVES, trials, 2, 3) for _ in range(2))
    assert once == again


@pytest.mark.slow
def test_several_candidates_at_once_are_different() -> None:
    optimizer = search(CURVES, SAMPLER, 9)
    asked = optimizer.ask(3)
    assert len({key(trial.parameters) for trial in asked}) == 3


@pytest.mark.slow
def test_the_front_is_as_good_as_that_of_successive_halving_at_no_more_cost() -> None:
    ours, theirs = search(CURVES, SAMPLER, 24), search(CURVES, AshaSampler(), 60)
    assert spent(ours.trials) <= spent(theirs.trials)
    assert ours.front().hypervolume() > 0.99 * theirs.front().hypervolume()


@pytest.mark.slow
def test_failures_limits_formulas_and_starting_points_work_together() -> None:
    def size(parameters: Parameters) -> float:
        return number(parameters, "width")

    study = Study(
        "mixed",
        parameters=[
            Continuous("rate", 0, 1),
            Continuous("width", 0, 1),
            Categorical("optimizer", ["sgd", "lion"]),
            Integer("layers", 1, 4),
        ],
        objectives=[
            Objective("score", Maximize, reference=0.0),
            Objective("size", Minimize, formula=size, reference=1.0),
        ],
        outcome_constraints=[OutcomeConstraint("memory", at_most=2.0)],
        fidelity=EPOCHS,
        start_with=[{"rate": 0.5, "width": 0.5, "optimizer": "sgd", "layers": 2}],
    )

    def measure(parameters: Parameters, epochs: float) -> dict[str, float] | None:
        if number(parameters, "rate") > 0.8:
            return None
        layers = parameters["layers"]
        assert isinstance(layers, int)
        memory = layers * (0.5 + number(parameters, "width"))
        return {"score": curves(parameters, epochs)["score"], "memory": memory}

    optimizer = search(study, SAMPLER, 18, measure)
    assert optimizer.trials[0].fidelity == EPOCHS.high
    assert optimizer.trials[0].sampler == "start_with"
    later = optimizer.trials[12:]
    assert sum(trial.failure is not None for trial in later) <= 3
    assert optimizer.front().hypervolume() > 0
    assert all(trial.measurements["memory"].mean <= 2.0 for trial in optimizer.front().trials)


@pytest.mark.slow
def test_a_small_space_ends_when_all_is_whole() -> None:
    study = Study(
        "small",
        parameters=[Categorical("c", ["a", "b", "c", "d", "e", "f"])],
        objectives=[Objective("score", Maximize), Objective("cost", Minimize)],
        fidelity=Fidelity("repeats", low=1, high=3),
    )

    def measure(parameters: Parameters, repeats: float) -> dict[str, float]:
        place = "abcdef".index(str(parameters["c"]))
        return {"score": place + 0.1 * repeats, "cost": float(place)}

    optimizer = Optimizer(study, SAMPLER)
    for _ in range(20):
        for trial in optimizer.ask():
            optimizer.tell(trial.number, measure(trial.parameters, trial.fidelity or 0))
    whole = {key(each.parameters) for each in optimizer.trials if each.fidelity == 3.0}
    assert len(whole) == 6
    assert optimizer.ask() == []


@pytest.mark.slow
@pytest.mark.parametrize("fidelity", [EPOCHS, replace(EPOCHS, unbiased=True)])
def test_while_the_first_whole_trials_run_the_search_goes_on(fidelity: Fidelity) -> None:
    study = replace(CURVES, fidelity=fidelity)
    ended = search(study, SAMPLER, 6).trials
    brief = [replace(trial, fidelity=1.0, continues=None) for trial in ended[:5]]
    running = [
        Trial(5 + place, each.parameters, state=TrialState.RUNNING, fidelity=9.0, continues=place)
        for place, each in enumerate(brief[:3])
    ]

    (candidate,) = SAMPLER.propose(study, [*brief, *running], 1, 0)

    assert candidate.fidelity in EPOCHS.levels(3.0)
    check_parameters(study.parameters, (), candidate.parameters, "it")


def test_a_study_without_a_fidelity_is_refused() -> None:
    with pytest.raises(SelectionError, match="add fidelity=Fidelity"):
        Optimizer(replace(CURVES, fidelity=None), "multi_fidelity").ask()
