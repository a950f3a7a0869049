"""A study with a fidelity whose evaluations are quick: what a search of it spent, and found."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from moopt.front.front import front_of, hypervolume_history
from moopt.protocols import Sampler
from moopt.samplers.lineages import lineages
from moopt.samplers.starting_points import next_candidates
from moopt.study.objectives import Fidelity
from moopt.study.parameters import Parameters
from moopt.study.study import Study
from moopt.study.trials import Measurement, Measurements, Trial, TrialState

_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)

STRICTLY = 1e-9
"""Share of a hypervolume above which more of it is more."""


@dataclass(frozen=True, slots=True)
class FidelityProblem:
    """A study, with references, and what it measures at each fidelity."""

    study: Study
    values: Callable[[Parameters, float], Mapping[str, float]]
    """What a trial from the start to a fidelity measures, as does one that was taken there."""

    @property
    def fidelity(self) -> Fidelity:
        """The study's fidelity.

        Raises:
            ValueError: It has none.
        """
        if self.study.fidelity is None:
            raise ValueError(f"study {self.study.name!r} has no fidelity")
        return self.study.fidelity

    def measurements(self, parameters: Parameters, fidelity: float) -> Measurements:
        """Return what is measured, without standard errors."""
        found = self.values(parameters, fidelity)
        return {name: Measurement(value) for name, value in found.items()}


@dataclass(frozen=True, slots=True)
class FidelityRun:
    """A search, trial by trial."""

    trials: tuple[Trial, ...]
    costs: tuple[float, ...]
    """In whole evaluations, up to and including each trial."""

    hypervolumes: tuple[float, ...]
    """Of the highest fidelity, after each trial."""

    def reached(self, hypervolume: float) -> float | None:
        """Return at which cost there was so much hypervolume. None: never."""
        for cost, found in zip(self.costs, self.hypervolumes, strict=True):
            if found >= hypervolume * (1 - STRICTLY):
                return cost
        return None

    def at(self, cost: float) -> float:
        """Return the hypervolume that there was for a cost."""
        pairs = zip(self.costs, self.hypervolumes, strict=True)
        return max((found for paid, found in pairs if paid <= cost + STRICTLY), default=0.0)

    def within(self, cost: float) -> tuple[Trial, ...]:
        """Return the trials that were paid for with a cost."""
        return self.trials[: sum(paid <= cost + STRICTLY for paid in self.costs)]


def run_search(
    problem: FidelityProblem,
    sampler: Sampler,
    *,
    budget: float,
    seed: int,
    enough: float = float("inf"),
) -> FidelityRun:
    """Search one trial after the other, until the budget is spent or enough hypervolume is there.

    Args:
        problem: What to search.
        sampler: What proposes.
        budget: In whole evaluations; no trial goes beyond it.
        seed: Of the search.
        enough: Hypervolume at which to end.
    """
    trials: list[Trial] = []
    costs: list[float] = []
    spent, best = 0.0, 0.0
    while best < enough:
        candidates = next_candidates(sampler, problem.study, trials, 1, seed)
        if not candidates:
            break
        (candidate,) = candidates
        reached = candidate.fidelity or problem.fidelity.high
        before = None if candidate.continues is None else trials[candidate.continues].fidelity
        spent += problem.fidelity.cost(reached, after=before or 0.0)
        if spent > budget + STRICTLY:
            break
        trials.append(
            Trial(
                len(trials),
                candidate.parameters,
                state=TrialState.COMPLETED,
                fidelity=reached,
                continues=candidate.continues,
                measurements=problem.measurements(candidate.parameters, reached),
                sampler=candidate.sampler,
                ended=_BEGINNING + timedelta(seconds=len(trials)),
            )
        )
        costs.append(spent)
        if reached == problem.fidelity.high:
            best = front_of(problem.study, trials).hypervolume()
    return FidelityRun(tuple(trials), tuple(costs), _history(problem.study, trials))


def _history(study: Study, trials: Sequence[Trial]) -> tuple[float, ...]:
    whole = [trial.fidelity == (study.fidelity and study.fidelity.high) for trial in trials]
    history = iter(hypervolume_history(study, trials))
    found, latest = [], 0.0
    for is_whole in whole:
        latest = next(history) if is_whole else latest
        found.append(latest)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """Candidates that were not taken to the highest fidelity and would be on the front there."""

    count: int
    gain: float
    """Share of the front's hypervolume that they would have added together."""


def left_behind(problem: FidelityProblem, trials: Sequence[Trial]) -> LeftBehind:
    """Measure at the highest fidelity what a search did not, and see what the front would be."""
    study, high = problem.study, problem.fidelity.high
    front = front_of(study, trials)
    whole = [trial for trial in trials if trial.fidelity == high]
    missed = []
    for place, lineage in enumerate(lineages(trials)):
        paused = lineage.paused
        if paused is None or paused.fidelity == high:
            continue
        values = problem.measurements(paused.parameters, high)
        number = len(trials) + place
        full = replace(paused, number=number, fidelity=high, measurements=values, continues=None)
        if front_of(study, [*whole, full]).hypervolume() > front.hypervolume() * (1 + STRICTLY):
            missed.append(full)
    if not front.hypervolume():
        return LeftBehind(len(missed), 0.0)
    together = front_of(study, [*whole, *missed]).hypervolume()
    return LeftBehind(len(missed), together / front.hypervolume() - 1.0)
