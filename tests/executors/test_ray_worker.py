"""The actor without Ray: it is a class like any other."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from moopt.errors import ExecutorError
from moopt.executors.messages import Broken
from moopt.executors.ray_worker import Opened, RayWorker, Setup, Step
from moopt.executors.study_bundle import bundle_of
from moopt.study.evaluation import Evaluation, Split
from moopt.study.trials import Failure, FailureKind
from tests.executors import faulty_study
from tests.executors.faulty_study import trial_that


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Setup:
    """Return what a worker is told whose machine does not share the driver's folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    return Setup(
        bundle=bundle_of(Path(faulty_study.__file__)),
        directory=tmp_path / "trials",
        mark=".mark",
        cwd=tmp_path,
        slot=3,
        gpus=0,
        threads=1,
        timeout=None,
        memory_limit=None,
        scale=None,
    )


@pytest.fixture
def worker(setup: Setup) -> Iterator[RayWorker]:
    with closing(RayWorker(setup)) as made:
        assert isinstance(made.open(), Opened)
        yield made


def ended(worker: RayWorker, name: str, deed: str) -> Evaluation | Broken:
    step = worker.measure(name, trial_that(deed), Split.SEARCH)
    while step.ended is None:
        step = worker.go_on(name)
    return step.ended


def test_it_says_where_it_is(setup: Setup) -> None:
    with closing(RayWorker(setup)) as worker:
        opened = worker.open()

    assert isinstance(opened, Opened)
    assert opened.directory == setup.directory
    assert not opened.shares_directory
    assert opened.lacks == ()
    assert (setup.directory / "workers" / "3.txt").is_file()


def test_a_folder_with_the_drivers_mark_is_shared(setup: Setup) -> None:
    setup.directory.mkdir()
    (setup.directory / ".mark").touch()

    with closing(RayWorker(setup)) as worker:
        opened = worker.open()

    assert isinstance(opened, Opened)
    assert opened.shares_directory


def test_a_failure_far_away_tells_where_and_what_was_printed_last(worker: RayWorker) -> None:
    failed = ended(worker, "a", "print_and_raise")

    assert isinstance(failed, Evaluation)
    assert isinstance(failed.outcome, Failure)
    assert failed.outcome.message.endswith(f"(on {worker.host}: what the library said)")


def test_a_job_that_was_stopped_before_it_began_is_not_begun(worker: RayWorker) -> None:
    worker.stop("a")

    assert worker.measure("a", trial_that("sleep"), Split.SEARCH) == Step((), None)
    assert isinstance(ended(worker, "b", "measure"), Evaluation)


def test_mistakes_of_the_evaluator_and_of_the_study_file_are_told_apart(
    worker: RayWorker,
) -> None:
    failed = ended(worker, "a", "return_text")

    assert isinstance(failed, Evaluation)
    assert isinstance(failed.outcome, Failure)
    assert failed.outcome.kind is FailureKind.EVALUATOR
    assert "'accuracy' needs a number" in failed.outcome.message


def test_too_few_gpus_are_told_with_the_machine(setup: Setup) -> None:
    with closing(RayWorker(replace(setup, gpus=2))) as worker:
        opened = worker.open()

    assert isinstance(opened, Broken)
    assert f"(on {worker.host})" in opened.message


def test_it_is_opened_before_it_measures(setup: Setup) -> None:
    with pytest.raises(ExecutorError, match="was not opened"):
        RayWorker(setup).measure("a", trial_that("measure"), Split.SEARCH)
