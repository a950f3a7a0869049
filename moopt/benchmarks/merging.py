"""How long a candidate of a merging study takes, against what the memory allows.

A merge has to read the base and n experts and to write the model: `(n + 2) · parameters · bytes`.
At the speed at which this machine copies memory, measured in the same run, that is the bound.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from moopt.benchmarks.merge_cases import CASES, Case
from moopt.benchmarks.merge_models import Family, Report, make_family, module_of
from moopt.benchmarks.mergekit_peer import mergekit_seconds
from moopt.benchmarks.one_thread import one_thread
from moopt.benchmarks.stopwatch import Stopwatch
from moopt.errors import SelectionError
from moopt.merging.live_model import LiveModel
from moopt.merging.recipe import ByBlock

DEFAULT_MODELS: Mapping[str, tuple[str, ...]] = {
    "cpu": ("minilm", "smollm2_135m"),
    "cuda": ("qwen2_1_5b",),
}
"""By the kind of the device."""

ONCE = 3
"""Candidates after which nothing is computed any more that all share: the third sorts ranks."""

MERGEKIT_REPEATS = 2


@dataclass(frozen=True, slots=True)
class MergeTime:
    """What a candidate costs."""

    model: str
    method: str
    """Name of the case."""

    experts: int
    bytes_moved: int
    """That have to be read and written."""

    seconds: float
    """From the coefficients to the model, the quickest of the repeats."""

    first_seconds: float
    """The same for a study's first candidate, with all that is computed once."""

    mergekit_seconds: float | None = None
    """The same for mergekit. None: it was not measured, or failed."""

    @property
    def mergekit_ratio(self) -> float | None:
        """How many times longer mergekit takes."""
        return None if self.mergekit_seconds is None else self.mergekit_seconds / self.seconds


@dataclass(frozen=True, slots=True)
class MergeTimes:
    """What one run measured."""

    device: torch.device
    bytes_per_second: float
    """Speed of a copy, bytes read and written together."""

    bytes_per_second_past_caches: float | None
    """Speed of a copy that does not read what it overwrites. None: on a GPU."""

    rows: tuple[MergeTime, ...]

    def ratio_to_bound(self, row: MergeTime) -> float:
        """Return how many times longer a candidate takes than a copy of the bytes it moves."""
        return row.seconds * self.bytes_per_second / row.bytes_moved


def chosen_cases(names: Sequence[str]) -> list[Case]:
    """Return cases by name.

    Raises:
        SelectionError: One of them is not there.
    """
    unknown = [name for name in names if name not in CASES]
    if unknown:
        raise SelectionError(f"there is no method {unknown[0]!r}; choose from {', '.join(CASES)}")
    return [CASES[name] for name in names]


def merge_times(
    models: Sequence[str],
    cases: Sequence[Case],
    watch: Stopwatch,
    *,
    repeats: int,
    mergekit: Path | None,
    report: Report,
) -> MergeTimes:
    """Measure candidates of live models, with one thread.

    Args:
        models: Names or folders, see `make_family`.
        cases: What is merged.
        watch: Measures, and knows where the live models are.
        repeats: Candidates of a case that count, twice.
        mergekit: The Python that has it, from `find_mergekit`. None: it is not measured.
        report: Told what is being done.

    Raises:
        SelectionError: There is no such model.
        MissingDependencyError: A model's package is not installed, or mergekit does not start.
    """
    rows: list[MergeTime] = []
    with one_thread(seed=0):
        for model in models:
            report(f"{model}: making experts")
            with tempfile.TemporaryDirectory() as folder:
                most = max(case.experts for case in cases)
                family = make_family(model, Path(folder), experts=most, report=report)
                rows += _family_times(
                    family, cases, watch, repeats=repeats, mergekit=mergekit, report=report
                )
    return MergeTimes(
        watch.device, watch.bytes_per_second, watch.bytes_per_second_past_caches, tuple(rows)
    )


def case_time(case: Case, family: Family, watch: Stopwatch, *, repeats: int) -> MergeTime:
    """Measure candidates of a live model that has computed nothing yet, and a copy before each.

    Args:
        case: What is merged.
        family: Where the models are.
        watch: Measures, and knows where the live model is.
        repeats: Candidates that count, after those in which something is computed once.
    """
    sources = case.sources(family)
    tensors = {name: sources.info(name) for name in sources.names}
    live = LiveModel(module_of(tensors, watch.device), sources)
    seconds = []
    for candidate in range(ONCE + repeats):
        coefficients = case.coefficients(family, live.names, candidate)
        watch.copy()
        seconds.append(watch.seconds(partial(_apply, live, case, family, coefficients, candidate)))
    numbers = sum(info.count for info in tensors.values())
    further = min(seconds[ONCE:])
    return MergeTime(
        family.name,
        case.name,
        case.experts,
        (case.experts + 2) * numbers * live.resident.experts[0].dtype.itemsize,
        further,
        max(further, sum(seconds[:ONCE]) - (ONCE - 1) * further),
    )


def _apply(
    live: LiveModel,
    case: Case,
    family: Family,
    coefficients: Mapping[str, ByBlock],
    candidate: int,
) -> None:
    live.apply(case.recipe(family, coefficients, candidate))


def _family_times(
    family: Family,
    cases: Sequence[Case],
    watch: Stopwatch,
    *,
    repeats: int,
    mergekit: Path | None,
    report: Report,
) -> list[MergeTime]:
    """Go through the cases twice, with mergekit in between: all see the same conditions."""

    def ours() -> list[MergeTime]:
        times = []
        for case in cases:
            report(f"{family.name}: {case.name}")
            times.append(case_time(case, family, watch, repeats=repeats))
        return times

    before = ours()
    theirs: list[float | None] = [None] * len(cases)
    if mergekit is not None:
        report(f"{family.name}: mergekit")
        theirs = _mergekit_times(mergekit, cases, family, report)
    return [
        replace(
            one,
            seconds=min(one.seconds, other.seconds),
            first_seconds=min(one.first_seconds, other.first_seconds),
            mergekit_seconds=peer,
        )
        for one, other, peer in zip(before, ours(), theirs, strict=True)
    ]


def _mergekit_times(
    python: Path, cases: Sequence[Case], family: Family, report: Report
) -> list[float | None]:
    configurations = [case.mergekit_configuration(family) for case in cases]
    answers = mergekit_seconds(python, configurations, repeats=MERGEKIT_REPEATS)
    times: list[float | None] = []
    for case, configuration in zip(cases, configurations, strict=True):
        answer = answers[configuration]
        if isinstance(answer, str):
            report(f"{family.name}: mergekit failed at {case.name}: {answer}")
        times.append(answer if isinstance(answer, float) else None)
    return times
