"""Searches that learn from earlier studies."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from moopt.encoding.space import SpaceEncoding
from moopt.errors import SelectionError, StudyError
from moopt.front.front import front_of
from moopt.optimizer import Optimizer
from moopt.samplers.auto import AutoSampler
from moopt.samplers.bayesian import BayesianSampler
from moopt.samplers.quasi_random import QuasiRandomSampler
from moopt.samplers.sources import NAME, learned_lessons, require_learner, told_sources
from moopt.study.objectives import Maximize, Minimize, Objective, OutcomeConstraint
from moopt.study.parameters import Continuous, Parameters
from moopt.study.source import Source
from moopt.study.study import Study

STUDY = Study(
    "target",
    parameters=[Continuous(name, 0.0, 1.0) for name in ("x", "y", "z")],
    objectives=[
        Objective("gain", Maximize, reference=0.0),
        Objective("cost", Minimize, reference=2.0),
    ],
)
Measure = Callable[[Parameters], dict[str, float]]


def valley(shift: float) -> Measure:
    """Return a front along x, at one place of y and z."""

    def measure(point: Parameters) -> dict[str, float]:
        away = (point["y"] - 0.3 - shift) ** 2 + (point["z"] - 0.8 + shift) ** 2
        return {"gain": point["x"] - 3 * away, "cost": point["x"] ** 2 + 3 * away + 0.1}

    return measure


def searched(
    measure: Measure,
    trials: int,
    sources: tuple[Source, ...] = (),
    *,
    sampler: str = "auto",
    study: Study = STUDY,
    seed: int = 0,
) -> Optimizer:
    optimizer = Optimizer(study, sampler, seed, transfer_from=sources)
    for _ in range(trials):
        (trial,) = optimizer.ask()
        optimizer.tell(trial.number, measure(trial.parameters))
    return optimizer


@pytest.fixture(scope="module")
def earlier() -> Source:
    found = searched(valley(0.05), 24, study=replace(STUDY, name="earlier"), sampler="sobol")
    return Source(found.study, found.trials)


def test_points_of_the_sources_front_come_first_and_spread_out(earlier: Source) -> None:
    optimizer = Optimizer(STUDY, transfer_from=[earlier])

    first = optimizer.ask(4)

    on_front = [each.parameters for each in front_of(earlier.study, earlier.trials).trials]
    assert all(each.sampler == NAME for each in first)
    assert all(each.parameters in on_front for each in first)
    assert len({each.parameters["x"] for each in first}) == 4
    assert first[0].notes["choice"] == "transfer: the fronts of earlier studies come first"


def test_a_search_with_a_source_is_ahead_of_one_without(earlier: Source) -> None:
    alone = searched(valley(0.0), 7, seed=1).front().hypervolume()

    with_source = searched(valley(0.0), 7, (earlier,), seed=1).front().hypervolume()

    assert with_source > 1.1 * alone


def test_what_a_proposal_was_guided_by_is_in_its_notes(earlier: Source) -> None:
    last = searched(valley(0.0), 6, (earlier,)).trials[-1]

    assert last.sampler == "bayesian"
    assert "guided by earlier 100%" in last.notes["surrogate"]


def test_equal_arguments_give_equal_candidates_with_and_without_memory(earlier: Source) -> None:
    trials = searched(valley(0.0), 7, (earlier,)).trials
    sampler = BayesianSampler(sources=(earlier,))
    first = sampler.propose(STUDY, trials, 2, seed=1)
    copy = BayesianSampler(sources=(Source(earlier.study, list(earlier.trials)),))

    assert sampler.propose(STUDY, trials, 2, seed=1) == first
    assert copy.propose(STUDY, trials, 2, seed=1) == first


def test_trials_that_break_a_limit_are_not_among_the_first(earlier: Source) -> None:
    limited = replace(STUDY, outcome_constraints=[OutcomeConstraint("cost", at_most=0.6)])
    measured = {str(each.parameters): each.measurements["cost"].mean for each in earlier.trials}

    first = learned_lessons(SpaceEncoding.of(limited), [earlier]).first

    assert len(first) > 0
    assert all(measured[str(each)] <= 0.6 for each in first)


def test_two_trials_are_too_few_for_a_model_and_are_tried_all_the_same(earlier: Source) -> None:
    few = Source(earlier.study, front_of(earlier.study, earlier.trials).trials[:2])

    lessons = learned_lessons(SpaceEncoding.of(STUDY), [few])

    assert lessons.models == {}
    assert list(lessons.first) == [each.parameters for each in few.trials]


def test_a_parameter_that_no_source_has_begins_in_the_middle(earlier: Source) -> None:
    wider = replace(STUDY, parameters=[*STUDY.parameters, Continuous("w", 0.0, 4.0)])

    (first, *_) = Optimizer(wider, transfer_from=[earlier]).ask(1)

    assert first.parameters["w"] == 2.0


@pytest.mark.parametrize("sampler", [BayesianSampler(), AutoSampler()], ids=["bayesian", "auto"])
def test_samplers_that_learn_take_sources_and_keep_those_they_have(
    sampler: BayesianSampler | AutoSampler, earlier: Source
) -> None:
    again = replace(sampler, sources=(earlier,)).learning_from([earlier])

    assert again.sources == (earlier, earlier)
    assert told_sources(sampler, []) is sampler


def test_other_samplers_do_not(earlier: Source) -> None:
    sobol = QuasiRandomSampler()

    assert told_sources(sobol, [earlier]) is sobol
    with pytest.raises(SelectionError, match="QuasiRandomSampler does not learn from earlier"):
        require_learner(sobol)
    with pytest.raises(SelectionError, match="take the sampler auto or bayesian"):
        Optimizer(STUDY, "random", transfer_from=[earlier])


def test_a_source_that_has_nothing_to_do_with_the_study_is_refused_at_once(
    earlier: Source,
) -> None:
    other = replace(STUDY, parameters=[Continuous("rate", 0.0, 1.0)])

    with pytest.raises(StudyError, match="'target' cannot learn from 'earlier', which shares no"):
        Optimizer(other, transfer_from=[earlier])
