from collections import Counter
from dataclasses import replace

import pytest

from moopt.errors import SelectionError
from moopt.optimizer import Optimizer
from moopt.samplers.asha import AshaSampler
from moopt.samplers.history import key
from moopt.study.objectives import Maximize, Objective
from moopt.study.parameters import Categorical, Continuous
from moopt.study.study import Study
from moopt.study.trials import Failure, FailureKind, Measurement, Trial, TrialState
from tests.samplers.fidelity_runs import CURVES, EPOCHS, curves, search


def done(number: int, score: float, time: float) -> Trial:
    return Trial(
        number,
        {"rate": number / 100, "width": 0.5},
        state=TrialState.COMPLETED,
        fidelity=1.0,
        measurements={"score": Measurement(score), "time": Measurement(time)},
    )


NINE = [done(number, score, 0.2 + score**2) for number, score in enumerate([0.1, 0.5, 0.9])]
NINE += [done(number, 0.05, 2.0 + number) for number in range(3, 9)]
"""Three that nothing beats, and six that all of these beat."""


def test_a_third_of_a_level_is_promoted_at_least() -> None:
    trials = search(CURVES, AshaSampler(), 60).trials
    counts = Counter(trial.fidelity for trial in trials)
    assert set(counts) == {1.0, 3.0, 9.0}
    assert counts[1.0] // 3 <= counts[3.0] < counts[1.0]
    assert counts[3.0] // 3 <= counts[9.0] < counts[3.0]


def test_a_promotion_takes_the_same_parameters_further_with_the_same_seed() -> None:
    trials = search(CURVES, AshaSampler(), 30).trials
    further = [trial for trial in trials if trial.continues is not None]
    assert further
    for trial in further:
        before = trials[trial.continues or 0]
        assert trial.parameters == before.parameters
        assert trial.seed == before.seed
        assert (trial.fidelity or 0) > (before.fidelity or 0)


def test_nothing_is_proposed_twice_at_a_fidelity() -> None:
    trials = search(CURVES, AshaSampler(), 60).trials
    assert len({(key(each.parameters), each.fidelity) for each in trials}) == len(trials)


def test_the_best_of_either_objective_is_promoted_and_running_promotions_count() -> None:
    proposed = AshaSampler().propose(CURVES, NINE, 6, 0)
    assert [each.continues for each in proposed] == [1, 2, 0, None, None, None]
    assert [each.fidelity for each in proposed] == [3.0] * 3 + [1.0] * 3


def test_what_failed_counts_as_the_worst_of_its_level() -> None:
    failure = Failure(FailureKind.CANDIDATE, "diverged")
    failed = [
        replace(trial, state=TrialState.FAILED, measurements={}, failure=failure)
        for trial in NINE[3:]
    ]
    assert AshaSampler().propose(CURVES, [*NINE[:3], *failed], 3, 0) == (
        AshaSampler().propose(CURVES, NINE, 3, 0)
    )


def test_equal_arguments_give_equal_candidates() -> None:
    trials = search(CURVES, AshaSampler(new="random"), 20).trials
    once, again = (AshaSampler(new="random").propose(CURVES, trials, 4, 3) for _ in range(2))
    assert once == again


def test_a_failed_trial_is_never_taken_further() -> None:
    trials = search(CURVES, AshaSampler(), 40, lambda p, s: None if s > 1 else curves(p, s)).trials
    ended = {key(trial.parameters) for trial in trials if trial.failure is not None}
    assert len(ended) == sum(trial.failure is not None for trial in trials)


SMALL = Study(
    "small",
    parameters=[Categorical("c", ["a", "bb", "ccc", "dddd"])],
    objectives=[Objective("score", Maximize)],
    fidelity=CURVES.fidelity,
)


def test_a_small_space_ends_when_all_is_whole_and_the_best_are_whole_first() -> None:
    trials = search(SMALL, AshaSampler(), 20, lambda p, _: {"score": len(str(p["c"]))}).trials

    assert Counter(trial.fidelity for trial in trials) == {1.0: 4, 3.0: 4, 9.0: 4}
    whole = [trial.parameters["c"] for trial in trials if trial.fidelity == EPOCHS.high]
    assert whole == ["dddd", "ccc", "bb", "a"]


def test_in_a_space_that_is_used_up_what_runs_at_a_level_is_waited_for() -> None:
    optimizer = Optimizer(SMALL, AshaSampler())
    asked = optimizer.ask(9)
    for trial in asked[:2]:
        optimizer.tell(trial.number, {"score": len(str(trial.parameters["c"]))})

    assert len(asked) == 4
    assert optimizer.ask(9) == []

    for trial in asked[2:]:
        optimizer.tell(trial.number, {"score": len(str(trial.parameters["c"]))})
    further = optimizer.ask(9)
    assert [trial.fidelity for trial in further] == [3.0] * 4
    assert [trial.parameters["c"] for trial in further] == ["dddd", "ccc", "bb", "a"]


def test_what_failed_in_a_small_space_is_not_taken_further() -> None:
    trials = search(
        SMALL, AshaSampler(), 20, lambda p, _: None if p["c"] == "a" else {"score": 1.0}
    ).trials

    assert Counter(trial.fidelity for trial in trials) == {1.0: 4, 3.0: 3, 9.0: 3}


def test_a_study_without_a_fidelity_is_refused() -> None:
    study = Study(
        "plain", parameters=[Continuous("x", 0, 1)], objectives=[Objective("y", Maximize)]
    )
    with pytest.raises(SelectionError, match="add fidelity=Fidelity"):
        Optimizer(study, "asha").ask()


@pytest.mark.parametrize("sampler", [AshaSampler(new="grid"), AshaSampler(tie_break="coin")])
def test_an_unknown_option_is_refused(sampler: AshaSampler) -> None:
    with pytest.raises(SelectionError, match="choose from"):
        Optimizer(CURVES, sampler).ask()
