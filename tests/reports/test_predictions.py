"""What a model of a study believes: of random search, and of points that nobody has tried."""

import numpy as np
import pytest

from moopt.errors import SurrogateError
from moopt.front.values import objective_values
from moopt.reports.growth import growth_of
from moopt.reports.predicted_front import PredictedFront, predict_front
from moopt.reports.predicted_plots import predicted_figure, untried_table
from moopt.reports.random_baseline import _measured, random_baseline, random_points
from moopt.study.study import Study
from moopt.study.validation import check_parameters
from moopt.surrogates.study_model import StudyModel, learn_study
from tests.reports.learned_studies import REFERENCES, tried, truth

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def predicted(model: StudyModel) -> PredictedFront:
    return predict_front(model)


def test_random_search_is_believed_to_reach_what_it_reaches(model: StudyModel) -> None:
    baseline = random_baseline(model, 60)

    reached = []
    for seed in range(1, 31):
        study, trials = tried(60, seed=seed)
        reached.append(growth_of(study.with_references(REFERENCES), trials).hypervolume[-1])
    spread = np.quantile(reached, 0.9) - np.quantile(reached, 0.1)
    assert baseline.median[-1] == pytest.approx(np.median(reached), abs=spread)
    assert baseline.lower[-1] < baseline.median[-1] < baseline.upper[-1]
    assert (np.diff(baseline.median) >= 0).all()


def test_the_chance_of_success_has_no_noise_of_a_measurement(model: StudyModel) -> None:
    success = model.outcomes.surrogates[-1]
    points, place = random_points(model, 64), len(model.data.names)

    noisy, exact = (_measured(success, points, place, is_noisy=each) for each in (True, False))

    assert exact.var(dim=0).mean() < noisy.var(dim=0).mean()


def test_of_a_long_search_the_baseline_tells_the_beginning(
    model: StudyModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moopt.reports.random_baseline.MOST_TRIALS", 20)

    assert len(random_baseline(model, 60).median) == 20
    assert len(random_baseline(model, 0).median) == 0


def test_untried_points_are_valid_and_as_good_as_they_are_believed_to_be(
    model: StudyModel, predicted: PredictedFront
) -> None:
    assert len(predicted.untried) > 5
    misses = []
    for point in predicted.untried:
        check_parameters(model.study.parameters, (), point.parameters, "a predicted point")
        values = truth(point.parameters, 2)
        misses += [
            (value - belief.mean) / belief.deviation
            for value, belief in zip(values, point.predicted.values(), strict=True)
        ]
        assert point.chance >= 0.5
    assert np.median(np.abs(misses)) < 2.0


def test_untried_points_are_better_than_what_was_tried(
    model: StudyModel, predicted: PredictedFront
) -> None:
    best = objective_values(model.study, model.trials).max(axis=0)
    means = [[-belief.mean for belief in x.predicted.values()] for x in predicted.untried]

    assert (np.max(means, axis=0) > best - 0.05).all()
    assert predicted.untried[0].gain == max(x.gain for x in predicted.untried) > 0


def test_the_figure_tells_trials_from_untried_points(
    model: StudyModel, predicted: PredictedFront
) -> None:
    traces = {trace.name: trace for trace in predicted_figure(model.study, predicted).data}

    assert list(traces) == ["trial", "trial, one of the best", "untried, believed better"]
    assert "as the model predicts" in traces["untried, believed better"].hovertext[0]
    assert all("<i>" not in text for text in traces["untried, believed better"].hovertext)
    table = untried_table(model.study, predicted)
    assert list(table.columns[:4]) == ["y0 ↓", "y1 ↓", "chance", "rate"]
    assert all(len(row) == len(table.columns) for row in table.rows)


def test_a_model_of_many_trials_learns_from_the_front_and_from_some_others() -> None:
    study, trials = tried(60, failing=False)

    model = learn_study(study, trials, most=20)

    assert len(model.trials) == 20
    assert model.left_out == 40
    feasible = [each for each in trials if each.measurements["toxicity"].mean <= 0.8]
    best = min(feasible, key=lambda each: each.measurements["y0"].mean)
    assert best.number in {each.number for each in model.trials}


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_trials_are_no_model(count: int) -> None:
    study: Study
    study, trials = tried(count, failing=False)

    with pytest.raises(SurrogateError, match=f"needs 3 completed trials .* has {count}"):
        learn_study(study, trials)
