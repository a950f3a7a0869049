"""Searches are compared from one reference point, and only where they ask the same."""

import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from moopt.errors import SelectionError
from moopt.reports.comparison import Group, Run, by_sampler, compare
from moopt.reports.comparison_page import comparison_page
from moopt.reports.comparison_plots import (
    attainment_figure,
    final_table,
    times_figure,
    trials_figure,
)
from moopt.study.objectives import Maximize, Minimize, Objective, OutcomeConstraint
from moopt.study.parameters import Continuous
from moopt.study.study import Study
from moopt.study.trials import Measurement, Trial, TrialState
from tests.reports.made_trials import NOON, many_objectives, spread


def two(first: float | None = 0.0, second: float | None = 0.0) -> Study:
    return Study(
        "pair",
        parameters=[Continuous("x", 0.0, 1.0)],
        objectives=[
            Objective("up", Maximize, reference=first),
            Objective("down", Minimize, reference=second),
        ],
    )


def run(
    name: str, points: list[tuple[float, float]], study: Study | None = None, *, minutes: int = 1
) -> Run:
    """Return a search that measured points: larger is better in the first, smaller in the second.

    Args:
        name: Of the run.
        points: One a trial.
        study: What it asks.
        minutes: How long each trial took.
    """
    trials = tuple(
        Trial(
            number,
            {"x": 0.5},
            state=TrialState.COMPLETED,
            measurements={"up": Measurement(up), "down": Measurement(down)},
            sampler="sobol" if number < 2 else "bayesian",
            started=NOON + timedelta(minutes=minutes * number),
            ended=NOON + timedelta(minutes=minutes * (number + 1)),
        )
        for number, (up, down) in enumerate(points)
    )
    return Run(name, two() if study is None else study, trials)


GOOD = [
    run("g0", [(1.0, -1.0), (2.0, -2.0), (3.0, -3.0)]),
    run("g1", [(1.0, -1.0), (2.0, -1.0), (2.0, -2.0)]),
    run("g2", [(0.5, -0.5), (2.0, -2.0), (1.0, -5.0)]),
]
POOR = [run("p0", [(1.0, -1.0), (1.0, -2.0)]), run("p1", [(-1.0, 1.0), (1.0, -1.0)], minutes=5)]
GROUPS = [Group("good", tuple(GOOD)), Group("<b>poor</b>", tuple(POOR))]


def test_medians_and_quartiles_are_those_of_the_runs() -> None:
    good, poor = compare(GROUPS).groups

    # By hand: rectangles from the origin.
    np.testing.assert_allclose(good.traces(), [[1.0, 4.0, 9.0], [1.0, 2.0, 4.0], [0.25, 4.0, 7.0]])
    np.testing.assert_allclose(poor.traces(), [[1, 2], [0, 1]])
    rows = {row[0]: list(row[1:6]) for row in final_table(compare(GROUPS)).rows}
    assert rows["good"] == [3, 3, "7", "5.5 to 8", "4"]


def test_runs_are_compared_after_equally_many_trials() -> None:
    comparison = compare(GROUPS)
    good, poor = comparison.groups

    assert comparison.trials == 2
    # After two trials 4, 2 and 4 against 2 and 1: five of six pairs, and one is even.
    assert comparison.wins(good) == pytest.approx(5.5 / 6)
    assert comparison.wins(poor) == pytest.approx(0.5 / 6)
    assert math.isnan(compare(GROUPS[:1]).wins(compare(GROUPS[:1]).groups[0]))


def test_over_time_a_run_has_what_its_trials_had_reached_by_then() -> None:
    poor = compare(GROUPS).groups[1]

    assert poor.seconds == 120.0
    np.testing.assert_allclose(
        poor.traces_at(np.array([0.0, 60.0, 119.0, 120.0, 600.0])),
        [[0, 1, 1, 2, 2], [0, 0, 0, 0, 1]],
    )


def test_the_median_front_is_what_half_of_the_runs_attain() -> None:
    figure = attainment_figure(compare(GROUPS[:1]))

    assert figure is not None
    shown = {trace.hovertext: trace for trace in figure.data}
    median = shown["good: attained by 50% of the runs"]
    # All attain (2, -2), the first and the last (1, -3) too; no two attain more.
    corners = [(0.0, -3.0), (1.0, -3.0), (1.0, -2.0), (2.0, -2.0), (2.0, 0.0)]
    assert list(zip(median.x, median.y, strict=True)) == corners
    assert len(shown) == 3


def test_a_group_of_few_runs_has_no_band() -> None:
    figure = trials_figure(compare(GROUPS))

    named = [trace.name for trace in figure.data]
    assert named == [None, None, "good, 3 runs", "&lt;b&gt;poor&lt;/b&gt;, 2 runs"]
    assert len({trace.line.dash for trace in figure.data if trace.name}) == 2


def test_an_inferred_reference_is_inferred_again_from_all_trials() -> None:
    alone = [
        replace(
            each,
            study=two(first=None if index else 0.7, second=None),
            inferred=frozenset({"up", "down"}),
        )
        for index, each in enumerate(GOOD)
    ]

    common = compare([Group("good", tuple(alone))]).study

    # All that is on the front of all nine: (3, -3) and (1, -5), and a tenth of their range below.
    assert [each.reference for each in common.objectives] == pytest.approx([0.8, -2.8])


def test_a_given_reference_holds_for_those_that_inferred_theirs() -> None:
    other = replace(GOOD[1], study=two(first=0.4), inferred=frozenset({"up"}))

    common = compare([Group("good", (GOOD[0], other))]).study

    assert [each.reference for each in common.objectives] == [0.0, 0.0]


@pytest.mark.parametrize(
    ("study", "message"),
    [
        (two(first=1.0), "reference of 'up' is 0 in g0 and 1 in g1"),
        (many_objectives(2), "g0 has the objectives up .maximize., down .minimize., g1 has y0"),
        (
            replace(two(), outcome_constraints=[OutcomeConstraint("size", at_most=1.0)]),
            "different outcome constraints, on size",
        ),
    ],
)
def test_what_does_not_ask_the_same_is_refused(study: Study, message: str) -> None:
    with pytest.raises(SelectionError, match=message):
        compare([Group("all", (GOOD[0], replace(GOOD[1], study=study)))])


def test_nothing_is_no_comparison() -> None:
    with pytest.raises(SelectionError, match="nothing to compare"):
        compare([])


def test_the_samplers_of_a_study_are_groups_of_their_own() -> None:
    groups = by_sampler(GOOD[0])

    assert [group.name for group in groups] == ["sobol", "bayesian"]
    assert [len(group.runs[0].trials) for group in groups] == [2, 1]


def test_the_page_escapes_names_and_says_what_the_reference_is() -> None:
    page = comparison_page(compare(GROUPS))

    assert "<b>poor" not in page
    assert "&lt;b&gt;poor" in page
    assert page.count('<script type="application/json"') == 3


@pytest.mark.parametrize("objectives", [1, 3, 9])
def test_any_number_of_objectives_has_a_page(objectives: int) -> None:
    study = many_objectives(objectives)
    runs = [Run(f"run{k}", study, tuple(spread(study, 8 + k))) for k in range(3)]

    comparison = compare([Group("one", tuple(runs[:2])), Group("two", tuple(runs[2:]))])

    assert attainment_figure(comparison) is None
    assert times_figure(comparison) is None
    assert "Over trials" in comparison_page(comparison)


def test_a_run_without_trials_says_so() -> None:
    page = comparison_page(compare([Group("good", (GOOD[0],)), Group("none", (run("n", []),))]))

    assert "nothing to draw" in page
