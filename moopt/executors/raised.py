"""What the error that an evaluator raised says about its candidate and about its process."""

import gc
import sys
from collections.abc import Iterator
from types import ModuleType

from moopt.errors import EvaluationError, NonFiniteError
from moopt.study.trials import Failure, FailureCause, FailureKind

_CUDA_ERROR = "CUDA error"
_NO_MEMORY = "out of memory"
"""Before torch 2.8, errors of CUDA are RuntimeErrors that only their messages tell apart."""


def failure_of(error: BaseException, told: str) -> Failure:
    """Return the failure that an error of the evaluator is.

    Args:
        error: What it raised.
        told: What to say of it.
    """
    cause = cause_of(error)
    is_mistake = cause in {FailureCause.FILE_ERROR, FailureCause.WRONG_RESULT}
    return Failure(FailureKind.EVALUATOR if is_mistake else FailureKind.CANDIDATE, told, cause)


def cause_of(error: BaseException) -> FailureCause:
    """Return why an evaluation failed, by the error and by those that led to it."""
    causes = {_own_cause(each) for each in _with_earlier(error)}
    if FailureCause.GPU_ERROR in causes or _gpu_is_broken():
        return FailureCause.GPU_ERROR
    for cause in (FailureCause.GPU_OUT_OF_MEMORY, FailureCause.OUT_OF_MEMORY):
        if cause in causes:
            return cause
    return _cause_by_kind(error)


def free_gpu_memory() -> None:
    """Give back what the failed evaluation leaves in torch's cache.

    To be called when the error is handled: its traceback holds the tensors of every frame.
    """
    cuda = initialized_cuda()
    if cuda is not None:
        gc.collect()
        cuda.empty_cache()


def initialized_cuda() -> ModuleType | None:
    """Return torch.cuda where the evaluator uses it; moopt does not load torch for this."""
    torch = sys.modules.get("torch")
    cuda: ModuleType | None = getattr(torch, "cuda", None)
    return cuda if cuda is not None and cuda.is_initialized() else None


def _with_earlier(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [one for one in (each.__cause__, each.__context__) if one is not None]
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions


def _cause_by_kind(error: BaseException | None) -> FailureCause:
    """Return what an error, or the one that it was raised from, says by its class."""
    match error:
        case None:
            return FailureCause.ERROR
        case NonFiniteError():
            return FailureCause.NON_FINITE
        case EvaluationError():
            return FailureCause.WRONG_RESULT
        case OSError():
            return FailureCause.FILE_ERROR
        case _:
            return _cause_by_kind(error.__cause__)


def _own_cause(error: BaseException) -> FailureCause:
    torch = sys.modules.get("torch")
    if isinstance(error, MemoryError):
        return FailureCause.OUT_OF_MEMORY
    if torch is None or not isinstance(error, RuntimeError):
        return FailureCause.ERROR
    if isinstance(error, torch.cuda.OutOfMemoryError):
        return FailureCause.GPU_OUT_OF_MEMORY
    text = str(error)
    if isinstance(error, getattr(torch, "AcceleratorError", ())) or _CUDA_ERROR in text:
        return FailureCause.GPU_OUT_OF_MEMORY if _NO_MEMORY in text else FailureCause.GPU_ERROR
    return FailureCause.ERROR


def _gpu_is_broken() -> bool:
    """Ask CUDA itself: an evaluator may have caught the error and raised another one."""
    cuda = initialized_cuda()
    if cuda is None:
        return False
    try:
        cuda.synchronize()
    except RuntimeError:
        return True
    return False
