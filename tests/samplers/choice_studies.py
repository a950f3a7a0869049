"""Studies of choices only, with and without conditions."""

from collections.abc import Sequence

from hypothesis import strategies as st

from moopt.study.conditions import When
from moopt.study.objectives import Maximize, Minimize, Objective
from moopt.study.parameters import Categorical
from moopt.study.study import Study

OBJECTIVES = (Objective("a", Maximize, reference=-5.0), Objective("b", Minimize, reference=9.0))
LETTERS = ("p", "q", "r", "s", "t")


@st.composite
def choice_studies(draw: st.DrawFn) -> Study:
    """Draw a study of up to six categorical parameters, some of them conditional."""
    found: list[Categorical] = []
    for index in range(draw(st.integers(2, 6))):
        choices = LETTERS[: draw(st.integers(2, 5))]
        found.append(Categorical(f"c{index}", choices, when=draw(conditions(found))))
    return Study("choices", parameters=draw(st.permutations(found)), objectives=OBJECTIVES)


@st.composite
def conditions(draw: st.DrawFn, before: Sequence[Categorical]) -> When | None:
    """Draw a condition on one of the parameters before, or none."""
    if not before or draw(st.booleans()):
        return None
    parent = draw(st.sampled_from(before))
    return When(
        parent.name, draw(st.lists(st.sampled_from(list(parent.choices)), min_size=1, unique=True))
    )
