"""pymoo's own NSGA-II through its ask and tell, all as its getting-started guide has it.

Forty members, ten children a generation. With nothing but real parameters its operators for real
numbers, else those for mixed variables. Simplexes, linear constraints and conditions by repair: the
nearest valid parameters take an individual's place, what does not count in them stays as it is.
Limits are inequality constraints, and so is success: a failed trial, or one with a part of its
measurements, violates it more than any. Standard errors are unknown to it. Where all of a
generation is pending, the same parents have more children.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from jaxtyping import Float
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.evaluator import Evaluator
from pymoo.core.mixed import (
    MixedVariableDuplicateElimination,
    MixedVariableMating,
    MixedVariableSampling,
)
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.core.variable import Choice, Integer, Real
from pymoo.operators.crossover.sbx import SBX
from pymoo.operators.mutation.pm import PM
from pymoo.operators.sampling.rnd import FloatRandomSampling
from pymoo.problems.static import StaticProblem
from pymoo.termination import get_termination

from moopt.benchmarks.peer_outcomes import (
    Proposals,
    excesses,
    limit_count,
    losses,
    wholly_measured,
)
from moopt.benchmarks.peer_space import Axis, FlatSpace, Kind, Weights
from moopt.benchmarks.problem import Found
from moopt.errors import SelectionError
from moopt.study.parameters import Parameters
from moopt.study.study import Study

POPULATION = 40
CHILDREN = 10
"""Both as in pymoo's getting-started guide."""

FAILED = 1e9
"""Violation of a trial that failed."""

Genes = Mapping[str, Any] | Float[np.ndarray, " d"]
"""By name for mixed variables, else in the order of the axes."""


@dataclass(slots=True, eq=False)
class _Brood:
    """Individuals that pymoo proposed together, and what is known of each."""

    members: Population
    results: list[tuple[list[float], list[float]] | None]
    """Losses and violations."""


@final
class PymooSearch:
    """NSGA-II."""

    def __init__(self, study: Study, seed: int, *, initial_trials: int | None = None) -> None:
        """Start with no trials. How many are at random is the size of the population."""
        del initial_trials
        self._study = study
        self._space = FlatSpace.of(study, Weights.ALL)
        self._mixed = any(axis.kind is not Kind.REAL for axis in self._space.axes)
        self._problem = _problem(self._space, mixed=self._mixed, limits=limit_count(study) + 1)
        self._algorithm = NSGA2(
            pop_size=POPULATION,
            n_offsprings=CHILDREN,
            **_operators(_Repair(self._space, mixed=self._mixed), mixed=self._mixed),
        )
        self._algorithm.setup(self._problem, seed=seed, termination=get_termination("n_gen", 10**9))
        self._attached: list[tuple[Any, tuple[list[float], list[float]]]] = []
        self._queue: Iterator[tuple[_Brood, int]] = iter(())
        self._proposals: Proposals[tuple[_Brood, int]] = Proposals()

    def attach(self, parameters: Parameters, outcome: Found) -> None:
        """Learn from a trial that somebody else proposed."""
        point = self._space.point(parameters, whole=True)
        self._attached.append(
            (_genes(self._space, point, mixed=self._mixed), self._told(parameters, outcome))
        )
        if self._algorithm.is_initialized or len(self._attached) >= POPULATION:
            self._join([genes for genes, _ in self._attached], [told for _, told in self._attached])
            self._attached = []

    def ask(self) -> Parameters:
        """Propose a trial.

        Raises:
            SelectionError: No child is unlike all members.
        """
        found = next(self._queue, None)
        if found is None:
            self._queue = self._next_brood()
            found = next(self._queue, None)
        if found is None:
            raise SelectionError(
                f"pymoo's NSGA-II has nothing new to propose in study {self._study.name!r}; "
                "end the run"
            )
        brood, place = found
        point = _point(self._space, brood.members[place].X)
        return self._proposals.add(self._space.parameters(point), found)

    def tell(self, number: int, outcome: Found) -> None:
        """Learn what came of a trial, by how many were asked for before it."""
        parameters, (brood, place) = self._proposals.take(number)
        brood.results[place] = self._told(parameters, outcome)
        results = [each for each in brood.results if each is not None]
        if len(results) == len(brood.results):
            self._tell(brood.members, results)

    def _next_brood(self) -> Iterator[tuple[_Brood, int]]:
        members = self._algorithm.ask()
        if members is None or len(members) == 0:
            return iter(())
        if not self._algorithm.is_initialized and self._attached:
            members = members[: max(POPULATION - len(self._attached), 2)]
        brood = _Brood(members, [None] * len(members))
        return ((brood, place) for place in range(len(members)))

    def _tell(self, members: Population, results: list[tuple[list[float], list[float]]]) -> None:
        """Let pymoo learn of a whole brood, with what was attached before it."""
        genes = [member.X for member in members] + [genes for genes, _ in self._attached]
        told = results + [told for _, told in self._attached]
        self._attached = []
        self._join(genes, told)

    def _join(self, genes: list[Any], told: list[tuple[list[float], list[float]]]) -> None:
        members = Population.new(X=np.array(genes, dtype=object if self._mixed else float))
        values = StaticProblem(
            self._problem,
            F=np.array([each for each, _ in told]),
            G=np.array([each for _, each in told]),
        )
        Evaluator().eval(values, members)
        self._algorithm.tell(infills=members)

    def _told(self, parameters: Parameters, outcome: Found) -> tuple[list[float], list[float]]:
        """Return the losses and the violations of a trial."""
        found = wholly_measured(self._study, parameters, outcome)
        if found is None:
            return [0.0] * len(self._study.objectives), [FAILED] * (limit_count(self._study) + 1)
        return losses(self._study, found), [*excesses(self._study, found).values(), -1.0]


class _Repair:
    """Puts the nearest valid parameters in an individual's place, as pymoo's `Repair` does."""

    def __init__(self, space: FlatSpace, *, mixed: bool) -> None:
        self._space, self._mixed = space, mixed

    def __call__(self, problem: Problem, members: Population, **others: object) -> Population:
        return self.do(problem, members, **others)

    def do(self, problem: Problem, members: Population, **others: object) -> Population:
        """Repair every member."""
        del problem, others
        for member in members:
            point = _point(self._space, member.X)
            point |= self._space.point(self._space.parameters(point))
            genes = _genes(self._space, point, mixed=self._mixed)
            member.X = genes if self._mixed else np.array(genes)
        return members


def _problem(space: FlatSpace, *, mixed: bool, limits: int) -> Problem:
    count = len(space.study.objectives)
    if mixed:
        variables = {axis.name: _variable(axis) for axis in space.axes}
        return Problem(vars=variables, n_obj=count, n_ieq_constr=limits)
    ends = np.array([_ends(axis) for axis in space.axes])
    return Problem(n_var=len(ends), n_obj=count, n_ieq_constr=limits, xl=ends[:, 0], xu=ends[:, 1])


def _operators(repair: _Repair, *, mixed: bool) -> dict[str, Any]:
    if mixed:
        return {
            "sampling": MixedVariableSampling(),
            "mating": MixedVariableMating(
                repair=repair, eliminate_duplicates=MixedVariableDuplicateElimination()
            ),
            "eliminate_duplicates": MixedVariableDuplicateElimination(),
            "repair": repair,
        }
    return {
        "sampling": FloatRandomSampling(),
        "crossover": SBX(prob=0.9, eta=15),
        "mutation": PM(eta=20),
        "eliminate_duplicates": True,
        "repair": repair,
    }


def _variable(axis: Axis) -> Real | Integer | Choice:
    match axis.kind:
        case Kind.REAL:
            return Real(bounds=_ends(axis))
        case Kind.WHOLE if axis.log:
            return Real(bounds=(math.log(axis.low - 0.5), math.log(axis.high + 0.5)))
        case Kind.WHOLE:
            return Integer(bounds=(int(axis.low), int(axis.high)))
        case Kind.PICK:
            return Choice(options=list(range(int(axis.high) + 1)))


def _ends(axis: Axis) -> tuple[float, float]:
    return (math.log(axis.low), math.log(axis.high)) if axis.log else (axis.low, axis.high)


def _point(space: FlatSpace, genes: Genes) -> dict[str, float]:
    values = (
        [genes[axis.name] for axis in space.axes] if isinstance(genes, Mapping) else list(genes)
    )
    return {
        axis.name: math.exp(value) if axis.log else float(value)
        for axis, value in zip(space.axes, values, strict=True)
    }


def _genes(
    space: FlatSpace, point: Mapping[str, float], *, mixed: bool
) -> dict[str, float] | list[float]:
    values = {
        axis.name: math.log(point[axis.name]) if axis.log else point[axis.name]
        for axis in space.axes
    }
    for axis in space.axes:
        if axis.kind is not Kind.REAL and not axis.log:
            values[axis.name] = int(values[axis.name])
    return values if mixed else [values[axis.name] for axis in space.axes]
