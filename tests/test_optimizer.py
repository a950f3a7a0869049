from collections.abc import Sequence
from dataclasses import replace

import pytest

from moopt import (
    Candidate,
    Continuous,
    Fidelity,
    Maximize,
    Measurement,
    Minimize,
    Objective,
    OutcomeConstraint,
    Study,
    Trial,
    TrialState,
)
from moopt.errors import EvaluationError, SelectionError, StudyError, SurrogateError
from moopt.optimizer import Optimizer

STUDY = Study(
    "asked",
    parameters=[Continuous("x", 0, 1)],
    objectives=[
        Objective("accuracy", Maximize, reference=0.0),
        Objective("latency", Minimize),
        Objective("size", Minimize, formula=lambda p: 2 * p["x"]),
    ],
    start_with=[{"x": 0.25}],
)


def test_what_is_told_is_kept_as_it_was_measured() -> None:
    optimizer = Optimizer(STUDY, sampler="sobol")
    (trial,) = optimizer.ask()

    told = optimizer.tell(trial.number, {"accuracy": 0.1 + 0.2, "latency": (12.0, 0.4)})

    assert told.state is TrialState.COMPLETED
    assert told.parameters == {"x": 0.25}
    assert told.measurements == {
        "accuracy": Measurement(0.1 + 0.2),
        "latency": Measurement(12.0, 0.4),
        "size": Measurement(0.5, 0.0),
    }


def test_points_of_ones_own_are_trials_like_any_other() -> None:
    optimizer = Optimizer(STUDY, sampler="sobol")
    trial = optimizer.attach({"x": 0.5})

    optimizer.tell(trial.number, {"accuracy": 0.9, "latency": 3.0})

    assert optimizer.front().trials == (optimizer.trials[trial.number],)
    with pytest.raises(StudyError, match="parameter 'x' is 2"):
        optimizer.attach({"x": 2})


def test_a_failed_trial_is_kept_with_its_reason() -> None:
    optimizer = Optimizer(STUDY, sampler="sobol")
    (trial,) = optimizer.ask()

    failed = optimizer.fail(trial.number, "CUDA out of memory")

    assert failed.failure is not None
    assert failed.failure.message == "CUDA out of memory"
    assert optimizer.front().trials == ()


def test_a_missing_reference_is_inferred_once() -> None:
    optimizer = Optimizer(STUDY, sampler="sobol")
    for trial in optimizer.ask(5):
        optimizer.tell(trial.number, {"accuracy": trial.number / 4, "latency": 1.0 + trial.number})
    inferred = optimizer.study.objectives[1].reference

    (late,) = optimizer.ask()
    optimizer.tell(late.number, {"accuracy": 5.0, "latency": 99.0})

    # The front's latencies lie between 1 and 5; a tenth of the range below the worst is 5.4.
    assert inferred == pytest.approx(5.4)
    assert optimizer.study.objectives[1].reference == inferred


def test_a_missing_reference_waits_for_a_feasible_trial() -> None:
    study = Study(
        "limited",
        parameters=[Continuous("x", 0, 1)],
        objectives=[Objective("accuracy", Maximize)],
        outcome_constraints=[OutcomeConstraint("size", at_most=1.0)],
    )
    optimizer = Optimizer(study, sampler="sobol")
    for trial in optimizer.ask(6):
        optimizer.tell(trial.number, {"accuracy": 0.9, "size": 2.0})
    before = optimizer.study.objectives[0].reference

    (feasible,) = optimizer.ask()
    optimizer.tell(feasible.number, {"accuracy": 0.4, "size": 0.5})

    # The accuracies lie between 0.4 and 0.9; a tenth of that range below the worst is 0.35.
    assert before is None
    assert optimizer.study.objectives[0].reference == pytest.approx(0.35)
    assert optimizer.front().hypervolume() == pytest.approx(0.05)


def test_a_trial_that_is_not_running_cannot_be_told() -> None:
    optimizer = Optimizer(STUDY, sampler="sobol")
    (trial,) = optimizer.ask()
    optimizer.tell(trial.number, {"accuracy": 0.5})

    with pytest.raises(SelectionError, match="trial 0 is completed"):
        optimizer.tell(trial.number, {"accuracy": 0.5})
    with pytest.raises(SelectionError, match="there is no trial 7"):
        optimizer.fail(7, "lost")


def test_measurements_of_nothing_that_was_asked_are_refused() -> None:
    optimizer = Optimizer(STUDY, sampler="sobol")
    (trial,) = optimizer.ask()

    with pytest.raises(EvaluationError, match="holds none of the outcomes"):
        optimizer.tell(trial.number, {"precision": 0.5})


def test_an_unknown_sampler_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SelectionError, match="there is no sampler 'magic'; choose from"):
        Optimizer(STUDY, sampler="magic")


def test_the_recommended_front_holds_what_a_model_believes_of_the_trials() -> None:
    optimizer = Optimizer(STUDY, sampler="sobol")
    for trial in optimizer.ask(6):
        x = float(str(trial.parameters["x"]))
        optimizer.tell(trial.number, {"accuracy": (1 - x, 0.1), "latency": (x, 0.1)})

    recommended = optimizer.recommended_front()

    best = min(optimizer.trials, key=lambda trial: trial.measurements["size"].mean)
    assert best in recommended.front
    assert recommended.predicted[best.number]["size"].mean == best.measurements["size"].mean


def test_a_recommended_front_needs_three_trials() -> None:
    optimizer = Optimizer(STUDY, sampler="sobol")
    for trial in optimizer.ask(2):
        optimizer.tell(trial.number, {"accuracy": 0.5, "latency": 1.0})

    with pytest.raises(SurrogateError, match="study 'asked' has 2; look at the measured"):
        optimizer.recommended_front()


STEPWISE = replace(STUDY, fidelity=Fidelity("epochs", low=1, high=9))


def test_a_trial_that_was_ended_early_is_kept_at_the_fidelity_that_it_came_to() -> None:
    optimizer = Optimizer(STEPWISE, sampler="sobol")
    (trial,) = optimizer.ask()

    optimizer.report(trial.number, 1, {"accuracy": 0.3, "latency": 3.0})
    stopped = optimizer.tell(trial.number, {"accuracy": 0.4, "latency": 3.0}, fidelity=3)

    assert (stopped.state, stopped.fidelity) == (TrialState.STOPPED, 3.0)
    assert stopped.partial[1.0]["accuracy"] == Measurement(0.3)
    assert not optimizer.front().trials


@pytest.mark.parametrize("fidelity", [0.0, 10.0, -1.0])
def test_a_fidelity_that_is_not_on_a_trials_way_is_refused(fidelity: float) -> None:
    optimizer = Optimizer(STEPWISE, sampler="sobol")
    (trial,) = optimizer.ask()

    with pytest.raises(EvaluationError, match="above 0 and at most 9"):
        optimizer.report(trial.number, fidelity, {"accuracy": 0.3})
    with pytest.raises(EvaluationError, match="above 0 and at most 9"):
        optimizer.tell(trial.number, {"accuracy": 0.3}, fidelity=fidelity)


def test_a_trial_that_takes_another_one_further_has_its_seed() -> None:
    class Further:
        def propose(
            self, study: Study, trials: Sequence[Trial], count: int, seed: int
        ) -> list[Candidate]:
            del study, count, seed
            return [Candidate({"x": 0.25}, fidelity=9.0, continues=len(trials) - 1)]

    optimizer = Optimizer(STEPWISE, sampler=Further(), seed=7)
    (first, second) = optimizer.ask(2)

    assert (second.continues, second.seed) == (0, first.seed)
