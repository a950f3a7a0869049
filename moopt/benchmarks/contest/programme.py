"""Which problems a race is run on, and what is known of them beforehand."""

from collections.abc import Sequence

from moopt.benchmarks.contest.standings import Facts
from moopt.benchmarks.problems import PROBLEMS, problem_named, problems_of
from moopt.benchmarks.registry import Family, Use
from moopt.errors import SelectionError


def problems_named(words: Sequence[str]) -> list[str]:
    """Return the names of problems.

    Args:
        words: Each a problem, a family, a use, or a family and a use, such as `tables:reported`.

    Raises:
        SelectionError: One of them is nothing of that.
    """
    families = {each.value: each for each in Family}
    uses = {each.value: each for each in Use}
    found: dict[str, None] = {}
    for word in words:
        first, _, second = word.partition(":")
        if word in PROBLEMS:
            found[word] = None
        elif word in uses:
            found |= dict.fromkeys(problems_of(use=uses[word]))
        elif first in families and (not second or second in uses):
            use = uses[second] if second else None
            found |= dict.fromkeys(problems_of(family=families[first], use=use))
        else:
            raise SelectionError(
                f"there is no problem, family or use {word!r}; choose from the uses {list(uses)}, "
                f"the families {list(families)}, and the problems {list(PROBLEMS)}"
            )
    return list(found)


def facts_of(name: str) -> Facts:
    """Return what is known of a problem.

    Raises:
        SelectionError: There is no problem of that name.
        MissingDependencyError: It needs a package that is not installed.
    """
    entry = PROBLEMS[name]
    return Facts(entry.family.value, entry.use.value, problem_named(name).best)
