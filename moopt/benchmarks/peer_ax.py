"""Ax's client, as its documentation uses it; all but the seed is at its default.

Simplexes: the weights of all parts but the last, whose sum is limited (`parameter_constraints`).
Linear constraints likewise, but for equalities, which the client does not take: there the nearest
valid point is attached, and the proposal abandoned. Conditional parameters are flat ones, whose
values are ignored where they do not count. References are
thresholds of objectives, limits are outcome constraints on metrics of their own. Standard errors
are passed on. A failed trial is marked as failed.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil, log2
from typing import final

from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig
from ax.exceptions.core import SearchSpaceExhausted

from moopt.acquisition.fused_kernel import prepare_fused_kernel
from moopt.benchmarks.peer_outcomes import Proposals, measured, standard_errors
from moopt.benchmarks.peer_space import Axis, FlatSpace, Kind, Point, Sum, Weights
from moopt.benchmarks.problem import Found
from moopt.errors import SelectionError
from moopt.study.objectives import Direction
from moopt.study.parameters import Parameters
from moopt.study.study import Study

NARROWEST = 1e-3
"""Ax refuses ranges below 1.5e-5: narrower ones than this are given in a smaller unit."""


@final
class AxSearch:
    """Ax's `Client`, with the references as limits of what is of interest."""

    def __init__(self, study: Study, seed: int, *, initial_trials: int | None = None) -> None:
        """Start with no trials."""
        self._study = study
        self._space = FlatSpace.of(study, Weights.REST)
        self._units = {axis.name: _unit(axis) for axis in self._space.axes}
        self._metrics = {name: f"y{place}" for place, name in enumerate(_outcomes(study))}
        self._proposals: Proposals[int] = Proposals()
        with _quiet():
            self._client = Client(random_seed=seed)
            self._client.configure_experiment(
                parameters=[_config(axis, self._units[axis.name]) for axis in self._space.axes],
                parameter_constraints=self._parameter_constraints(),
                name=study.name,
            )
            self._client.configure_optimization(
                objective=", ".join(
                    f"{'-' if each.direction is Direction.MINIMIZE else ''}"
                    f"{self._metrics[each.name]}"
                    for each in study.objectives
                ),
                outcome_constraints=self._outcome_constraints(),
            )
            self._client.configure_generation_strategy(
                initialization_budget=initial_trials,
                initialization_random_seed=seed,
                allow_exceeding_initialization_budget=True,
            )

    def attach(self, parameters: Parameters, outcome: Found) -> None:
        """Learn from a trial that somebody else proposed."""
        with _quiet():
            self._end(self._attached(parameters), parameters, outcome)

    def ask(self) -> Parameters:
        """Propose a trial.

        Raises:
            SelectionError: Ax finds nothing that it has not tried.
        """
        prepare_fused_kernel()
        with _quiet():
            try:
                ((trial, found),) = self._client.get_next_trials(max_trials=1).items()
            except SearchSpaceExhausted as error:
                raise SelectionError(
                    f"Ax has nothing left to propose in study {self._study.name!r}; end the run"
                ) from error
            point = {name: self._from_ax(name, value) for name, value in found.items()}
            parameters = self._space.parameters(point)
            if self._space.moved(point, parameters):
                self._client.mark_trial_abandoned(trial)
                trial = self._attached(parameters)
        return self._proposals.add(parameters, trial)

    def tell(self, number: int, outcome: Found) -> None:
        """Learn what came of a trial, by how many were asked for before it."""
        parameters, trial = self._proposals.take(number)
        with _quiet():
            self._end(trial, parameters, outcome)

    def _end(self, trial: int, parameters: Parameters, outcome: Found) -> None:
        found = measured(self._study, parameters, outcome)
        if not found:
            self._client.mark_trial_failed(trial)
            return
        errors = standard_errors(self._study, found)
        data: dict[str, float | tuple[float, float]] = {}
        for name, each in found.items():
            error = errors[name]
            value = each.mean if error is None else (each.mean, error)
            data |= dict.fromkeys(self._named(name), value)
        self._client.complete_trial(trial, raw_data=data)

    def _named(self, outcome: str) -> list[str]:
        """Return the metrics that an outcome is told as."""
        limited = {f"{each.name}" for each in self._study.outcome_constraints}
        objectives = {each.name for each in self._study.objectives}
        metric = self._metrics.get(outcome)
        if metric is None:
            return []
        return [metric, f"{metric}_limited"] if outcome in limited & objectives else [metric]

    def _outcome_constraints(self) -> list[str]:
        found = [
            f"{self._metrics[each.name]} {'<=' if each.direction is Direction.MINIMIZE else '>='} "
            f"{each.reference!r}"
            for each in self._study.objectives
            if each.reference is not None
        ]
        for constraint in self._study.outcome_constraints:
            # A limit on an objective's own metric would take the place of its reference.
            metric = self._named(constraint.name)[-1]
            if constraint.at_most is not None:
                found.append(f"{metric} <= {constraint.at_most!r}")
            if constraint.at_least is not None:
                found.append(f"{metric} >= {constraint.at_least!r}")
        return found

    def _parameter_constraints(self) -> list[str]:
        found: list[str] = []
        for each in self._space.sums:
            if each.at_least == each.at_most:
                continue
            if each.at_most is not None:
                found.append(f"{self._weighted(each)} <= {each.at_most!r}")
            if each.at_least is not None:
                found.append(f"{self._weighted(each)} >= {each.at_least!r}")
        return found

    def _weighted(self, limited: Sum) -> str:
        return " + ".join(
            f"{factor / self._units[name]!r} * {name}"
            for name, factor in limited.coefficients.items()
        )

    def _attached(self, parameters: Parameters) -> int:
        return self._client.attach_trial(
            {
                axis.name: _to_ax(axis, value * self._units[axis.name])
                for axis, value in _valued(self._space, parameters)
            }
        )

    def _from_ax(self, name: str, value: object) -> float:
        if isinstance(value, str):
            return int(value.removeprefix("c"))
        if not isinstance(value, int | float):
            raise SelectionError(f"Ax proposes {name}={value!r}, needed is a number")
        return value / self._units[name]


def _outcomes(study: Study) -> list[str]:
    objectives = [each.name for each in study.objectives]
    return list(dict.fromkeys([*objectives, *(each.name for each in study.outcome_constraints)]))


def _valued(space: FlatSpace, parameters: Parameters) -> Iterator[tuple[Axis, float]]:
    point: Point = space.point(parameters, whole=True)
    for axis in space.axes:
        yield axis, point[axis.name]


def _unit(axis: Axis) -> float:
    """Return how much larger a number is in Ax: a power of two, which loses nothing."""
    width = axis.high - axis.low
    if axis.kind is not Kind.REAL or width >= NARROWEST:
        return 1.0
    return 2.0 ** ceil(-log2(width))


def _to_ax(axis: Axis, value: float) -> str | int | float:
    match axis.kind:
        case Kind.REAL:
            return value
        case Kind.WHOLE:
            return int(value)
        case Kind.PICK:
            return f"c{int(value)}"


def _config(axis: Axis, unit: float) -> RangeParameterConfig | ChoiceParameterConfig:
    if axis.kind is Kind.PICK:
        names = [f"c{place}" for place in range(int(axis.high) + 1)]
        return ChoiceParameterConfig(axis.name, names, "str", is_ordered=False)
    return RangeParameterConfig(
        axis.name,
        (axis.low * unit, axis.high * unit),
        "float" if axis.kind is Kind.REAL else "int",
        scaling="log" if axis.log else "linear",
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what Ax logs to itself: it speaks of our calls, not of the study."""
    logger = logging.getLogger("ax.api.client")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
