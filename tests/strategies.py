"""Hypothesis strategies: parameters, studies, values, point sets."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from moopt.study.conditions import When
from moopt.study.objectives import LinearConstraint, Maximize, Minimize, Objective
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter
from moopt.study.simplex import Simplex
from moopt.study.study import Study

finite = st.floats(-1e6, 1e6, allow_subnormal=False)
TWO_OBJECTIVES = (
    Objective("accuracy", Maximize, reference=0.0),
    Objective("latency", Minimize, reference=1.0),
)


@st.composite
def continuous(draw: st.DrawFn, name: str = "x") -> Continuous:
    log = draw(st.booleans())
    low = draw(st.floats(1e-6, 1e2) if log else finite)
    width = draw(st.floats(1e-3, 1e4))
    return Continuous(name, low, low + width * max(1.0, abs(low)), log=log)


@st.composite
def integers(draw: st.DrawFn, name: str = "n") -> Integer:
    log = draw(st.booleans())
    low = draw(st.integers(1, 100) if log else st.integers(-100, 100))
    step = 1 if log else draw(st.integers(1, 7))
    return Integer(name, low, low + step * draw(st.integers(1, 60)), log=log, step=step)


@st.composite
def categoricals(draw: st.DrawFn, name: str = "c") -> Categorical:
    choices = draw(
        st.lists(
            st.one_of(st.text("abcdef", min_size=1), st.integers(2, 99), st.floats(0.1, 0.9)),
            min_size=2,
            max_size=5,
            unique=True,
        )
    )
    return Categorical(name, choices, ordered=draw(st.booleans()))


@st.composite
def simplexes(draw: st.DrawFn, name: str = "s") -> Simplex:
    count = draw(st.integers(2, 6))
    usable = draw(st.integers(1, count))
    low = draw(st.sampled_from([0.0, 0.05])) if usable == count else 0.0
    high = draw(st.floats(min(1.0, 1.2 / usable), 1.0))
    return Simplex(
        name, [f"p{index}" for index in range(count)], low=low, high=high, max_nonzero=usable
    )


@st.composite
def studies(draw: st.DrawFn) -> Study:
    """Draw a study with every kind of parameter, nested conditions and a linear constraint."""
    switch = draw(categoricals("switch"))
    inner = Integer("inner", 1, 4, when=When("switch", switch.choices[0]))
    mixture = draw(simplexes("mixture"))
    parameters: list[Parameter] = [
        draw(continuous("rate")),
        draw(integers("width")),
        switch,
        mixture,
        inner,
        Continuous("deep", 0.0, 1.0, when=When("inner", [2, 3])),
        Continuous("a", 0.0, 2.0),
        Integer("b", 0, 5),
    ]
    order = draw(st.permutations(parameters))
    limit = draw(st.floats(0.5, 5.0))
    return Study(
        "drawn",
        parameters=order,
        objectives=TWO_OBJECTIVES,
        linear_constraints=[LinearConstraint({"a": 1.0, "b": 1.0}, at_most=limit)],
    )


Points = np.ndarray[tuple[int, int], np.dtype[np.float64]]


def point_sets(count: int = 8, objectives: int = 3) -> st.SearchStrategy[Points]:
    """Draw point sets with whole coordinates, so that ties happen."""
    shapes = st.tuples(st.integers(1, count), st.just(objectives))
    return shapes.flatmap(
        lambda shape: hnp.arrays(np.float64, shape, elements=st.integers(0, 5).map(float))
    )
