"""Errors of the true classes: whether a GPU raises them is for a GPU to say."""

import pytest
import torch

from moopt.errors import EvaluationError, NonFiniteError, TrainingError
from moopt.executors.raised import cause_of, failure_of
from moopt.study.trials import FailureCause, FailureKind

ASSERT = "CUDA error: device-side assert triggered"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("the loss is too large"), FailureCause.ERROR),
        (SystemExit("enough"), FailureCause.ERROR),
        (MemoryError(), FailureCause.OUT_OF_MEMORY),
        (FileNotFoundError("data.csv"), FailureCause.FILE_ERROR),
        (PermissionError("data.csv"), FailureCause.FILE_ERROR),
        (EvaluationError("the models are missing"), FailureCause.WRONG_RESULT),
        (NonFiniteError("the loss is nan"), FailureCause.NON_FINITE),
        (torch.OutOfMemoryError("CUDA out of memory."), FailureCause.GPU_OUT_OF_MEMORY),
        (torch.cuda.OutOfMemoryError("CUDA out of memory."), FailureCause.GPU_OUT_OF_MEMORY),
        (RuntimeError("CUDA error: out of memory"), FailureCause.GPU_OUT_OF_MEMORY),
        (torch.AcceleratorError(ASSERT), FailureCause.GPU_ERROR),
        # As torch raised it before 2.8.
        (RuntimeError(ASSERT), FailureCause.GPU_ERROR),
        (RuntimeError("CUDA error: an illegal memory access"), FailureCause.GPU_ERROR),
        (ValueError("CUDA error: said somebody"), FailureCause.ERROR),
        (ExceptionGroup("two", [ValueError(), MemoryError()]), FailureCause.OUT_OF_MEMORY),
    ],
)
def test_the_class_of_an_error_says_what_happened(
    error: BaseException, expected: FailureCause
) -> None:
    assert cause_of(error) is expected


def test_an_error_that_hides_one_of_the_gpu_has_its_cause() -> None:
    outer = ValueError("training failed")
    outer.__cause__ = torch.AcceleratorError(ASSERT)
    circle = ValueError("round")
    circle.__context__ = outer
    outer.__context__ = circle

    assert cause_of(circle) is FailureCause.GPU_ERROR


def test_a_broken_gpu_matters_more_than_the_lack_of_memory() -> None:
    error = torch.OutOfMemoryError("CUDA out of memory.")
    error.__context__ = torch.AcceleratorError(ASSERT)

    assert cause_of(error) is FailureCause.GPU_ERROR


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_without_room_is_told_from_one_that_is_broken() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**50, device="cuda")

    assert cause_of(raised.value) is FailureCause.GPU_OUT_OF_MEMORY


def test_an_error_that_was_raised_from_a_missing_file_is_one_of_the_file() -> None:
    outer = TrainingError("no model there")
    outer.__cause__ = FileNotFoundError("config.json")
    handling = ValueError("the loss is too large")
    handling.__context__ = FileNotFoundError("no checkpoint yet")

    assert cause_of(outer) is FailureCause.FILE_ERROR
    assert cause_of(handling) is FailureCause.ERROR


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError("no"), FailureKind.CANDIDATE),
        (NonFiniteError("nan"), FailureKind.CANDIDATE),
        (MemoryError(), FailureKind.CANDIDATE),
        (FileNotFoundError("data.csv"), FailureKind.EVALUATOR),
        (EvaluationError("no"), FailureKind.EVALUATOR),
    ],
)
def test_no_candidate_is_to_blame_for_a_mistake_of_the_evaluator(
    error: BaseException, kind: FailureKind
) -> None:
    assert failure_of(error, "told").kind is kind
