"""Merge with mergekit: jobs in, files and seconds out.

The Python of .venv-mergekit runs this, and nothing imports it: mergekit is under the LGPL and stays
in a process of its own. Importing it takes seconds, so one process does all jobs: those of a JSON
file, whose answers it prints as JSON, or without a file one a line, each answered by a line. A job
is an object:

    config    a mergekit configuration, YAML as text
    to        folder for `model.safetensors`, and for `kept.safetensors`: which elements of a task
              vector the method kept, as `<index of the expert>/<name of the tensor>`
    seed      of the random methods, 0 unless given
    repeats   instead of `to`: merge so many times from memory to memory, and measure; parameters
              are plain values then, without filters or lists

An answer is an object too: with `error`, with `cpu_seconds` of the quickest repeat, or empty.
"""

import contextlib
import json
import logging
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import torch
import yaml
from mergekit.architecture import WeightInfo
from mergekit.architecture.auto import infer_architecture_info
from mergekit.architecture.json_definitions import NAME_TO_ARCH
from mergekit.common import ModelReference
from mergekit.config import ConfigReader, MergeConfiguration
from mergekit.io.tasks import LoaderCache
from mergekit.merge import run_merge
from mergekit.merge_methods import (
    GeneralizedTaskArithmeticMerge,
    TensorGroup,
    generalized_task_arithmetic,
    merge_state_dicts,
)
from mergekit.options import MergeOptions
from mergekit.plan import MergePlanner
from safetensors.torch import load_file, save_file
from torch import Tensor

PER_EXPERT = ("weight", "density", "gamma", "epsilon")
"""Parameters that stand at each expert; the others stand once."""

Job = Mapping[str, Any]
Answer = dict[str, str | float]


def main() -> None:
    """Do the jobs of the file that is named, or of standard input."""
    mend_mergekit()
    if len(sys.argv) > 1:
        jobs = json.loads(Path(sys.argv[1]).read_text())
        sys.stdout.write(json.dumps([answer(job) for job in jobs], indent=2) + "\n")
        return
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()


def mend_mergekit() -> None:
    """Let mergekit 0.1.5 merge every BERT and every T5.

    Where an optional tensor has other names, such as BERT's position ids, it adds a list and a
    tuple and fails with a TypeError. For T5 it has a table of tensors that knows the gated layers
    of T5 1.1 only; without the table it finds the tensors of either kind by itself.
    """
    planned = MergePlanner.plan_tensor

    def plan_tensor(
        planner: MergePlanner,
        weight: WeightInfo,
        weights_in: list[WeightInfo],
        models: list[ModelReference],
        cfg_reader: ConfigReader,
    ) -> None:
        mended = [
            each.model_copy(update={"aliases": Aliases(each.aliases)}) if each.aliases else each
            for each in weights_in
        ]
        planned(planner, weight, mended, models, cfg_reader)

    MergePlanner.plan_tensor = plan_tensor
    del NAME_TO_ARCH["T5ForConditionalGeneration"]


class Aliases(tuple[str, ...]):
    """Other names of a tensor, which can be added to a list."""

    __slots__ = ()

    def __radd__(self, names: list[str]) -> list[str]:
        return [*names, *self]


def answer(job: Job) -> Answer:
    """Do a job, and say what came of it."""
    try:
        # What mergekit prints is not an answer.
        with contextlib.redirect_stdout(sys.stderr):
            if "repeats" in job:
                return {"cpu_seconds": cpu_seconds(job)}
            merge(job)
    except Exception as error:
        # Tests ask for what mergekit refuses, too.
        logging.getLogger(__name__).exception("this job failed: %s", job)
        return {"error": f"{type(error).__name__}: {error}"}
    return {}


def merge(job: Job) -> None:
    """Merge from files to files, as mergekit's own command does."""
    # A folder may have changed since the last job.
    LoaderCache().loaders.clear()
    infer_architecture_info.cache_clear()
    with recorded() as kept:
        run_merge(
            MergeConfiguration.model_validate(yaml.safe_load(job["config"])),
            job["to"],
            MergeOptions(
                copy_tokenizer=False,
                write_model_card=False,
                quiet=True,
                random_seed=job.get("seed", 0),
            ),
        )
    save_file(kept, Path(job["to"]) / "kept.safetensors")


@contextlib.contextmanager
def recorded() -> Iterator[dict[str, Tensor]]:
    """Note which elements of the task vectors are kept, while merges go on.

    An element of a task vector that is 0 anyway counts as not kept.
    """
    kept: dict[str, Tensor] = {}
    sparsify = generalized_task_arithmetic.sparsify
    merge_group = GeneralizedTaskArithmeticMerge.merge_group

    def noting(
        method: GeneralizedTaskArithmeticMerge, group: TensorGroup, /, **parameters: object
    ) -> Tensor:
        masks: list[Tensor] = []

        def sparse(task_vector: Tensor, **options: object) -> Tensor:
            rest: Tensor = sparsify(task_vector, **options)
            masks.append(rest != 0)
            return rest

        with mock.patch.object(generalized_task_arithmetic, "sparsify", sparse):
            merged: Tensor = merge_group(method, group, **parameters)
        kept.update({f"{i}/{group.metadata.name}": mask for i, mask in enumerate(masks)})
        return merged

    with mock.patch.object(GeneralizedTaskArithmeticMerge, "merge_group", noting):
        yield kept


def cpu_seconds(job: Job) -> float:
    """Return the CPU seconds of a merge whose inputs are in memory and whose result stays there.

    This is the fastest way that mergekit has: its command also reads, plans and writes.
    """
    config = yaml.safe_load(job["config"])
    settings = {each["model"]: each.get("parameters", {}) for each in config["models"]}
    base = config.get("base_model")
    if base is not None:
        settings.setdefault(base, {})
    models = {folder: load_file(Path(folder) / "model.safetensors") for folder in settings}
    parameters = dict(config.get("parameters", {}))
    for name in PER_EXPERT:
        given = {folder: own[name] for folder, own in settings.items() if name in own}
        if given:
            parameters[name] = given
    seconds = []
    for _ in range(job["repeats"] + 1):  # one to warm up
        start = time.process_time()
        with torch.no_grad():
            merge_state_dicts(models, config["merge_method"], parameters=parameters, base=base)
        seconds.append(time.process_time() - start)
    return min(seconds[1:])


if __name__ == "__main__":
    main()
