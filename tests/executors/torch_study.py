"""A study that uses torch, and gets errors from it as a GPU would raise them."""

import os
from collections.abc import Callable, Mapping

import torch

from moopt.study.evaluation import Context
from moopt.study.objectives import Maximize, Minimize, Objective
from moopt.study.parameters import Categorical
from moopt.study.study import Study
from moopt.study.trials import Trial
from moopt.study.validation import Raw


def count(_context: Context) -> Mapping[str, Raw]:
    return {"accuracy": 0.0, "latency": os.getpid()}


def run_out_of_gpu_memory(_context: Context) -> Mapping[str, Raw]:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")


def break_gpu(_context: Context) -> Mapping[str, Raw]:
    raise torch.AcceleratorError("CUDA error: device-side assert triggered")


def hide_broken_gpu(_context: Context) -> Mapping[str, Raw]:
    try:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
    except RuntimeError as error:
        raise ValueError("training failed") from error


def tell_threads(_context: Context) -> Mapping[str, Raw]:
    return {"accuracy": torch.get_num_threads(), "latency": int(os.environ["RAYON_NUM_THREADS"])}


DEEDS: dict[str, Callable[[Context], Mapping[str, Raw]]] = {
    each.__name__: each
    for each in (break_gpu, count, hide_broken_gpu, run_out_of_gpu_memory, tell_threads)
}

study = Study(
    "faulty_torch",
    parameters=[Categorical("deed", list(DEEDS))],
    objectives=[Objective("accuracy", Maximize), Objective("latency", Minimize)],
)


def evaluate(trial: Trial, context: Context) -> Mapping[str, Raw]:
    return DEEDS[str(trial.parameters["deed"])](context)
