"""Runs whose trials report, are stopped and are taken further, in this process."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from moopt.errors import SelectionError, StudyError
from moopt.loop import Ended, Run, optimize
from moopt.samplers.history import key
from moopt.samplers.quasi_random import QuasiRandomSampler
from moopt.store.store import Store
from moopt.study.costs import spent
from moopt.study.evaluation import Context, Report
from moopt.study.objectives import Fidelity, Maximize, Objective
from moopt.study.parameters import Categorical, Continuous
from moopt.study.study import Study
from moopt.study.trials import ENDED_STATES, Candidate, Trial, TrialState
from moopt.study.validation import Raw

STUDY = Study(
    "training",
    parameters=[Continuous("x", 0.0, 1.0)],
    objectives=[
        Objective("gain", Maximize, reference=-1),
        Objective("speed", Maximize, reference=-1),
    ],
    fidelity=Fidelity("epochs", low=1, high=9),
)


def value(trial: Trial) -> float:
    return float(str(trial.parameters["x"]))


def measured(trial: Trial, epoch: float) -> dict[str, Raw]:
    return {"gain": value(trial) * epoch, "speed": 1.0 - value(trial)}


def train(trial: Trial, context: Context) -> Mapping[str, Raw]:
    before = 0
    if context.continues is not None and (context.continues / "checkpoint").exists():
        before = int((context.continues / "checkpoint").read_text(encoding="utf-8"))
    for epoch in range(before + 1, int(trial.fidelity or 9) + 1):
        context.report(epoch, measured(trial, epoch))
        (context.directory / "checkpoint").write_text(str(epoch), encoding="utf-8")
        context.logger.info("epoch %d", epoch)
        if context.should_stop():
            return measured(trial, epoch)
    return measured(trial, trial.fidelity or 9.0)


@dataclass
class StopsBelow:
    """Stops trials whose x is small, from the third epoch on."""

    least: float
    asked: list[tuple[int, tuple[float, ...]]] = field(default_factory=list)

    def stops(self, study: Study, trials: Sequence[Trial], trial: Trial) -> bool:
        assert study.name == "training"
        assert trials[trial.number] is trial
        assert trial.state is TrialState.RUNNING
        self.asked.append((trial.number, tuple(trial.partial)))
        return value(trial) < self.least and max(trial.partial) >= 3


class Promoter:
    """Proposes at one epoch; takes each trial further that has ended there."""

    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        taken = {trial.continues for trial in trials}
        promotions = [
            Candidate(trial.parameters, fidelity=9.0, continues=trial.number)
            for trial in trials
            if trial.state in ENDED_STATES and trial.fidelity == 1.0 and trial.number not in taken
        ]
        fresh = QuasiRandomSampler().propose(study, trials, count, seed)
        return [*promotions, *(Candidate(each.parameters, fidelity=1.0) for each in fresh)][:count]


@pytest.fixture
def store() -> Iterator[Store]:
    with Store("sqlite://") as opened:
        yield opened


def test_a_rule_stops_trials_and_the_others_go_to_their_end(store: Store, tmp_path: Path) -> None:
    rule = StopsBelow(0.5)

    optimize(
        STUDY,
        train,
        trials=6,
        sampler="sobol",
        stopping_rule=rule,
        store=store,
        directory=tmp_path,
    )

    for trial in store.trials("training"):
        if value(trial) < 0.5:
            assert (trial.state, trial.fidelity) == (TrialState.STOPPED, 3.0)
            assert trial.measurements["gain"].mean == value(trial) * 3
            assert list(trial.partial) == [1, 2, 3]
        else:
            assert (trial.state, trial.fidelity) == (TrialState.COMPLETED, 9.0)
            assert len(trial.partial) == 9
    states = {trial.state for trial in store.trials("training")}
    assert states == {TrialState.STOPPED, TrialState.COMPLETED}
    assert rule.asked[:2] == [(0, (1.0,)), (0, (1.0, 2.0))]


def test_only_whole_trials_are_on_the_front(store: Store, tmp_path: Path) -> None:
    result = optimize(
        STUDY,
        train,
        trials=6,
        sampler="sobol",
        stopping_rule=StopsBelow(0.5),
        store=store,
        directory=tmp_path,
    )

    assert result.front.trials
    assert all(trial.fidelity == 9.0 for trial in result.front.trials)
    assert result.ended is Ended.DONE


def test_a_trial_that_takes_another_further_goes_on_from_its_folder(
    store: Store, tmp_path: Path
) -> None:
    optimize(STUDY, train, trials=4, sampler=Promoter(), store=store, directory=tmp_path)

    short, whole, _, _ = store.trials("training")
    assert (short.fidelity, short.continues) == (1.0, None)
    assert (whole.fidelity, whole.continues, whole.seed) == (9.0, 0, short.seed)
    assert key(whole.parameters) == key(short.parameters)
    assert list(whole.partial) == [2, 3, 4, 5, 6, 7, 8, 9]


def test_a_rule_needs_a_study_with_a_fidelity(tmp_path: Path) -> None:
    study = Study("flat", parameters=STUDY.parameters, objectives=STUDY.objectives)

    with pytest.raises(StudyError, match="has no fidelity"):
        optimize(study, train, trials=2, stopping_rule=StopsBelow(0.5), directory=tmp_path)


def test_an_error_of_the_rule_ends_the_run_and_blames_no_trial(
    store: Store, tmp_path: Path
) -> None:
    class Broken:
        def stops(self, study: Study, trials: Sequence[Trial], trial: Trial) -> bool:
            del study, trials, trial
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        optimize(
            STUDY,
            train,
            trials=2,
            sampler="sobol",
            stopping_rule=Broken(),
            store=store,
            directory=tmp_path,
        )
    assert [trial.state for trial in store.trials("training")] == [TrialState.PROPOSED]


def test_a_budget_ends_the_run_with_the_trial_that_uses_it_up(store: Store, tmp_path: Path) -> None:
    result = optimize(STUDY, train, budget=2.0, sampler=Promoter(), store=store, directory=tmp_path)

    trials = store.trials("training")
    # A ninth for the short trial and eight ninths for the rest, in turn.
    assert [trial.fidelity for trial in trials] == [1.0, 9.0, 1.0, 9.0]
    assert spent(STUDY, trials, ENDED_STATES) == pytest.approx(2.0)
    assert result.ended is Ended.DONE


def test_what_stopping_saves_is_spent_on_further_trials(store: Store, tmp_path: Path) -> None:
    optimize(
        STUDY,
        train,
        budget=3.0,
        sampler="sobol",
        stopping_rule=StopsBelow(2.0),
        store=store,
        directory=tmp_path,
    )

    trials = store.trials("training")
    assert [trial.fidelity for trial in trials] == [3.0] * 9


def test_the_budget_counts_what_earlier_runs_have_spent(store: Store, tmp_path: Path) -> None:
    def run(budget: float) -> Run:
        return optimize(
            STUDY, train, budget=budget, sampler="sobol", store=store, directory=tmp_path
        )

    run(2.0)
    run(2.0)
    assert len(store.trials("training")) == 2
    run(2.5)
    assert len(store.trials("training")) == 3


def test_without_a_fidelity_each_trial_costs_one(store: Store, tmp_path: Path) -> None:
    study = Study("flat", parameters=STUDY.parameters, objectives=STUDY.objectives)

    optimize(study, train, budget=2.5, sampler="sobol", store=store, directory=tmp_path)

    assert len(store.trials("flat")) == 3


def test_the_first_limit_that_is_reached_counts(store: Store, tmp_path: Path) -> None:
    optimize(STUDY, train, trials=3, budget=100, sampler="sobol", store=store, directory=tmp_path)
    assert len(store.trials("training")) == 3


def test_a_run_may_be_limited_by_time_alone(store: Store, tmp_path: Path) -> None:
    result = optimize(
        STUDY, train, time_limit=0.5, sampler="sobol", store=store, directory=tmp_path
    )

    assert result.ended is Ended.TIME_LIMIT
    assert store.trials("training")


def test_a_run_without_any_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SelectionError, match="give trials, budget or time_limit"):
        optimize(STUDY, train, directory=tmp_path)


def test_a_small_space_is_exhausted_only_when_nothing_can_be_taken_further(
    store: Store, tmp_path: Path
) -> None:
    study = Study(
        "training",
        parameters=[Categorical("x", [0.25, 0.75])],
        objectives=STUDY.objectives,
        fidelity=STUDY.fidelity,
    )

    class Halving:
        def propose(
            self, study: Study, trials: Sequence[Trial], count: int, seed: int
        ) -> list[Candidate]:
            fresh = QuasiRandomSampler().propose(study, trials, count, seed)
            if fresh or any(trial.state not in ENDED_STATES for trial in trials):
                return [Candidate(each.parameters, fidelity=1.0) for each in fresh]
            return Promoter().propose(study, trials, count, seed)[:1]

    result = optimize(study, train, trials=10, sampler=Halving(), store=store, directory=tmp_path)

    assert result.ended is Ended.EXHAUSTED
    assert [trial.fidelity for trial in store.trials("training")] == [1.0, 1.0, 9.0, 9.0]


def test_an_evaluator_may_end_early_without_a_rule(store: Store, tmp_path: Path) -> None:
    def race(trial: Trial, _context: Context) -> Report:
        return Report(3.0, measured(trial, 3))

    optimize(STUDY, race, trials=2, sampler="sobol", store=store, directory=tmp_path)

    assert {trial.state for trial in store.trials("training")} == {TrialState.STOPPED}
