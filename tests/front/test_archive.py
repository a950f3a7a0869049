import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moopt.errors import SelectionError
from moopt.front.archive import archive_of
from moopt.front.features import Feature, axes_of
from moopt.front.front import front_of
from moopt.study.conditions import When
from moopt.study.objectives import Maximize, Minimize, Objective, OutcomeConstraint
from moopt.study.parameters import Categorical, Continuous, Integer
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from moopt.study.trials import Measurement, Trial, TrialState

STUDY = Study(
    "models",
    parameters=[
        Continuous("rate", 1e-4, 1.0, log=True),
        Integer("rank", 1, 8),
        Categorical("kind", ["lora", "full"]),
        Simplex("mix", ["news", "mail"]),
        Continuous("dropout", 0, 1, when=When("kind", "lora")),
    ],
    objectives=[Objective("accuracy", Maximize), Objective("latency_ms", Minimize)],
    outcome_constraints=[OutcomeConstraint("toxicity", at_most=0.5)],
)


def trial(number: int, accuracy: float, latency: float, **parameters: object) -> Trial:
    usual = {"rate": 0.1, "rank": 1, "kind": "full", "mix": {"news": 0.5, "mail": 0.5}}
    return Trial(
        number,
        usual | parameters,
        state=TrialState.COMPLETED,
        measurements={
            "accuracy": Measurement(accuracy),
            "latency_ms": Measurement(latency),
            "toxicity": Measurement(0.1),
        },
    )


def test_the_best_trial_of_each_kind_is_kept() -> None:
    trials = [trial(0, 0.5, 5), trial(1, 0.7, 4), trial(2, 0.6, 14), trial(3, 0.9, 19)]

    archive = archive_of(STUDY, trials, [Feature("latency_ms", cells=2, low=0, high=20)])

    assert {cell: best.number for cell, (best, _) in archive.elites.items()} == {(0,): 1, (1,): 3}
    assert archive.judged == ("accuracy",)
    assert archive.kinds == 2


def test_without_features_the_second_objective_makes_the_kinds() -> None:
    archive = archive_of(STUDY, [trial(0, 0.5, 5), trial(1, 0.7, 40)])

    assert [axis.name for axis in archive.axes] == ["latency_ms"]
    assert len(archive.elites) == 2


def test_with_several_objectives_the_best_is_the_one_between_them_as_the_front_picks_it() -> None:
    trials = [trial(0, 1.0, 20), trial(1, 0.8, 10), trial(2, 0.0, 0)]

    archive = archive_of(STUDY, trials, [Feature("rank", cells=1)])

    ((best, _),) = archive.elites.values()
    expected = front_of(STUDY, trials).pick({"accuracy": 1.0, "latency_ms": 1.0})
    assert best == expected == trials[1]


def test_only_whole_feasible_trials_with_every_feature_are_placed() -> None:
    whole = trial(0, 0.5, 5, kind="lora", dropout=0.25)
    toxic = {**whole.measurements, "toxicity": Measurement(0.9)}
    trials = [
        whole,
        trial(1, 0.9, 5),
        replace(whole, number=2, measurements=toxic),
        replace(whole, number=3, state=TrialState.RUNNING),
    ]

    archive = archive_of(STUDY, trials, [Feature("dropout")])

    assert [each.number for _, each, _ in archive.placed] == [0]


@pytest.mark.parametrize(
    ("feature", "parameters", "cell", "text"),
    [
        (Feature("rank"), {"rank": 3}, 2, "3"),
        (Feature("rank", cells=4), {"rank": 8}, 3, "7 to 8"),
        (Feature("kind"), {"kind": "full"}, 1, "full"),
        (Feature("rate", cells=4), {"rate": 0.02}, 2, "0.01 to 0.1"),
        (Feature("mix.mail", cells=2), {"mix": {"news": 0.1, "mail": 0.9}}, 1, "0.5 to 1"),
        (Feature("latency_ms", cells=5, low=0, high=50), {}, 0, "0 to 10"),
    ],
)
def test_kinds_have_names_for_people(
    feature: Feature, parameters: dict[str, object], cell: int, text: str
) -> None:
    (axis,) = axes_of(STUDY, [], [feature])

    found = axis.cell(trial(0, 0.5, 7, **parameters))

    assert found == cell
    assert axis.text(cell) == text


@given(st.floats(-100, 100), st.integers(1, 9))
def test_what_is_beyond_the_limits_counts_to_the_next_range(latency: float, cells: int) -> None:
    (axis,) = axes_of(STUDY, [], [Feature("latency_ms", cells=cells, low=0, high=50)])

    cell = axis.cell(trial(0, 0.5, latency))

    assert cell is not None
    low, high = axis.bounds(cell)
    assert low - 1e-9 <= min(max(latency, 0.0), 50.0) <= high + 1e-9


def test_limits_of_an_outcome_are_those_of_the_trials() -> None:
    trials = [trial(0, 0.5, 4), trial(1, 0.5, 12)]

    (axis,) = axes_of(STUDY, trials, [Feature("latency_ms", cells=4)])
    (alike,) = axes_of(STUDY, trials[:1], [Feature("latency_ms", cells=3)])

    assert (axis.bounds(0)[0], axis.bounds(3)[1]) == (4.0, 12.0)
    assert alike.cell(trials[0]) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rank", Feature("rank")),
        ("rank:4", Feature("rank", cells=4)),
        ("latency_ms:10:-5:5e1", Feature("latency_ms", cells=10, low=-5.0, high=50.0)),
    ],
)
def test_features_are_read_from_text(text: str, expected: Feature) -> None:
    assert Feature.read(text) == expected


@pytest.mark.parametrize("text", ["rank:many", "rank:2:3", "rank:2:0:1:2"])
def test_a_text_that_is_no_feature_is_refused(text: str) -> None:
    with pytest.raises(SelectionError, match="a feature is NAME, NAME:CELLS or NAME:CELLS:LOW:HIG"):
        Feature.read(text)


def test_features_and_qualities_that_cannot_be_are_refused() -> None:
    with pytest.raises(SelectionError, match=r"no feature 'size'; choose from \['accuracy'"):
        archive_of(STUDY, [], [Feature("size")])
    with pytest.raises(SelectionError, match=r"no feature 'mix'.*'mix.news', 'mix.mail'"):
        archive_of(STUDY, [], [Feature("mix")])
    with pytest.raises(SelectionError, match="each once; got"):
        archive_of(STUDY, [], [Feature("rank"), Feature("rank", cells=2)])
    with pytest.raises(SelectionError, match="no feasible trial has measured 'latency_ms' yet"):
        archive_of(STUDY, [], [Feature("latency_ms")])
    with pytest.raises(SelectionError, match="quality 'rank' is no objective"):
        archive_of(STUDY, [], [Feature("rank")], quality="rank")
    with pytest.raises(SelectionError, match="needs a cell at least, got 0"):
        Feature("rank", cells=0)
    with pytest.raises(SelectionError, match="needs finite low < high"):
        Feature("rank", low=0.0, high=math.inf)
