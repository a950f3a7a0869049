"""What an earlier study says in the words of another one."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import torch

from moopt.encoding.sources import instructive, match_source
from moopt.encoding.space import SpaceEncoding
from moopt.errors import StudyError
from moopt.study.conditions import When
from moopt.study.objectives import Fidelity, Maximize, Minimize, Objective, OutcomeConstraint
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter, Parameters
from moopt.study.simplex import Simplex
from moopt.study.source import Source
from moopt.study.study import Study
from moopt.study.trials import Measurement, Trial, TrialState

GAIN, COST = Objective("gain", Maximize, reference=0.0), Objective("cost", Minimize, reference=9.0)
RATE, DEPTH = Continuous("rate", 1e-4, 1.0, log=True), Integer("depth", 1, 8)
KIND = Categorical("kind", ["a", "b"])


def study_of(
    *parameters: Parameter, name: str = "now", outcomes: Sequence[Objective] = ()
) -> Study:
    return Study(name, parameters=parameters, objectives=outcomes or [GAIN, COST])


def done(number: int, parameters: Parameters, **measured: float) -> Trial:
    measurements = {name: Measurement(value, 0.1) for name, value in measured.items()}
    return Trial(number, parameters, state=TrialState.COMPLETED, measurements=measurements)


def test_trials_of_the_same_space_are_points_of_the_study() -> None:
    study = study_of(RATE, KIND, DEPTH)
    points = [{"rate": 0.01, "kind": "b", "depth": 3}, {"rate": 1.0, "kind": "a", "depth": 8}]
    trials = [done(n, each, gain=n, cost=2.0) for n, each in enumerate(points)]

    found = match_source(study, Source(replace(study, name="then"), trials))

    encoding = SpaceEncoding.of(study)
    assert torch.equal(found.points, encoding.encode_all(points))
    assert found.columns.tolist() == list(range(encoding.width))
    # Larger is better: costs change their sign.
    assert found.outcomes.tolist() == [[0.0, -2.0], [1.0, -2.0]]
    assert found.standard_errors.tolist() == [[0.1, 0.1]] * 2
    assert found.shared == ("gain", "cost")
    assert found.remarks == ()
    assert found.description == (
        "'then': 2 trials, parameters rate, kind, depth, outcomes gain, cost"
    )


def test_what_only_one_of_them_has_is_left_out_and_told() -> None:
    study = study_of(DEPTH, RATE, Continuous("momentum", 0, 1))
    earlier = study_of(
        Categorical("depth", ["deep", "flat"]),
        Continuous("rate", 1e-6, 1.0, log=True),
        KIND,
        name="then",
        outcomes=[GAIN],
    )
    trials = [
        done(0, {"depth": "deep", "rate": 0.1, "kind": "a"}, gain=1.0),
        done(1, {"depth": "flat", "rate": 1e-5, "kind": "a"}, gain=2.0),
    ]

    found = match_source(study, Source(earlier, trials))

    assert found.columns.tolist() == [1]
    assert found.points.tolist() == [[pytest.approx(0.75)]]
    assert found.outcomes[0].isnan().tolist() == [False, True]
    assert found.description == (
        "'then': 1 trials, parameters rate, outcomes gain; its depth is another kind of parameter, "
        "Categorical; it has no parameter momentum; its kind is not searched here; 1 of its 2 "
        "trials lie outside of the space; says nothing of cost"
    )


def test_a_conditional_parameter_needs_the_one_on_which_it_depends() -> None:
    inner = Integer("depth", 1, 8, when=When("kind", "a"))
    study = study_of(KIND, inner, RATE)
    with_parent = [
        done(0, {"rate": 0.1, "kind": "a", "depth": 2}, gain=1.0),
        done(1, {"rate": 0.1, "kind": "b"}, gain=2.0),
    ]

    both = match_source(study, Source(study, with_parent))
    alone = match_source(
        study, Source(study_of(DEPTH, RATE), [done(0, {"rate": 0.1, "depth": 2}, gain=1.0)])
    )

    assert len(both.points) == 2
    assert alone.columns.tolist() == [3]
    assert "it lacks the parameter on which depth depends" in alone.remarks


def test_simplexes_are_the_same_with_the_same_parts() -> None:
    study = study_of(Simplex("mix", ["u", "v"]), RATE)
    same = study_of(Simplex("mix", ["v", "u"]), name="then")
    other = study_of(Simplex("mix", ["u", "w"]), RATE, name="then")

    found = match_source(study, Source(same, [done(0, {"mix": {"u": 0.25, "v": 0.75}}, gain=1)]))
    remarks = match_source(
        study, Source(other, [done(0, {"mix": {"u": 0.25, "w": 0.75}, "rate": 1.0}, gain=1)])
    ).remarks

    assert found.points.tolist() == [[0.25, 0.75]]
    assert "its mix is another kind of parameter, Simplex" in remarks


def test_constrained_outcomes_are_learned_from_too_and_formulas_are_not() -> None:
    study = replace(
        study_of(RATE, outcomes=[GAIN, replace(COST, formula=lambda _: 1.0)]),
        outcome_constraints=[OutcomeConstraint("size", at_most=3.0)],
    )

    found = match_source(study, Source(study, [done(0, {"rate": 1.0}, cost=1.0, size=2.0)]))

    assert found.names == ("gain", "cost", "size")
    assert found.shared == ("size",)


def test_brief_evaluations_teach_nothing_and_the_rest_comes_as_it_ended() -> None:
    study = replace(study_of(RATE), fidelity=Fidelity("epochs", low=1, high=9))
    trials = [
        replace(
            done(number, {"rate": 1.0}, gain=number),
            fidelity=fidelity,
            ended=datetime(2026, 1, 9 - number, tzinfo=UTC),
            notes={"surrogate": "long"},
        )
        for number, fidelity in enumerate([9.0, 1.0, 9.0])
    ]

    taught = instructive(Source(study, trials))

    assert [each.number for each in taught.trials] == [2, 0]
    assert taught.trials[0] == replace(trials[2], ended=None, notes={})
    assert instructive(taught) == taught
    assert match_source(replace(study, fidelity=None), taught).outcomes[:, 0].tolist() == [2.0, 0.0]


@pytest.mark.parametrize(
    ("earlier", "trials", "part"),
    [
        (study_of(KIND), [done(0, {"kind": "a"}, gain=1.0)], "which shares no parameter with it"),
        (study_of(RATE), [], r"no trial that measured one of its outcomes \['gain', 'cost'\]"),
        (
            study_of(RATE),
            [done(0, {"rate": 1e-5}, gain=1.0)],
            "which has 1 trials, none of which lies in the study's space; leave it out",
        ),
        (
            study_of(RATE, outcomes=[Objective("loss", Minimize)]),
            [done(0, {"rate": 0.1}, loss=1.0)],
            "has no trial that measured one of its outcomes",
        ),
    ],
)
def test_a_source_that_has_nothing_to_do_with_the_study_is_refused(
    earlier: Study, trials: list[Trial], part: str
) -> None:
    with pytest.raises(StudyError, match=part):
        match_source(study_of(RATE), Source(earlier, trials))
