"""The problem as a whole: parameters, objectives and what binds them, checked when made."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from types import UnionType
from typing import assert_never

from moopt.errors import StudyError
from moopt.study.names import check_name
from moopt.study.objectives import Fidelity, LinearConstraint, Objective, OutcomeConstraint
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter, Parameters
from moopt.study.simplex import Simplex
from moopt.study.validation import check_parameters, parents_first


@dataclass(frozen=True, slots=True)
class Study:
    """What to search and what to want from it.

    Raises:
        StudyError: Two names are equal, a condition, constraint or starting point names what is not
            there or cannot hold, or there is no parameter or no objective.
    """

    name: str
    _: KW_ONLY
    parameters: Sequence[Parameter]
    objectives: Sequence[Objective]
    outcome_constraints: Sequence[OutcomeConstraint] = ()
    linear_constraints: Sequence[LinearConstraint] = ()
    fidelity: Fidelity | None = None
    """None: every evaluation is whole."""

    start_with: Sequence[Parameters] = ()
    """Known points, tried first, in this order."""

    def __post_init__(self) -> None:
        check_name("study", self.name)
        self._keep("parameters", Continuous | Integer | Categorical | Simplex)
        self._keep("objectives", Objective)
        self._keep("outcome_constraints", OutcomeConstraint)
        self._keep("linear_constraints", LinearConstraint)
        if not self.parameters:
            raise StudyError(f"study {self.name!r} needs at least one parameter")
        if not self.objectives:
            raise StudyError(
                f"study {self.name!r} needs at least one objective, got none; a limit on a "
                "measurement is an OutcomeConstraint and says nothing of what is better"
            )
        if self.fidelity is not None and not isinstance(self.fidelity, Fidelity):
            raise StudyError(f"study {self.name!r} needs a Fidelity, got {self.fidelity!r}")
        searched = [parameter.name for parameter in self.parameters]
        if self.fidelity is not None:
            searched.append(self.fidelity.name)
        _check_unique(self.name, "parameter", searched)
        _check_unique(self.name, "objective", [each.name for each in self.objectives])
        _check_unique(
            self.name, "outcome constraint", [each.name for each in self.outcome_constraints]
        )
        parents_first(self.parameters)
        for constraint in self.linear_constraints:
            self._check_linear(constraint)
        points = tuple(
            check_parameters(self.parameters, self.linear_constraints, point, f"start_with[{i}]")
            for i, point in enumerate(self.start_with)
        )
        object.__setattr__(self, "start_with", points)

    @property
    def outcomes(self) -> tuple[str, ...]:
        """What an evaluator measures: objectives without a formula, then constrained outcomes."""
        measured = [each.name for each in self.objectives if each.formula is None]
        computed = {each.name for each in self.objectives if each.formula is not None}
        for constraint in self.outcome_constraints:
            if constraint.name not in measured and constraint.name not in computed:
                measured.append(constraint.name)
        return tuple(measured)

    def with_references(self, references: Mapping[str, float]) -> "Study":
        """Return the study with a reference for each objective that had none."""
        return replace(
            self,
            objectives=[
                replace(each, reference=references[each.name])
                if each.reference is None and each.name in references
                else each
                for each in self.objectives
            ],
        )

    def _keep(self, field: str, kind: type | UnionType) -> None:
        """Turn a field's items into a tuple of the right kind."""
        items = getattr(self, field)
        if isinstance(items, str | Mapping) or not isinstance(items, Iterable):
            raise StudyError(f"study {self.name!r} needs a list as {field}, got {items!r}")
        kept = tuple(items)
        for item in kept:
            if not isinstance(item, kind):
                raise StudyError(
                    f"study {self.name!r}: {field} holds {item!r}, which is not one of its kinds"
                )
        object.__setattr__(self, field, kept)

    def _check_linear(self, constraint: LinearConstraint) -> None:
        owner = f"linear constraint {dict(constraint.coefficients)}"
        by_name = {parameter.name: parameter for parameter in self.parameters}
        lowest = highest = 0.0
        for name, coefficient in constraint.coefficients.items():
            match by_name.get(name):
                case None:
                    raise StudyError(
                        f"{owner} names {name!r}, which is none of the parameters {list(by_name)}"
                    )
                case Categorical() | Simplex() as parameter:
                    raise StudyError(
                        f"{owner} names {name!r}, a {type(parameter).__name__}; only Continuous "
                        "and Integer parameters can be summed"
                    )
                case Continuous() | Integer() as parameter:
                    if parameter.log or parameter.when is not None:
                        raise StudyError(
                            f"{owner} names {name!r}, which is conditional or on a log scale; "
                            "a sum needs parameters that are always active and linear"
                        )
                    ends = (coefficient * parameter.low, coefficient * parameter.high)
                    lowest, highest = lowest + min(ends), highest + max(ends)
                case never:
                    assert_never(never)
        too_high = constraint.at_least is not None and highest < constraint.at_least
        if too_high or (constraint.at_most is not None and lowest > constraint.at_most):
            raise StudyError(
                f"{owner} can never hold: within the bounds the sum lies between {lowest:g} and "
                f"{highest:g}, asked is at_least={constraint.at_least}, "
                f"at_most={constraint.at_most}"
            )


def _check_unique(study: str, kind: str, names: Sequence[str]) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            raise StudyError(
                f"study {study!r} has two {kind}s named {name!r}; give each a name of its own"
            )
