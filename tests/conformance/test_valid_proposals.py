"""Nothing invalid is proposed in any study.

MOOPT_ASKS=10000 sets how many candidates are asked for; a few hundred without it.
"""

import math
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from moopt.encoding.enumeration import all_parameters
from moopt.encoding.space import SpaceEncoding
from moopt.protocols import Sampler
from moopt.samplers.bayesian import BayesianSampler
from moopt.samplers.history import key
from moopt.samplers.quasi_random import ENUMERABLE, QuasiRandomSampler, RandomSampler
from moopt.samplers.starting_points import next_candidates
from moopt.study.conditions import Choice, When
from moopt.study.objectives import LinearConstraint, Maximize, Minimize, Objective
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter, Parameters, Value
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from moopt.study.trials import (
    Candidate,
    Failure,
    FailureKind,
    Measurement,
    Trial,
    TrialState,
)
from moopt.study.validation import check_parameters

ASKS = int(os.environ.get("MOOPT_ASKS", "240"))
SAMPLERS: dict[str, tuple[Sampler, Sequence[int]]] = {
    "random": (RandomSampler(), [1] * 9),
    "sobol": (QuasiRandomSampler(), [1] * 9),
    "bayesian": (BayesianSampler(initial_trials=5), [2]),
}
"""With how many candidates each is asked for at once, time after time."""

ASKS_A_STUDY = sum(sum(counts) for _, counts in SAMPLERS.values())
OBJECTIVES = (Objective("a", Maximize, reference=-5.0), Objective("b", Minimize, reference=9.0))

numbers = st.integers(-40, 40).map(lambda number: number / 8)


@st.composite
def conditions(draw: st.DrawFn, before: Sequence[Parameter]) -> When | None:
    """Draw a condition on a parameter that may have conditions of its own."""
    parents = [each for each in before if isinstance(each, Categorical | Integer)]
    if not parents or not draw(st.booleans()):
        return None
    match draw(st.sampled_from(parents)):
        case Categorical(name=name, choices=choices):
            return When(name, draw(st.lists(st.sampled_from(choices), min_size=1, unique=True)))
        case Integer(name=name, low=low, high=high, step=step):
            values = st.sampled_from(range(low, high + 1, step))
            return When(name, draw(st.lists(values, min_size=1, max_size=3, unique=True)))


@st.composite
def simplexes(draw: st.DrawFn, name: str, when: When | None) -> Simplex:
    """Draw a simplex whose lower bounds leave room and whose upper bounds reach one."""
    parts = [f"part{index}" for index in range(draw(st.integers(2, 6)))]
    usable = draw(st.integers(1, len(parts)))
    always = draw(st.lists(st.sampled_from(parts), max_size=usable, unique=True))
    low = {part: draw(st.sampled_from([0.05, 0.125])) for part in always}
    high = draw(st.sampled_from([1.0, min(1.0, 1.5 / usable)]))
    return Simplex(name, parts, low=low, high=max(high, 0.125), max_nonzero=usable, when=when)


@st.composite
def parameters(draw: st.DrawFn, name: str, before: Sequence[Parameter]) -> Parameter:
    when = draw(conditions(before))
    log = draw(st.booleans())
    match draw(st.sampled_from(["continuous", "integer", "categorical", "simplex"])):
        case "continuous":
            low = draw(st.sampled_from([1e-5, 0.1])) if log else draw(numbers)
            width = draw(st.sampled_from([0.5, 3.0, 100.0]))
            return Continuous(name, low, low + width, log=log, when=when)
        case "integer":
            low = draw(st.integers(1, 9) if log else st.integers(-9, 9))
            step = 1 if log else draw(st.integers(1, 3))
            high = low + step * draw(st.integers(1, 30))
            return Integer(name, low, high, log=log, step=step, when=when)
        case "categorical":
            choices: list[Choice] = ["a", "b", 3, 0.5, "e"]
            choices = choices[: draw(st.integers(2, 5))]
            return Categorical(name, choices, ordered=draw(st.booleans()), when=when)
        case _:
            return draw(simplexes(name, when))


@st.composite
def linear_constraints(draw: st.DrawFn, among: Sequence[Parameter]) -> list[LinearConstraint]:
    """Draw up to two constraints that hold at some point of the space."""
    summed = [
        each
        for each in among
        if isinstance(each, Continuous | Integer) and not each.log and each.when is None
    ]
    if not summed:
        return []
    inside = {each.name: draw(points_within(each)) for each in summed}
    found = []
    for _ in range(draw(st.integers(0, 2))):
        names = draw(st.lists(st.sampled_from(sorted(inside)), min_size=1, unique=True))
        factor = st.sampled_from([-2.5, -1.0, 0.1, 1.0, 3.0])
        coefficients = {name: draw(factor) for name in names}
        total = LinearConstraint(coefficients, at_most=0.0).value(inside)
        below, above = draw(st.sampled_from([(0, 0), (0, 0.5), (0, 0), (1e-6, 0), (9, None)]))
        found.append(
            LinearConstraint(
                coefficients,
                at_least=total - below,
                at_most=None if above is None else total + above,
            )
        )
    return found


@st.composite
def points_within(draw: st.DrawFn, parameter: Continuous | Integer) -> float | int:
    match parameter:
        case Integer(low=low, high=high, step=step):
            return draw(st.sampled_from(range(low, high + 1, step)))
        case Continuous(low=low, high=high):
            return low + draw(st.integers(0, 8)) / 8 * (high - low)


@st.composite
def studies(draw: st.DrawFn) -> Study:
    """Draw any study: all kinds of parameters, conditions, constraints and starting points."""
    drawn: list[Parameter] = []
    for index in range(draw(st.integers(1, 7))):
        drawn.append(draw(parameters(f"parameter{index}", drawn)))
    study = Study(
        "any",
        parameters=draw(st.permutations(drawn)),
        objectives=OBJECTIVES,
        linear_constraints=draw(linear_constraints(drawn)),
    )
    starts = RandomSampler().propose(study, [], draw(st.integers(0, 2)), draw(st.integers(0, 99)))
    return Study(
        "any",
        parameters=study.parameters,
        objectives=OBJECTIVES,
        linear_constraints=study.linear_constraints,
        start_with=[each.parameters for each in starts],
    )


def finished(number: int, candidate: Candidate) -> Trial:
    """Complete a candidate; every seventh fails."""
    if number % 7 == 3:
        failure = Failure(FailureKind.CANDIDATE, "out of memory")
        return Trial(number, candidate.parameters, state=TrialState.FAILED, failure=failure)
    score = float(len(repr(candidate.parameters)) % 7 + number % 3)
    return Trial(
        number,
        candidate.parameters,
        state=TrialState.COMPLETED,
        measurements={"a": Measurement(score, 0.1), "b": Measurement(10 - score)},
    )


def close(first: Value, second: Value) -> bool:
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return all(close(first[part], second[part]) for part in first)
    if isinstance(first, float) and isinstance(second, float):
        return math.isclose(first, second, rel_tol=1e-9, abs_tol=1e-9)
    return first == second


def assert_valid(study: Study, encoding: SpaceEncoding, found: Parameters) -> None:
    check_parameters(study.parameters, study.linear_constraints, found, "candidate")
    again = encoding.decode(encoding.encode(found))
    check_parameters(study.parameters, study.linear_constraints, again, "decoded")
    assert again.keys() == found.keys()
    assert all(close(again[name], found[name]) for name in found)


def is_used_up(study: Study, trials: Sequence[Trial]) -> bool:
    """Say whether everything was tried; where constraints leave one point, nobody enumerates it."""
    whole = all_parameters(study, ENUMERABLE)
    tried = {key(trial.parameters) for trial in trials}
    if whole is None:
        return bool(study.linear_constraints)
    return {key(parameters) for parameters in whole} <= tried


@pytest.mark.slow
def test_no_proposal_is_invalid_or_a_repetition() -> None:
    asked: Counter[str] = Counter()
    short: Counter[str] = Counter()

    @settings(
        max_examples=-(-ASKS // ASKS_A_STUDY),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        phases=[Phase.reuse, Phase.generate],
    )
    @given(study=studies(), seed=st.integers(0, 2**31 - 1))
    def ask(study: Study, seed: int) -> None:
        encoding = SpaceEncoding.of(study)
        trials: list[Trial] = []
        for name, (sampler, counts) in SAMPLERS.items():
            for count in counts:
                candidates = next_candidates(sampler, study, trials, count, seed)
                asked[name] += count
                for each in candidates:
                    assert_valid(study, encoding, each.parameters)
                    assert key(each.parameters) not in {key(trial.parameters) for trial in trials}
                    trials.append(finished(len(trials), each))
                if len(candidates) < count and not is_used_up(study, trials):
                    short[name] += count - len(candidates)

    ask()

    sys.stdout.write(f"{sum(asked.values())} asks: {dict(asked)}; came short: {dict(short)}\n")
    assert sum(asked.values()) >= ASKS


@given(study=studies(), seed=st.integers(0, 2**31 - 1))
@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.reuse, Phase.generate],
)
def test_any_point_decodes_to_valid_parameters(study: Study, seed: int) -> None:
    encoding = SpaceEncoding.of(study)
    generator = torch.Generator().manual_seed(seed)
    point = torch.rand(encoding.width, generator=generator, dtype=torch.float64)

    assert_valid(study, encoding, encoding.decode(point))
