from pathlib import Path

import pytest

from moopt.errors import ExecutorError
from moopt.executors.in_process import InProcessExecutor
from moopt.study.evaluation import Split
from tests.executors.faulty_study import evaluate, trial_that


def test_an_outcome_that_was_not_polled_takes_a_place(tmp_path: Path) -> None:
    executor = InProcessExecutor(evaluate, directory=tmp_path)
    executor.start(trial_that("measure"))

    with pytest.raises(ExecutorError, match="1 jobs are started already; poll one first"):
        executor.start(trial_that("measure"))


def test_without_held_out_data_there_is_nothing_to_measure_on(tmp_path: Path) -> None:
    executor = InProcessExecutor(evaluate, directory=tmp_path)

    with pytest.raises(ExecutorError, match="no evaluator for held-out data"):
        executor.start(trial_that("measure"), Split.HELD_OUT)
