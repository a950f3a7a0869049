"""Several searches of one problem, in groups: what each reached, measured from one reference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from moopt.errors import SelectionError
from moopt.front.front import front_of
from moopt.front.reference_point import infer_references
from moopt.front.values import objective_values
from moopt.reports.growth import Growth, growth_of
from moopt.study.study import Study
from moopt.study.trials import Trial

QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True, slots=True)
class Run:
    """One search."""

    name: str
    study: Study
    trials: tuple[Trial, ...]
    inferred: frozenset[str] = frozenset()
    """Objectives whose reference the user did not give."""


@dataclass(frozen=True, slots=True)
class Group:
    """Searches that differ by chance alone, such as the seeds of one sampler."""

    name: str
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Reached:
    """What the searches of a group came to."""

    name: str
    growths: tuple[Growth, ...]
    """Of each run, from the common reference point."""

    fronts: tuple[Float[np.ndarray, "_ m"], ...]
    """Of each run; larger is better."""

    @property
    def trials(self) -> int:
        """How many trials each run has at least."""
        return min(len(each.trials) for each in self.growths)

    def after(self, trials: int) -> Float[np.ndarray, " r"]:
        """Return the hypervolume of each run after so many trials; 0 before the first."""
        return np.array([each.hypervolume[trials - 1] if trials else 0.0 for each in self.growths])

    def traces(self) -> Float[np.ndarray, "r n"]:
        """Return the hypervolume of each run after each trial, as far as all runs have come."""
        return np.array([each.hypervolume[: self.trials] for each in self.growths])

    def traces_at(self, seconds: Float[np.ndarray, " n"]) -> Float[np.ndarray, "r n"]:
        """Return the hypervolume of each run at times since its first trial began."""
        return np.array([_at(each, seconds) for each in self.growths])

    @property
    def seconds(self) -> float:
        """When the first of the runs ended; NaN where nobody has told the times."""
        ends = [np.nanmax(x.seconds) for x in self.growths if not np.isnan(x.seconds).all()]
        return float(min(ends)) if len(ends) == len(self.growths) else float("nan")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Groups of searches of one problem."""

    study: Study
    """With the common reference point."""

    groups: tuple[Reached, ...]

    @property
    def trials(self) -> int:
        """How many trials every run of every group has at least."""
        return min(group.trials for group in self.groups)

    def wins(self, group: Reached) -> float:
        """Return in which share of pairs a run of this group beats one of another.

        After equally many trials; equal hypervolumes count half. NaN without another group.
        """
        mine = group.after(self.trials)
        others = [each.after(self.trials) for each in self.groups if each.name != group.name]
        if not others:
            return float("nan")
        other = np.concatenate(others)
        pairs = np.sign(mine[:, None] - other)
        return float((pairs + 1).mean() / 2)


def compare(groups: Sequence[Group]) -> Comparison:
    """Measure all searches from one reference point.

    It is the one that the studies give. Where none does, it is inferred from all trials together.

    Raises:
        SelectionError: There is nothing to compare, or the studies do not ask the same.
    """
    runs = [run for group in groups for run in group.runs]
    if not runs:
        raise SelectionError("nothing to compare; name at least one study")
    for run in runs[1:]:
        _check_equal(runs[0], run)
    trials = [trial for run in runs for trial in run.trials]
    bare = _with_references(runs[0].study, _given(runs))
    common = bare.with_references(infer_references(bare, trials))
    references = {each.name: each.reference for each in common.objectives}
    return Comparison(
        common,
        tuple(_reached(group, references) for group in groups),
    )


def by_sampler(run: Run) -> list[Group]:
    """Return the trials of each sampler of a run as a search of its own."""
    samplers = dict.fromkeys(trial.sampler or "own choice" for trial in run.trials)
    return [
        Group(
            sampler,
            (
                replace(
                    run,
                    name=f"{run.name}, {sampler}",
                    trials=tuple(t for t in run.trials if (t.sampler or "own choice") == sampler),
                ),
            ),
        )
        for sampler in samplers
    ]


def quartiles(values: Float[np.ndarray, "r n"]) -> Float[np.ndarray, "3 n"]:
    """Return lower quartile, median and upper quartile over runs."""
    return np.asarray(np.quantile(values, QUARTILES, axis=0))


def _reached(group: Group, references: Mapping[str, float | None]) -> Reached:
    studies = [_with_references(run.study, references) for run in group.runs]
    growths = tuple(
        growth_of(study, run.trials) for study, run in zip(studies, group.runs, strict=True)
    )
    fronts = tuple(
        objective_values(study, front_of(study, run.trials).trials)
        for study, run in zip(studies, group.runs, strict=True)
    )
    return Reached(group.name, growths, fronts)


def _given(runs: Sequence[Run]) -> dict[str, float | None]:
    """Return the reference of each objective that a study gives.

    Raises:
        SelectionError: Two studies give different ones.
    """
    found: dict[str, tuple[float, str]] = {}
    for run in runs:
        for objective in run.study.objectives:
            if objective.reference is None or objective.name in run.inferred:
                continue
            known = found.setdefault(objective.name, (objective.reference, run.name))
            if known[0] != objective.reference:
                raise SelectionError(
                    f"the reference of {objective.name!r} is {known[0]:g} in {known[1]} and "
                    f"{objective.reference:g} in {run.name}; hypervolumes from different "
                    "references cannot be compared, give both studies one"
                )
    return {name: reference for name, (reference, _) in found.items()}


def _with_references(study: Study, references: Mapping[str, float | None]) -> Study:
    """Return the study with these references in place of its own."""
    return replace(
        study,
        objectives=[replace(x, reference=references.get(x.name)) for x in study.objectives],
    )


def _check_equal(first: Run, other: Run) -> None:
    wanted, found = (
        [f"{each.name} ({each.direction.value})" for each in run.study.objectives]
        for run in (first, other)
    )
    if wanted != found:
        raise SelectionError(
            f"{first.name} has the objectives {', '.join(wanted)}, {other.name} has "
            f"{', '.join(found)}; only searches for the same can be compared"
        )
    one, two = (
        {(x.name, x.at_least, x.at_most) for x in run.study.outcome_constraints}
        for run in (first, other)
    )
    if one != two:
        raise SelectionError(
            f"{first.name} and {other.name} have different outcome constraints, on "
            f"{', '.join(sorted({each[0] for each in one ^ two}))}; only searches for the same "
            "can be compared"
        )


def _at(growth: Growth, seconds: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    known = ~np.isnan(growth.seconds)
    ends, values = growth.seconds[known], growth.hypervolume[known]
    last = np.searchsorted(ends, seconds, side="right")
    return np.asarray(np.concatenate([[0.0], values])[last])
