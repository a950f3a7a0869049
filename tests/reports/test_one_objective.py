"""A study with one objective is shown by its progress and its best trial."""

from dataclasses import replace

import pytest

from moopt.front.front import front_of
from moopt.front.recommendation import Prediction, Recommendation
from moopt.reports.best import best_value_text, numbers_text, reached_text
from moopt.reports.best_plots import best_so_far, best_trials, progress_figure
from moopt.reports.page import report_page
from moopt.reports.points import Points, Role, by_end, points_of, spans_decades
from moopt.reports.recommended import measured_title, recommended_table, recommended_title
from moopt.reports.search_plots import parameter_figures
from moopt.study.study import Study
from moopt.study.trials import Measurement, Trial
from tests.reports.made_trials import completed, front_of_three, many_objectives, two_objectives


def alone() -> Study:
    """Return a study of the accuracy alone, with a limit on the toxicity."""
    return replace(two_objectives(), objectives=two_objectives().objectives[:1])


def shown(trials: list[Trial]) -> Points:
    return points_of(front_of(alone(), trials), trials)


def with_accuracy(number: int, value: float) -> Trial:
    return completed(number, value, 10.0)


def test_the_best_trial_is_no_knee() -> None:
    numbers = {
        role: [trial.number for trial in trials]
        for role, trials in shown(front_of_three()).roles.items()
    }

    assert numbers == {
        Role.DOMINATED: [1, 2, 3],
        Role.INFEASIBLE: [4],
        Role.FRONT: [0],
        Role.KNEE: [],
    }


def test_the_best_so_far_rises_with_feasible_trials_only() -> None:
    trials = [
        completed(0, 0.99, 10.0, toxicity=0.5),
        *(with_accuracy(n, value) for n, value in enumerate([0.4, 0.3, 0.8], start=1)),
    ]
    points = shown(trials)

    assert best_so_far(points, by_end(points.all)) == [None, 0.4, 0.4, 0.8]


def test_every_measured_trial_has_a_place_in_the_progress() -> None:
    drawn = {trace.name: trace for trace in progress_figure(shown(front_of_three())).data}

    assert list(drawn) == ["best so far", "other", "infeasible", "best"]
    assert list(drawn["best so far"].y) == [0.9] * 5
    assert (list(drawn["best"].x), list(drawn["best"].y)) == ([1], [0.9])
    assert list(drawn["best"].error_y.array) == [0.01]
    assert list(drawn["infeasible"].x) == [5]


@pytest.mark.parametrize(
    ("values", "scale"), [((0.5, 0.6), "linear"), ((0.0, 90.0), "linear"), ((0.001, 0.9), "log")]
)
def test_values_over_decades_get_a_logarithmic_axis(
    values: tuple[float, float], scale: str
) -> None:
    points = shown([with_accuracy(number, value) for number, value in enumerate(values)])

    (grid,) = parameter_figures(points)

    assert spans_decades(points) == (scale == "log")
    assert progress_figure(points).layout.yaxis.type == scale
    assert (grid.layout.yaxis.type == "log") == (scale == "log")


def test_several_objectives_keep_their_linear_axes() -> None:
    trials = [completed(0, 0.001, 10.0), completed(1, 0.9, 10.0)]

    assert not spans_decades(points_of(front_of(two_objectives(), trials), trials))


def test_the_table_has_the_best_trials_in_order() -> None:
    best = best_trials(shown(front_of_three()), 3)

    assert [trial.number for trial in best] == [0, 1, 3]


def test_words_tell_the_best_value_and_its_trials() -> None:
    trials = [with_accuracy(3, 0.25), with_accuracy(5, 0.25), with_accuracy(6, 0.125)]
    front = front_of(alone(), trials)

    assert reached_text(front) == "best accuracy 0.25"
    assert reached_text(front_of(alone(), [])) == "best accuracy —"
    assert best_value_text(front) == "0.250 ± 0.010"
    assert (numbers_text(trials[:1]), numbers_text(front.trials)) == ("trial 3", "trials 3, 5")
    assert (
        numbers_text([with_accuracy(n, 1.0) for n in range(9)])
        == "trials 0, 1, 2, 3, 4, 5 and 3 more"
    )


def test_of_several_objectives_words_tell_the_hypervolume() -> None:
    # By hand: 0.4 x 10 + 0.3 x 25 + 0.1 x 5.
    assert reached_text(front_of(two_objectives(), front_of_three())) == "hypervolume 12"


def test_titles_speak_of_a_trial() -> None:
    assert measured_title(alone()) == "best measured trial"
    assert recommended_title(alone()) == "recommended trial (posterior mean of the model)"


def test_the_recommended_trial_is_a_table_of_one_row() -> None:
    trial = with_accuracy(3, 0.9)
    recommendation = Recommendation(
        alone(), (trial,), {3: {"accuracy": Prediction(0.85, 0.012)}}, {3: 0.75}, (trial,)
    )

    table = recommended_table(recommendation)

    assert table.columns == ("trial", "accuracy ↑", "chance")
    assert table.rows == (("3", "0.850 ± 0.012", "75%"),)


def test_the_page_has_progress_in_place_of_a_front() -> None:
    page = report_page(alone(), front_of_three())

    text = page[: page.index("<script>")] + page[page.index("</script>") :]
    assert "<dt>best accuracy</dt><dd>0.900 ± 0.010<small>trial 0</small></dd>" in page
    assert "<h2>Progress</h2>" in page
    assert "<h2>Parameters and objective</h2>" in page
    assert "<h2>How the front grew</h2>" not in text
    assert "hypervolume" not in page[page.index("<body>") : page.index("* plotly.js v")]


def test_a_noisy_study_names_the_recommended_trial() -> None:
    trials = [with_accuracy(number, 0.5 + 0.05 * number) for number in range(8)]

    page = report_page(alone(), trials)

    assert "<h2>The recommended trial (posterior mean of the model)</h2>" in page
    assert "The best measurement may owe its place to noise." in page


def test_a_page_without_a_feasible_trial_draws_the_others() -> None:
    page = report_page(alone(), [completed(0, 0.9, 1.0, toxicity=0.5)])

    assert "<h2>Progress</h2>" in page
    assert "No trial meets every outcome constraint yet." in page


def test_measurements_that_are_equal_are_drawn() -> None:
    study = many_objectives(1)
    trial = Trial(
        0, {"x": 0.5}, state=completed(0, 1, 1).state, measurements={"y0": Measurement(0)}
    )

    assert "<h2>Progress</h2>" in report_page(study, [trial])
