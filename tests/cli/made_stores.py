"""Stores made by hand, for tests of what is read from them."""

from pathlib import Path

from moopt.store.store import Store
from moopt.study.loading import load_study_file
from moopt.study.trials import Candidate, Failure, FailureKind, Measurement

DEPTHS = (1, 2, 4, 8)


def filled(file: Path, store: Path) -> None:
    """Enter one trial for each depth, all on the front, then one that failed."""
    study = load_study_file(file).study
    with Store(str(store)) as opened:
        opened.register(study, file)
        for depth in DEPTHS:
            number = _started(opened, study.name, depth)
            measurements = {
                "accuracy": Measurement(1 - 1 / depth, 0.01),
                "latency_ms": Measurement(2.0 * depth),
            }
            opened.complete(study.name, number, measurements)
        number = _started(opened, study.name, 7)
        failure = Failure(FailureKind.CANDIDATE, "RuntimeError: depth 7 does not fit")
        opened.fail(study.name, number, failure)
        opened.record_held_out(study.name, 2, {"accuracy": Measurement(0.7, 0.02)})


def add_noisy_trials(store: Path, count: int) -> None:
    """Enter more trials of the toy study, each with the standard errors of its measurements."""
    with Store(str(store)) as opened:
        for index in range(count):
            depth = 1 + index % 8
            number = _started(opened, "toy", depth, rate=0.05 * (1 + index))
            luck = 0.02 if index % 2 else -0.02
            measurements = {
                "accuracy": Measurement(0.9 - 1 / depth - 0.05 * index + luck, 0.02),
                "latency_ms": Measurement(2.0 * depth + 10.0 * luck, 0.2),
            }
            opened.complete("toy", number, measurements)


def _started(store: Store, study: str, depth: int, rate: float = 0.1) -> int:
    trial = store.add(study, Candidate({"rate": rate, "depth": depth}, sampler="sobol"), 0)
    store.start(study, trial.number, driver="test")
    return trial.number
