"""Trials of an earlier study as points and outcomes of another one, as far as both have them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from moopt.encoding.columns import blocks_of
from moopt.encoding.space import SpaceEncoding
from moopt.encoding.training_data import (
    TrainingData,
    outcome_names,
    training_data,
    trials_to_learn_from,
)
from moopt.errors import StudyError
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter, Parameters
from moopt.study.simplex import Simplex
from moopt.study.source import Source
from moopt.study.study import Study
from moopt.study.trials import Trial, TrialState
from moopt.study.validation import check_parameters, is_active, parents_first


@dataclass(frozen=True, slots=True)
class MatchedSource:
    """What a source says of the parameters and outcomes that it shares with a study."""

    name: str
    encoding: SpaceEncoding
    """Of the shared parameters, as the study has them."""

    columns: Int[Tensor, " s"]
    """Where they are in the points of the study."""

    points: Float[Tensor, "n s"]
    names: tuple[str, ...]
    """Of the study's outcomes."""

    outcomes: Float[Tensor, "n k"]
    """Those of the study, larger is better in every objective. NaN: not measured."""

    standard_errors: Float[Tensor, "n k"]
    """NaN: not known, to be learned."""

    feasible: Bool[Tensor, " n"]
    """Whether no limit of the study is known to be broken."""

    shared: tuple[str, ...]
    """Outcomes of the study that the source has measured."""

    remarks: tuple[str, ...]
    """What does not match, a phrase each."""

    @property
    def description(self) -> str:
        """What there is to learn, and what does not match."""
        parameters = [each.name for each in self.encoding.study.parameters]
        told = (
            f"{self.name!r}: {len(self.points)} trials, parameters {', '.join(parameters)}, "
            f"outcomes {', '.join(self.shared)}"
        )
        return told + "".join(f"; {remark}" for remark in self.remarks)


def instructive(source: Source) -> Source:
    """Return the same source with nothing but the trials that teach, and what they teach.

    They are in the order in which they ended.
    """
    kept = [
        Trial(
            each.number,
            each.parameters,
            state=each.state,
            fidelity=each.fidelity,
            measurements=each.measurements,
        )
        for each in trials_to_learn_from(source.study, source.trials)
    ]
    return Source(source.study, kept)


def match_source(study: Study, source: Source) -> MatchedSource:
    """Find what a source says of a study.

    Parameters are the same that have the same name and kind; a range may differ, and trials outside
    of the study's are left out, as are those with a choice that the study does not have. Outcomes
    are the same that have the same name.

    Raises:
        StudyError: The source shares no parameter or no measured outcome with the study, or none of
            its trials lies in the study's space.
    """
    shared, foreign = _shared_parameters(study, source.study)
    if not shared:
        raise _useless(
            study,
            source,
            "shares no parameter with it: it has "
            f"{[each.name for each in source.study.parameters]}, the study has "
            f"{[each.name for each in study.parameters]}",
        )
    space = replace(study, parameters=shared, linear_constraints=(), start_with=(), fidelity=None)
    teaching = trials_to_learn_from(source.study, source.trials)
    inside = [
        replace(each, parameters=values, fidelity=None, state=TrialState.COMPLETED)
        for each in teaching
        if (values := _restated(shared, each.parameters)) is not None
    ]
    encoding = SpaceEncoding.of(space)
    data = training_data(space, encoding, inside)
    names = outcome_names(study)
    computed = {each.name for each in study.objectives if each.formula is not None}
    wanted = [name for name in names if name not in computed]
    known = [name for name in wanted if bool(data.measured(names.index(name)).any())]
    if not known:
        why = f"has no trial that measured one of its outcomes {wanted}"
        if teaching and not inside:
            why = f"has {len(teaching)} trials, none of which lies in the study's space"
        raise _useless(study, source, why)
    remarks = list(foreign)
    outside = len(teaching) - len(inside)
    if outside:
        remarks.append(f"{outside} of its {len(teaching)} trials lie outside of the space")
    missing = [name for name in wanted if name not in known]
    if missing:
        remarks.append(f"says nothing of {', '.join(missing)}")
    return MatchedSource(
        source.name,
        encoding,
        _columns(study, shared),
        data.points,
        names,
        data.outcomes,
        data.standard_errors,
        _feasible(data),
        tuple(known),
        tuple(remarks),
    )


def _feasible(data: TrainingData) -> Bool[Tensor, " n"]:
    feasible = torch.ones(len(data.points), dtype=torch.bool)
    for limit in data.limits:
        feasible &= ~(limit.sign * data.outcomes[:, limit.outcome] > limit.bound)
    return feasible


def _useless(study: Study, source: Source, why: str) -> StudyError:
    return StudyError(
        f"study {study.name!r} cannot learn from {source.name!r}, which {why}; leave it out, or "
        "name parameters and outcomes alike that mean the same"
    )


def _shared_parameters(study: Study, other: Study) -> tuple[list[Parameter], list[str]]:
    """Return the study's parameters that the other one has too, and what does not match."""
    theirs = {each.name: each for each in other.parameters}
    shared: list[Parameter] = []
    unlike: list[str] = []
    for parameter in parents_first(study.parameters):
        found = theirs.get(parameter.name)
        parent_is_shared = parameter.when is None or any(
            each.name == parameter.when.name for each in shared
        )
        if found is None:
            unlike.append(f"it has no parameter {parameter.name}")
        elif not _are_alike(parameter, found):
            unlike.append(
                f"its {parameter.name} is another kind of parameter, {type(found).__name__}"
            )
        elif not parent_is_shared:
            unlike.append(f"it lacks the parameter on which {parameter.name} depends")
        else:
            shared.append(parameter)
    ours = {each.name for each in study.parameters}
    foreign = [name for name in theirs if name not in ours]
    if foreign:
        unlike.append(f"its {', '.join(foreign)} is not searched here")
    kept = {each.name for each in shared}
    return [each for each in study.parameters if each.name in kept], unlike


def _are_alike(ours: Parameter, theirs: Parameter) -> bool:
    match ours, theirs:
        case ((Continuous() | Integer()), (Continuous() | Integer())):
            return True
        case Categorical(), Categorical():
            return True
        case Simplex(parts=parts), Simplex(parts=others):
            return set(parts) == set(others)
        case _:
            return False


def _restated(shared: Sequence[Parameter], parameters: Parameters) -> Parameters | None:
    """Return the values of shared parameters, or None where they are no point of the space."""
    values: dict[str, object] = {}
    for each in parents_first(shared):
        if is_active(each, values) and each.name in parameters:
            values[each.name] = parameters[each.name]
    try:
        return check_parameters(shared, (), values, "a trial")
    except StudyError:
        return None


def _columns(study: Study, shared: Sequence[Parameter]) -> Int[Tensor, " s"]:
    names = {each.name for each in shared}
    return torch.tensor(
        [
            column
            for block in blocks_of(study.parameters)
            if block.parameter.name in names
            for column in range(block.columns.start, block.columns.stop)
        ]
    )
