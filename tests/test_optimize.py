"""The loop, in this process."""

import errno
import math
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import FrameType

import pytest

from moopt.errors import EvaluationError, SelectionError, StudyError
from moopt.loop import Ended, Phase, Progress, Run, StopLevel, optimize
from moopt.samplers.quasi_random import QuasiRandomSampler
from moopt.store.store import Store
from moopt.study.evaluation import (
    Context,
    Evaluation,
    Evaluator,
    Report,
    Split,
    ignore_partial_result,
)
from moopt.study.objectives import Maximize, Minimize, Objective, OutcomeConstraint
from moopt.study.parameters import Categorical, Continuous, Parameters
from moopt.study.study import Study
from moopt.study.trials import (
    Candidate,
    Failure,
    FailureKind,
    Measurement,
    Trial,
    TrialState,
)
from moopt.study.validation import Raw

STUDY = Study(
    "curve",
    parameters=[Continuous("x", 0.0, 1.0), Continuous("y", 0.0, 1.0)],
    objectives=[
        Objective("gain", Maximize, reference=-1.0),
        Objective("cost", Minimize, reference=2.0),
    ],
)
Optimize = Callable[..., Run]
Handler = Callable[[int, FrameType | None], None] | signal.Handlers


def number(parameters: Parameters, name: str) -> float:
    value = parameters[name]
    assert isinstance(value, int | float)
    return float(value)


def evaluate(trial: Trial, _context: Context) -> Mapping[str, Raw]:
    x, y = number(trial.parameters, "x"), number(trial.parameters, "y")
    return {"gain": x - y * y, "cost": (x * x + y, 0.1)}


def held_out(trial: Trial, _context: Context) -> Mapping[str, Raw]:
    return {"gain": number(trial.parameters, "x") - 0.1, "cost": 1.0}


def always(outcome: Mapping[str, Raw]) -> Evaluator:
    def returning(_trial: Trial, _context: Context) -> Mapping[str, Raw]:
        return outcome

    return returning


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    url = "sqlite://" if request.param == "memory" else request.getfixturevalue("postgres_url")
    with Store(url) as opened:
        yield opened


@pytest.fixture
def run(store: Store, tmp_path: Path) -> Optimize:
    return partial(optimize, sampler="sobol", store=store, directory=tmp_path)


@dataclass
class LosingExecutor:
    """Loses every trial a number of times, as dying workers do."""

    losses: int
    capacity: int = 1
    lost: dict[int, int] = field(default_factory=dict)

    def start(
        self,
        trial: Trial,
        split: Split = Split.SEARCH,
        take: Callable[[str, Report], None] = ignore_partial_result,
    ) -> str:
        del split, take
        self.lost[trial.number] = self.lost.get(trial.number, 0) + 1
        return str(trial.number)

    def poll(self, job: str) -> Evaluation | None:
        if self.lost[int(job)] <= self.losses:
            failure = Failure(FailureKind.INFRASTRUCTURE, "the worker was ended by SIGKILL")
            return Evaluation(failure)
        return Evaluation({"gain": 1.0, "cost": 1.0})

    def stop_early(self, job: str) -> None:
        pass

    def wait(self, seconds: float) -> None:
        pass

    def stop(self, job: str) -> None:
        pass

    def close(self) -> None:
        pass


@dataclass
class PairingExecutor(LosingExecutor):
    """Ends no trial before two were started."""

    losses: int = 0
    capacity: int = 2

    def poll(self, job: str) -> Evaluation | None:
        return None if len(self.lost) == 1 else super().poll(job)


@dataclass
class WatchingSampler:
    """Remembers the trials that it was shown."""

    shown: list[list[TrialState]] = field(default_factory=list)
    studies: list[Study] = field(default_factory=list)

    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        self.shown.append([trial.state for trial in trials])
        self.studies.append(study)
        return QuasiRandomSampler().propose(study, trials, count, seed)


class CluelessSampler:
    """Knows no more than three candidates."""

    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        if len(trials) == 3:
            raise ArithmeticError("no idea")
        return QuasiRandomSampler().propose(study, trials, count, seed)


@dataclass
class OvertakenSampler:
    """Thinks for so long that another driver adds a trial meanwhile, once."""

    store: Store
    overtaken: bool = False

    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        candidates = QuasiRandomSampler().propose(study, trials, count, seed)
        if not self.overtaken:
            self.overtaken = True
            self.store.add(study.name, candidates[0], seed)
        return candidates


def test_a_run_ends_with_as_many_trials_as_asked(run: Optimize, store: Store) -> None:
    result = run(STUDY, evaluate, trials=6)

    trials = store.trials("curve")
    assert result.ended is Ended.DONE
    assert [trial.number for trial in trials] == list(range(6))
    assert {trial.state for trial in trials} == {TrialState.COMPLETED}
    assert trials[0].measurements["cost"].sem == 0.1


def test_the_front_is_that_of_all_trials(run: Optimize, store: Store) -> None:
    front = run(STUDY, evaluate, trials=6).front

    assert front.trials
    assert all(trial in store.trials("curve") for trial in front.trials)
    assert front.hypervolume() > 0


def test_trials_of_earlier_runs_count(run: Optimize, store: Store) -> None:
    run(STUDY, evaluate, trials=4)
    before = store.trials("curve")

    run(STUDY, evaluate, trials=6)

    assert store.trials("curve")[:4] == before
    assert len(store.trials("curve")) == 6


def test_a_study_with_enough_trials_is_left_as_it_is(run: Optimize, store: Store) -> None:
    run(STUDY, evaluate, trials=4)

    assert run(STUDY, evaluate, trials=3).ended is Ended.DONE
    assert len(store.trials("curve")) == 4


@pytest.mark.parametrize("prefix", [1, 3, 5])
def test_a_run_in_two_parts_is_the_run_in_one(tmp_path: Path, prefix: int) -> None:
    with Store("sqlite://") as whole, Store("sqlite://") as parts:
        search = partial(optimize, STUDY, evaluate, sampler="sobol", directory=tmp_path, seed=3)
        search(trials=6, store=whole)
        search(trials=prefix, store=parts)
        search(trials=6, store=parts)

        expected = [(trial.parameters, trial.seed) for trial in whole.trials("curve")]
        assert [(trial.parameters, trial.seed) for trial in parts.trials("curve")] == expected


def test_starting_points_come_first(run: Optimize, store: Store) -> None:
    points = [{"x": 0.25, "y": 0.5}, {"x": 1.0, "y": 0.0}]

    run(replace(STUDY, start_with=points), evaluate, trials=3)

    assert [dict(trial.parameters) for trial in store.trials("curve")[:2]] == points


def test_without_a_store_and_an_executor_a_run_needs_neither(tmp_path: Path) -> None:
    assert optimize(STUDY, evaluate, trials=3, sampler="random", directory=tmp_path).front.trials


def test_an_error_fails_its_trial_and_the_run_goes_on(run: Optimize, store: Store) -> None:
    def failing(trial: Trial, context: Context) -> Mapping[str, Raw]:
        if trial.number == 1:
            raise ValueError("diverged")
        return evaluate(trial, context)

    result = run(STUDY, failing, trials=4)

    trial = store.trials("curve")[1]
    assert result.ended is Ended.DONE
    assert len(store.trials("curve")) == 4
    assert trial.failure is not None
    assert trial.failure.kind is FailureKind.CANDIDATE
    assert trial.failure.message.startswith("ValueError: diverged (test_optimize.py:")


@pytest.mark.parametrize("value", [math.nan, math.inf, (1.0, math.nan)])
def test_a_measurement_that_is_no_finite_number_fails_its_trial_by_name(
    run: Optimize, store: Store, value: Raw
) -> None:
    run(STUDY, always({"gain": 1.0, "cost": value}), trials=1)

    trial = store.trials("curve")[0]
    assert trial.state is TrialState.FAILED
    assert trial.failure is not None
    assert trial.failure.kind is FailureKind.CANDIDATE
    assert trial.failure.message.startswith("measurement 'cost': a measurement needs a finite")


def test_what_was_not_measured_is_left_out(run: Optimize, store: Store) -> None:
    run(STUDY, always({"gain": 1.0, "cost": None}), trials=1)

    assert store.trials("curve")[0].measurements == {"gain": Measurement(1.0)}


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        ({"gain": 1.0}, "trial 2: the evaluator returned no 'cost', it returned {'gain': 1.0}"),
        (0.5, "trial 2: an evaluator returns a mapping"),
        ({"gain": 1.0, "cost": "low"}, "trial 2: measurement 'cost' needs a number"),
        ({"gain": 1.0, "cost": (1.0, -1.0)}, "trial 2: measurement 'cost': .* error >= 0"),
    ],
)
def test_an_evaluator_that_never_works_ends_the_run_and_costs_no_trial(
    run: Optimize, store: Store, outcome: Mapping[str, Raw], message: str
) -> None:
    with pytest.raises(EvaluationError, match=message):
        run(STUDY, always(outcome), trials=5)

    asked = store.trials("curve")
    assert [trial.state for trial in asked] == [TrialState.PROPOSED] * 3
    run(STUDY, evaluate, trials=5)
    trials = store.trials("curve")
    assert [each.parameters for each in trials[:3]] == [each.parameters for each in asked]
    assert [trial.state for trial in trials] == [TrialState.COMPLETED] * 5


@dataclass
class FourAtOnceExecutor(LosingExecutor):
    """Ends four trials at once, none of them measured."""

    losses: int = 0
    capacity: int = 4

    def poll(self, job: str) -> Evaluation | None:
        del job
        return Evaluation({"gain": 1.0}) if len(self.lost) >= 4 else None


def test_what_other_workers_bring_as_the_run_ends_costs_no_trial_either(
    run: Optimize, store: Store
) -> None:
    with pytest.raises(EvaluationError, match="3 trials have failed"):
        run(STUDY, evaluate, trials=9, executor=FourAtOnceExecutor())

    assert [trial.state for trial in store.trials("curve")] == [TrialState.PROPOSED] * 4


def test_an_evaluator_that_fails_now_and_then_costs_these_trials_only(
    run: Optimize, store: Store
) -> None:
    def forgetful(trial: Trial, context: Context) -> Mapping[str, Raw]:
        return evaluate(trial, context) if trial.number == 2 else {"gain": 1.0}

    run(STUDY, forgetful, trials=6)

    trials = store.trials("curve")
    kinds = {trial.number: trial.failure.kind for trial in trials if trial.failure}
    assert kinds == dict.fromkeys((0, 1, 3, 4, 5), FailureKind.EVALUATOR)
    assert store.retry("curve") == [0, 1, 3, 4, 5]


def full_disk(trial: Trial, context: Context) -> Mapping[str, Raw]:
    """Measure three trials; then there is no room for more."""
    if trial.number < 3:
        return evaluate(trial, context)
    file = str(context.directory / f"{trial.number}.bin")
    raise OSError(errno.ENOSPC, "No space left on device", file)


def test_trials_that_fail_alike_in_a_row_end_the_run_and_cost_no_trial(
    run: Optimize, store: Store
) -> None:
    with pytest.raises(
        EvaluationError, match=r"5 trials in a row .* trial 7: OSError: .* No space"
    ):
        run(STUDY, full_disk, trials=20)

    states = [trial.state for trial in store.trials("curve")]
    assert states == [TrialState.COMPLETED] * 3 + [TrialState.PROPOSED] * 5
    run(STUDY, evaluate, trials=9)
    assert [trial.state for trial in store.trials("curve")] == [TrialState.COMPLETED] * 9


def test_what_fails_in_several_ways_or_now_and_then_does_not_end_the_run(
    run: Optimize, store: Store
) -> None:
    def unsteady(trial: Trial, context: Context) -> Mapping[str, Raw]:
        if trial.number in (0, 5):
            return evaluate(trial, context)
        if trial.number == 8:
            raise PermissionError(errno.EACCES, "Permission denied")
        return {"gain": 1.0}

    run(STUDY, unsteady, trials=13)

    assert sum(trial.failure is not None for trial in store.trials("curve")) == 11


def test_formulas_are_computed(run: Optimize, store: Store) -> None:
    size = Objective("size", Minimize, formula=lambda values: 3.0 * number(values, "x"))
    study = replace(STUDY, objectives=[*STUDY.objectives, size])

    run(study, evaluate, trials=6)

    trial = store.trials("curve")[5]
    assert trial.measurements["size"] == Measurement(3.0 * number(trial.parameters, "x"), 0.0)


def test_missing_references_are_inferred_once_after_the_first_trials(
    run: Optimize, store: Store
) -> None:
    study = replace(STUDY, objectives=[Objective("gain", Maximize), STUDY.objectives[1]])
    sampler = WatchingSampler()

    run(study, evaluate, trials=5, sampler=sampler)
    inferred = store.study("curve").objectives[0].reference
    result = run(study, evaluate, trials=12, sampler=sampler)

    assert inferred is not None
    assert store.study("curve").objectives[0].reference == inferred
    assert result.front.study.objectives[0].reference == inferred
    seen = [each.objectives[0].reference for each in sampler.studies]
    assert seen == [None] * 5 + [inferred] * 7


def test_a_missing_reference_waits_for_a_feasible_trial(run: Optimize, store: Store) -> None:
    limit = OutcomeConstraint("cost", at_most=0.5)
    study = replace(STUDY, objectives=[Objective("gain", Maximize)], outcome_constraints=[limit])

    run(study, always({"gain": 0.9, "cost": 2.0}), trials=6)
    before = store.study("curve").objectives[0].reference
    run(study, always({"gain": 0.4, "cost": 0.1}), trials=8)

    # The gains lie between 0.4 and 0.9; a tenth of that range below the worst is 0.35.
    assert before is None
    assert store.study("curve").objectives[0].reference == pytest.approx(0.35)


def test_infrastructure_failures_are_tried_again(run: Optimize, store: Store) -> None:
    run(STUDY, evaluate, trials=2, executor=LosingExecutor(losses=2))

    trials = store.trials("curve")
    assert [trial.state for trial in trials] == [TrialState.COMPLETED] * 2
    assert [trial.attempts for trial in trials] == [3, 3]


def test_infrastructure_that_fails_three_times_fails_the_trial(run: Optimize, store: Store) -> None:
    result = run(STUDY, evaluate, trials=1, executor=LosingExecutor(losses=3))

    trial = store.trials("curve")[0]
    assert result.ended is Ended.DONE
    assert trial.failure == Failure(FailureKind.INFRASTRUCTURE, "the worker was ended by SIGKILL")


def test_the_front_is_measured_on_held_out_data(run: Optimize, store: Store) -> None:
    result = run(STUDY, evaluate, trials=6, held_out=held_out)

    measured = [trial.number for trial in store.trials("curve") if trial.held_out]
    assert measured == [trial.number for trial in result.front.trials]
    best = result.front.trials[0]
    assert best.held_out["gain"].mean == number(best.parameters, "x") - 0.1


def test_what_was_measured_on_held_out_data_is_not_measured_again(
    run: Optimize, store: Store
) -> None:
    run(STUDY, evaluate, trials=4, held_out=held_out)
    before = store.trials("curve")

    run(STUDY, evaluate, trials=4, held_out=always({"gain": 0.0, "cost": 0.0}))

    assert store.trials("curve") == before


def test_a_held_out_measurement_that_fails_is_left_out(
    run: Optimize, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    result = run(STUDY, evaluate, trials=2, held_out=always({"gain": math.nan, "cost": 1.0}))

    assert result.front.trials
    assert not any(trial.held_out for trial in store.trials("curve"))
    assert "has no held-out figures: measurement 'gain'" in caplog.text


def test_a_run_without_time_starts_no_trial(run: Optimize, store: Store) -> None:
    result = run(STUDY, evaluate, trials=5, time_limit=0.0)

    assert result.ended is Ended.TIME_LIMIT
    assert store.trials("curve") == []


def test_a_space_that_is_used_up_ends_the_run(run: Optimize, store: Store) -> None:
    study = replace(STUDY, parameters=[Categorical("x", [0, 1]), Categorical("y", [0, 1, 2])])

    result = run(study, evaluate, trials=10)

    assert result.ended is Ended.EXHAUSTED
    assert len(store.trials("curve")) == 6


def test_an_interrupted_trial_is_done_first_the_next_time(run: Optimize, store: Store) -> None:
    def interrupted(trial: Trial, context: Context) -> Mapping[str, Raw]:
        if trial.number == 2:
            raise KeyboardInterrupt
        return evaluate(trial, context)

    result = run(STUDY, interrupted, trials=4)

    assert result.ended is Ended.INTERRUPTED
    handed_back = store.trials("curve")[2]
    assert handed_back.state is TrialState.PROPOSED
    assert run(STUDY, evaluate, trials=4).ended is Ended.DONE
    trials = store.trials("curve")
    assert [trial.number for trial in trials] == [0, 1, 2, 3]
    assert (trials[2].parameters, trials[2].attempts) == (handed_back.parameters, 2)


def signalling(
    *signals: signal.Signals, number: int = 2
) -> Callable[[Trial, Context], Mapping[str, Raw]]:
    """Return an evaluator that sends this process signals in the midst of a trial."""

    def evaluating(trial: Trial, context: Context) -> Mapping[str, Raw]:
        if trial.number == number:
            for each in signals:
                signal.raise_signal(each)
        return evaluate(trial, context)

    return evaluating


def test_ctrl_c_lets_the_running_trial_finish(run: Optimize, store: Store) -> None:
    told: list[Progress] = []

    result = run(STUDY, signalling(signal.SIGINT), trials=9, held_out=held_out, observe=told.append)

    assert result.ended is Ended.INTERRUPTED
    assert [trial.state for trial in store.trials("curve")] == [TrialState.COMPLETED] * 3
    assert not any(trial.held_out for trial in store.trials("curve"))
    draining = [each for each in told if each.stopping is StopLevel.DRAIN]
    # It is told at once, while the trial runs.
    assert (draining[0].running, len(draining[0].trials)) == (1, 2)


@pytest.mark.parametrize(
    ("signals", "ended"),
    [
        ([signal.SIGINT, signal.SIGINT], Ended.INTERRUPTED),
        ([signal.SIGTERM], Ended.TERMINATED),
        ([signal.SIGINT, signal.SIGTERM], Ended.TERMINATED),
    ],
)
def test_ctrl_c_twice_or_sigterm_stop_the_running_trial(
    run: Optimize, store: Store, signals: Sequence[signal.Signals], ended: Ended
) -> None:
    assert run(STUDY, signalling(*signals), trials=9).ended is ended

    states = [trial.state for trial in store.trials("curve")]
    assert states == [TrialState.COMPLETED] * 2 + [TrialState.PROPOSED]
    assert run(STUDY, evaluate, trials=4).ended is Ended.DONE


def test_ctrl_c_lets_a_held_out_measurement_finish(run: Optimize, store: Store) -> None:
    def interrupted(trial: Trial, context: Context) -> Mapping[str, Raw]:
        signal.raise_signal(signal.SIGINT)
        return held_out(trial, context)

    result = run(STUDY, evaluate, trials=6, held_out=interrupted)

    assert result.ended is Ended.INTERRUPTED
    assert len(result.front.trials) > 1
    assert sum(bool(trial.held_out) for trial in store.trials("curve")) == 1


@pytest.mark.parametrize(
    "handler", [signal.default_int_handler, signal.SIG_IGN], ids=["heard", "ignored"]
)
def test_signals_are_afterwards_what_they_were(run: Optimize, handler: Handler) -> None:
    before = signal.signal(signal.SIGINT, handler)
    try:
        ended = run(STUDY, signalling(signal.SIGINT), trials=4).ended
        after = signal.getsignal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)

    assert after is handler
    assert ended is (Ended.DONE if handler is signal.SIG_IGN else Ended.INTERRUPTED)


def test_a_run_in_another_thread_leaves_signals_alone(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(
            optimize, STUDY, evaluate, trials=3, sampler="sobol", directory=tmp_path
        )

        assert running.result().ended is Ended.DONE


@pytest.mark.parametrize(
    ("level", "left"),
    [(StopLevel.DRAIN, [TrialState.COMPLETED] * 2), (StopLevel.STOP, [TrialState.COMPLETED] * 2)],
)
def test_whoever_is_asked_can_stop_a_run(
    run: Optimize, store: Store, level: StopLevel, left: list[TrialState]
) -> None:
    def after_two() -> StopLevel:
        return level if len(store.trials("curve")) >= 2 else StopLevel.GO_ON

    result = run(STUDY, evaluate, trials=9, stop=after_two)

    assert result.ended is Ended.INTERRUPTED
    assert [trial.state for trial in store.trials("curve")] == left


def test_what_a_sampler_raises_ends_the_run(run: Optimize, store: Store) -> None:
    with pytest.raises(ArithmeticError, match="no idea"):
        run(STUDY, evaluate, trials=9, sampler=CluelessSampler())

    assert [trial.state for trial in store.trials("curve")] == [TrialState.COMPLETED] * 3


def test_a_sampler_sees_what_runs(run: Optimize, store: Store) -> None:
    sampler = WatchingSampler()
    store.register(STUDY)
    store.add("curve", Candidate({"x": 0.5, "y": 0.5}), 0)

    run(STUDY, evaluate, trials=3, sampler=sampler, executor=PairingExecutor())

    assert sampler.shown == [[TrialState.RUNNING], [TrialState.COMPLETED] * 2]


@pytest.mark.slow
def test_a_driver_that_was_overtaken_proposes_again(run: Optimize, store: Store) -> None:
    run(STUDY, evaluate, trials=3, sampler=OvertakenSampler(store))

    trials = store.trials("curve")
    assert [trial.number for trial in trials] == [0, 1, 2]
    assert len({str(trial.parameters) for trial in trials}) == 3


def test_progress_is_told(run: Optimize) -> None:
    told: list[Progress] = []

    run(STUDY, evaluate, trials=3, held_out=held_out, observe=told.append)

    assert (told[0].target, told[0].capacity, told[0].trials) == (3, 1, ())
    assert max(progress.running for progress in told) == 1
    assert [phase for phase in Phase if any(p.phase is phase for p in told)] == list(Phase)
    assert len(told[-1].trials) == 3
    assert told[-1].elapsed > 0


def test_an_unknown_sampler_is_refused_before_anything_happens(run: Optimize, store: Store) -> None:
    with pytest.raises(SelectionError, match="no sampler 'magic'"):
        run(STUDY, evaluate, trials=1, sampler="magic")

    assert store.studies() == []


def test_another_study_of_the_same_name_is_refused(run: Optimize) -> None:
    run(STUDY, evaluate, trials=1)

    with pytest.raises(StudyError, match="differs from the one of that name"):
        run(replace(STUDY, objectives=STUDY.objectives[::-1]), evaluate, trials=1)
