import json
from dataclasses import replace

from moopt.front.recommendation import Prediction, Recommendation
from moopt.reports.recommended import (
    recommendation_for,
    recommended_table,
    recommended_to_json,
)
from moopt.study.objectives import Maximize, Minimize, Objective
from moopt.study.study import Study
from moopt.study.trials import Measurement, Trial
from tests.reports.made_trials import completed, many_objectives, spread, two_objectives


def made() -> Recommendation:
    trials = (completed(3, 0.9, 40.0), completed(4, 0.8, 15.0), completed(7, 0.7, 45.0))
    means = {3: (0.85, 38.25), 4: (1 / 3, 16.0), 7: (0.6, 44.0)}
    return Recommendation(
        two_objectives(),
        trials,
        {
            number: {"accuracy": Prediction(one, 0.012), "latency": Prediction(two, 0.5)}
            for number, (one, two) in means.items()
        },
        {3: 0.75, 4: 1.0, 7: 0.001},
        trials[1::-1],
    )


def measured_as(trial: Trial, sem: float | None) -> Trial:
    return replace(
        trial,
        measurements={
            name: Measurement(each.mean, sem) for name, each in trial.measurements.items()
        },
    )


def test_the_table_has_means_deviations_and_chances_best_first() -> None:
    table = recommended_table(made())

    assert table.columns == ("trial", "accuracy ↑", "latency ↓", "chance")
    assert table.rows == (
        ("3", "0.850 ± 0.012", "38.25 ± 0.50", "75%"),
        ("4", "0.333 ± 0.012", "16.00 ± 0.50", "100%"),
    )


def test_nothing_recommended_is_a_table_without_rows() -> None:
    assert recommended_table(replace(made(), front=())).rows == ()


def test_the_json_rounds_nothing_and_is_of_the_front_alone() -> None:
    listed = json.loads(json.dumps(recommended_to_json(made())))

    assert [each["number"] for each in listed] == [4, 3]
    assert listed[0] == {
        "number": 4,
        "predicted": {
            "accuracy": {"mean": 1 / 3, "sd": 0.012},
            "latency": {"mean": 16.0, "sd": 0.5},
        },
        "chance": 1.0,
    }


def test_the_predicted_hypervolume_is_that_of_its_boxes() -> None:
    better = {4: {"accuracy": Prediction(0.7, 0.01), "latency": Prediction(16.0, 0.5)}}

    volume = replace(made(), predicted=dict(made().predicted) | better).hypervolume()

    # Above accuracy 0.5 and below latency 50.
    assert abs(volume - ((0.7 - 0.5) * (50 - 16) + (0.85 - 0.7) * (50 - 38.25))) < 1e-12


def test_noise_and_eight_trials_are_enough_to_ask_the_model() -> None:
    study = many_objectives(2)
    trials = spread(study, 8)

    assert recommendation_for(study, trials) is not None
    assert recommendation_for(study, trials[:7]) is None
    assert recommendation_for(study, [measured_as(each, 0.1) for each in trials]) is not None


def test_an_exact_study_has_no_second_front() -> None:
    study = many_objectives(2)
    quiet = Study(
        "quiet",
        parameters=study.parameters,
        objectives=[replace(each, noise=0.0) for each in study.objectives],
    )

    exact = [measured_as(each, 0.0) for each in spread(study, 8)]
    unknown = [measured_as(each, None) for each in spread(study, 8)]

    assert recommendation_for(study, exact) is None
    assert recommendation_for(quiet, unknown) is None


def test_a_formula_is_no_noise() -> None:
    study = Study(
        "sizes",
        parameters=many_objectives(2).parameters,
        objectives=[
            Objective("y0", Maximize, noise=0.0),
            Objective("y1", Minimize, formula=lambda _: 1.0),
        ],
    )
    trials = [measured_as(each, None) for each in spread(many_objectives(2), 8)]

    assert recommendation_for(study, trials) is None


def test_a_constraint_that_few_trials_measured_is_waited_for() -> None:
    trials = [completed(number, 0.5 + 0.05 * number, 10.0 + number) for number in range(9)]
    unlimited = [
        replace(each, measurements={n: m for n, m in each.measurements.items() if n != "toxicity"})
        for each in trials
    ]

    assert recommendation_for(two_objectives(), trials) is not None
    assert recommendation_for(two_objectives(), unlimited) is None
