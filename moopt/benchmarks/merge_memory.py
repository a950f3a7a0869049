"""How much memory a merge from files to files takes, beyond what the process had before it.

Run it with `python -m moopt.benchmarks.merge_memory`. Each method merges four experts of the size
of SmolLM2-135M, in float32, in a process of its own that has imported and opened everything. The
limit is three times the largest tensor and 300 MB: it does not grow with the number of tensors.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import torch
from rich.console import Console

from moopt.benchmarks.merge_cases import Case
from moopt.benchmarks.merge_models import Family, Report, make_family
from moopt.benchmarks.merging import chosen_cases
from moopt.merging.engine import write_merge
from moopt.merging.sources import Sources

EXPERTS = 4
METHODS = (
    "task_arithmetic",
    "ties",
    "dare_linear",
    "breadcrumbs",
    "sce",
    "model_stock",
    "slerp",
    "nuslerp",
)
LARGEST_TENSORS = 3
FIXED_BYTES = 300_000_000
STATUS = Path("/proc/self/status")
"""Where Linux tells a process of its memory."""

RESET = Path("/proc/self/clear_refs")
"""Where a process makes Linux forget the most memory that it held, by writing 5."""

OUT = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class MergeMemory:
    """What a merge needed."""

    method: str
    extra_bytes: int
    """Most memory while it ran, less what the process held before."""

    largest_tensor: int
    """Bytes."""

    @property
    def limit(self) -> int:
        """Bytes that are allowed."""
        return LARGEST_TENSORS * self.largest_tensor + FIXED_BYTES


def memory_of_merges(
    cases: Sequence[Case], model: str, *, experts: int, report: Report
) -> Iterator[MergeMemory]:
    """Merge case after case, each in a fresh process with one thread.

    Args:
        cases: What is merged; those that take as many experts as one likes take them all.
        model: See `make_family`.
        experts: How many there are.
        report: Told if random weights stand for a model.

    Raises:
        SelectionError: There is no such model.
        MissingDependencyError: Its package is not installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        family = make_family(model, Path(folder), experts=experts, report=report)
        for case in cases:
            sized = case if case.experts == 2 else replace(case, experts=experts)
            with (
                tempfile.TemporaryDirectory() as target,
                ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes,
            ):
                yield processes.submit(memory_of_merge, sized, family, Path(target)).result()


def memory_of_merge(case: Case, family: Family, folder: Path) -> MergeMemory:
    """Measure a merge in this process, which should be fresh. Linux alone tells of memory.

    Args:
        case: What is merged.
        family: Where the models are.
        folder: Where the merged model is written.
    """
    torch.set_num_threads(1)
    sources = case.sources(family)
    recipe = case.recipe(family, case.coefficients(family, sources.names, 0), 0)
    RESET.write_text("5", encoding="ascii")
    before = _held("VmRSS")
    write_merge(recipe, folder)
    return MergeMemory(case.name, _held("VmHWM") - before, _largest(sources))


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure and print a row for each method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2_135m", help="its name, or its folder")
    parser.add_argument("--experts", type=int, default=EXPERTS)
    parser.add_argument("--methods", default=",".join(METHODS), help="names, comma between")
    chosen = parser.parse_args(arguments)
    cases = chosen_cases(chosen.methods.split(","))
    OUT.print(f"{'method':<28}{'extra MB':>10}{'limit MB':>10}{'share':>8}")
    for row in memory_of_merges(cases, chosen.model, experts=chosen.experts, report=OUT.print):
        OUT.print(
            f"{row.method:<28}{row.extra_bytes / 1e6:>10.0f}{row.limit / 1e6:>10.0f}"
            f"{row.extra_bytes / row.limit:>8.0%}"
        )


def _largest(sources: Sources) -> int:
    return max(sources.info(name).size for name in sources.names)


def _held(what: str) -> int:
    """Return a field of the process's status in bytes."""
    fields = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return int(fields[what].split()[0]) * 1024


if __name__ == "__main__":
    main()
