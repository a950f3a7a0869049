"""How the hypervolume grew, over trials and over time, and what random search would have had."""

from dataclasses import replace

import numpy as np

from moopt.reports.growth import Baseline, growth_of
from moopt.reports.growth_plots import growth_figure
from moopt.reports.partial_plots import partial_figure
from moopt.study.objectives import Fidelity
from moopt.study.trials import Measurement, TrialState
from tests.reports.made_trials import (
    crashed,
    front_of_three,
    many_objectives,
    spread,
    two_objectives,
)


def test_every_trial_that_ended_has_a_place_whatever_came_of_it() -> None:
    growth = growth_of(two_objectives(), front_of_three())

    # By hand: 0.4 x 10, then 0.3 x 25 and 0.1 x 5 more. Trial 5 failed, and nobody knows when.
    assert [trial.number for trial in growth.trials] == [5, 0, 1, 2, 3, 4]
    np.testing.assert_allclose(growth.hypervolume, [0.0, 4.0, 11.5, 12.0, 12.0, 12.0])
    np.testing.assert_allclose(growth.seconds, [np.nan, 60.0, 120.0, 180.0, 240.0, 300.0])


def test_the_line_has_a_mark_where_the_front_grew() -> None:
    drawn = {trace.name: trace for trace in growth_figure(two_objectives(), front_of_three()).data}

    assert list(drawn["trial that improved the front"].x) == [2.0, 3.0, 4.0]
    assert drawn["this study"].y[-1] == 12.0


def test_over_time_the_axis_has_a_unit_that_suits() -> None:
    figure = growth_figure(two_objectives(), front_of_three(), over_time=True)

    drawn = {trace.name: trace for trace in figure.data}
    assert list(drawn["trial that improved the front"].x) == [1.0, 2.0, 3.0]
    assert "minutes" in figure.layout.xaxis.title.text


def test_a_baseline_is_a_band_and_a_line_behind_the_study() -> None:
    baseline = Baseline(np.arange(6.0), np.arange(6.0) + 1, np.arange(6.0) + 2)

    drawn = growth_figure(two_objectives(), front_of_three(), baseline=baseline).data

    assert [trace.name for trace in drawn[:4]] == [
        None,
        None,
        "random search, as predicted",
        "this study",
    ]
    assert list(drawn[2].y) == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


def test_random_trials_of_the_study_stand_beside_the_search() -> None:
    trials = [
        replace(trial, sampler="random" if trial.number < 4 else "bayesian")
        for trial in spread(many_objectives(2), 9)
    ]

    names = [trace.name for trace in growth_figure(many_objectives(2), trials).data]

    assert "the study's own random trials alone" in names


def test_nothing_measured_is_a_flat_line() -> None:
    figure = growth_figure(two_objectives(), [crashed(0), crashed(1)])

    assert figure.data[0].y == (0.0, 0.0)
    assert growth_figure(two_objectives(), []).data[0].y == ()


def test_partial_results_are_curves_up_to_what_was_measured() -> None:
    study = replace(many_objectives(2), fidelity=Fidelity("epochs", low=1, high=9))
    whole, stopped = (
        replace(
            trial,
            fidelity=fidelity,
            state=state,
            partial={1.0: {"y0": Measurement(0.5)}, 3.0: {"y0": Measurement(0.25)}},
        )
        for trial, fidelity, state in zip(
            spread(study, 2),
            (9.0, 3.0),
            (TrialState.COMPLETED, TrialState.STOPPED),
            strict=True,
        )
    )

    figure = partial_figure(study, [whole, stopped], chosen=0)

    assert figure is not None
    curves = [trace for trace in figure.data if trace.xaxis in {None, "x"}]
    assert [list(trace.x) for trace in curves] == [[1.0, 3.0, 9.0], [1.0, 3.0]]
    assert [trace.line.dash for trace in curves] == ["solid", "dot"]
    assert figure.layout.xaxis.title.text == "epochs"


def test_without_partial_results_there_are_no_curves() -> None:
    assert partial_figure(two_objectives(), front_of_three()) is None
