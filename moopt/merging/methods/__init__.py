"""Merge methods: pure functions of tensors, one a module."""

from collections.abc import Callable, Sequence

from torch import Tensor

from moopt.merging.methods.task_arithmetic import task_arithmetic

METHODS: dict[str, Callable[[Tensor, Sequence[Tensor], Sequence[float]], Tensor]] = {
    "task_arithmetic": task_arithmetic,
}
"""By the name that recipes use. Arguments: base, task vectors, a coefficient for each."""

__all__ = ["METHODS", "task_arithmetic"]
