from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from moopt.errors import SurrogateError
from moopt.front.front import front_of
from moopt.front.recommendation import Prediction
from moopt.study.objectives import Fidelity, Maximize, Minimize, Objective, OutcomeConstraint
from moopt.study.parameters import Continuous, Parameters
from moopt.study.serialization import study_from_json, study_to_json
from moopt.study.study import Study
from moopt.study.trials import Failure, FailureKind, Measurement, Trial, TrialState
from moopt.surrogates.recommended_front import recommend

COUNT = 20
FEW = 7
NOISE = 0.03


def double(parameters: Parameters) -> float:
    return 2 * float(str(parameters["x"]))


HILLS = Study(
    "hills",
    parameters=[Continuous("x", 0, 1)],
    objectives=[
        Objective("good", Maximize, reference=-0.5),
        Objective("bad", Minimize, reference=0.5),
    ],
)
"""Its front is 0.3 <= x <= 0.7."""

LIMITED = replace(HILLS, outcome_constraints=[OutcomeConstraint("heat", at_most=0.5)])
COMPUTED = replace(
    HILLS, objectives=[HILLS.objectives[0], Objective("size", Minimize, formula=double)]
)


def trial_at(x: float, number: int = 0, *, luck: float = 0.0, sem: float | None = None) -> Trial:
    """Return a trial that looks better by `luck` in both objectives."""
    measurements = {
        "good": Measurement(-((x - 0.3) ** 2) + luck, sem),
        "bad": Measurement((x - 0.7) ** 2 - luck, sem),
        "heat": Measurement(x, sem),
        "size": Measurement(2 * x, 0.0),
    }
    return Trial(number, {"x": x}, state=TrialState.COMPLETED, measurements=measurements)


def spread(*, sem: float | None = None, noise: float = 0.0, seed: int = 0) -> list[Trial]:
    """Return trials all over the space, in an order without meaning."""
    generator = np.random.default_rng(seed)
    places = generator.permutation(np.linspace(0, 1, COUNT)).tolist()
    lucks = (noise * generator.standard_normal(COUNT)).tolist()
    return [
        trial_at(x, number, luck=luck, sem=sem)
        for number, (x, luck) in enumerate(zip(places, lucks, strict=True))
    ]


def places(trials: Sequence[Trial]) -> list[float]:
    return sorted(float(str(trial.parameters["x"])) for trial in trials)


def without(trial: Trial, name: str) -> Trial:
    kept = {key: each for key, each in trial.measurements.items() if key != name}
    return replace(trial, measurements=kept)


def test_trials_that_ended_in_another_order_keep_their_own_values() -> None:
    began = datetime(2026, 1, 1, tzinfo=UTC)
    trials = [
        replace(trial, ended=began - timedelta(minutes=trial.number)) for trial in spread(sem=1e-4)
    ]

    found = recommend(HILLS, trials)

    assert [trial.number for trial in found.trials] == list(range(COUNT))
    assert {trial.number: found.predicted[trial.number]["good"].mean for trial in trials} == {
        trial.number: pytest.approx(trial.measurements["good"].mean, abs=0.01) for trial in trials
    }
    assert min(places(found.front)) >= 0.25
    assert max(places(found.front)) <= 0.75


def test_of_one_objective_the_trial_with_the_best_posterior_mean_is_recommended() -> None:
    alone = replace(HILLS, objectives=HILLS.objectives[:1])
    lucky = trial_at(0.6, COUNT, luck=4 * NOISE)
    trials = [*spread(noise=NOISE), lucky]

    recommended = recommend(alone, trials)

    means = {number: each["good"].mean for number, each in recommended.predicted.items()}
    assert front_of(alone, trials).trials == (lucky,)
    assert [trial.number for trial in recommended.front] == [max(means, key=lambda n: means[n])]
    assert abs(places(recommended.front)[0] - 0.3) < 0.1
    assert sum(recommended.chance.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("sem", [None, NOISE])
def test_a_lucky_outlier_is_on_the_measured_front_and_is_not_recommended(
    sem: float | None,
) -> None:
    lucky = trial_at(0.07, COUNT, luck=4 * NOISE, sem=sem)
    trials = [*spread(sem=sem, noise=NOISE), lucky]

    recommended = recommend(HILLS, trials)

    assert lucky in front_of(HILLS, trials).trials
    assert lucky not in recommended.front
    assert recommended.chance[lucky.number] < 0.05
    assert (
        recommended.predicted[lucky.number]["good"].mean
        < lucky.measurements["good"].mean - 2 * NOISE
    )


def test_means_are_nearer_to_the_truth_than_measurements_and_as_sure_as_they_say() -> None:
    trials = spread(sem=NOISE, noise=NOISE)

    recommended = recommend(HILLS, trials)

    true = np.array([-((float(str(trial.parameters["x"])) - 0.3) ** 2) for trial in trials])
    measured = np.array([trial.measurements["good"].mean for trial in trials])
    believed = [recommended.predicted[trial.number]["good"] for trial in trials]
    means, deviations = np.array([(each.mean, each.deviation) for each in believed]).T
    assert np.abs(means - true).mean() < 0.7 * np.abs(measured - true).mean()
    # Six in ten even where errors of neighbours go together.
    assert (np.abs(means - true) < 2 * deviations).mean() > 0.6


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 99), noise=st.floats(0.01, 0.3))
def test_chances_are_probabilities_and_somebody_is_on_the_front(seed: int, noise: float) -> None:
    # So few that no kernel is chosen, which takes a second.
    recommended = recommend(HILLS, spread(sem=noise, noise=noise, seed=seed)[:FEW])

    chances = np.array(list(recommended.chance.values()))
    assert list(recommended.chance) == list(range(FEW))
    assert ((chances >= 0) & (chances <= 1)).all()
    assert chances.sum() >= 1
    assert recommended.front


def test_an_exact_study_recommends_its_measured_front_and_is_sure() -> None:
    trials = spread(sem=0.0)

    recommended = recommend(HILLS, trials)

    front = front_of(HILLS, trials)
    assert recommended.front == front.trials
    assert recommended.hypervolume() == front.hypervolume()
    assert [n for n, chance in recommended.chance.items() if chance == 1] == [
        trial.number for trial in front.trials
    ]
    assert recommended.predicted[3]["bad"] == Prediction(trials[3].measurements["bad"].mean, 0.0)


def test_noise_that_an_objective_promises_not_to_have_is_not_looked_for() -> None:
    quiet = [replace(each, noise=0.0) for each in HILLS.objectives]
    study, trials = replace(HILLS, objectives=quiet), spread()

    assert recommend(study, trials).front == front_of(study, trials).trials


def test_without_noise_the_learned_front_is_near_the_measured_one() -> None:
    trials = spread()

    recommended = recommend(HILLS, trials)

    measured = front_of(HILLS, trials)
    assert recommended.hypervolume() == pytest.approx(measured.hypervolume(), rel=0.02)
    assert recommended.predicted[0]["good"].mean == pytest.approx(
        trials[0].measurements["good"].mean, abs=0.01
    )


def test_what_is_likely_infeasible_is_not_recommended() -> None:
    trials = spread(sem=NOISE, noise=NOISE)

    recommended = recommend(LIMITED, trials)

    assert recommended.front
    assert max(places(recommended.front)) < 0.5 + NOISE
    assert recommended.chance[max(trials, key=lambda trial: places([trial])).number] == 0


def test_without_a_feasible_trial_nothing_is_recommended() -> None:
    never = replace(HILLS, outcome_constraints=[OutcomeConstraint("heat", at_most=-1.0)])

    recommended = recommend(never, spread(sem=NOISE, noise=NOISE))

    assert recommended.front == ()
    assert recommended.hypervolume() == 0.0
    assert set(recommended.chance.values()) == {0.0}


@pytest.mark.parametrize("study", [COMPUTED, study_from_json(study_to_json(COMPUTED))])
def test_a_formula_is_exact_even_where_only_its_name_was_stored(study: Study) -> None:
    recommended = recommend(study, spread(sem=NOISE, noise=NOISE))

    smallest = min(recommended.trials, key=lambda trial: places([trial]))
    assert recommended.predicted[smallest.number]["size"] == Prediction(0.0, 0.0)
    assert smallest in recommended.front


def test_a_formula_that_nobody_computed_is_computed() -> None:
    trials = [without(trial, "size") for trial in spread(sem=NOISE)[:1]] + spread(sem=NOISE)[1:]

    recommended = recommend(COMPUTED, trials)

    assert recommended.predicted[0]["size"].mean == pytest.approx(2 * places(trials[:1])[0])
    assert recommended.predicted[0]["size"].deviation == 0


def test_what_was_not_measured_is_predicted() -> None:
    whole = spread(sem=NOISE)

    recommended = recommend(HILLS, [without(whole[0], "bad"), *whole[1:]])

    believed = recommended.predicted[0]["bad"]
    assert believed.mean == pytest.approx(whole[0].measurements["bad"].mean, abs=0.1)
    assert believed.deviation > 0


def test_only_completed_trials_at_the_whole_fidelity_are_looked_at() -> None:
    study = replace(HILLS, fidelity=Fidelity("epochs", low=1, high=9))
    failure = Failure(FailureKind.CANDIDATE, "broken")
    others = [
        replace(trial_at(0.5, 30), fidelity=1.0),
        Trial(31, {"x": 0.4}, state=TrialState.RUNNING),
        Trial(32, {"x": 0.6}, state=TrialState.FAILED, failure=failure),
    ]

    recommended = recommend(study, [*others, *reversed(spread(sem=NOISE))])

    assert [trial.number for trial in recommended.trials] == list(range(COUNT))
    assert list(recommended.predicted) == list(recommended.chance) == list(range(COUNT))


def test_references_are_inferred_where_the_study_has_none() -> None:
    open_ended = replace(
        HILLS, objectives=[replace(each, reference=None) for each in HILLS.objectives]
    )
    trials = spread(sem=NOISE)

    recommended = recommend(open_ended, trials)

    assert recommended.study == front_of(open_ended, trials).study
    assert recommended.hypervolume() > 0


def test_equal_trials_are_recommended_equally_and_the_callers_randomness_stays() -> None:
    trials = spread(noise=NOISE)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)

    first, again = recommend(HILLS, trials), recommend(HILLS, trials)

    assert first == again
    assert torch.equal(torch.rand(1), expected)


def test_two_trials_are_too_few() -> None:
    with pytest.raises(SurrogateError, match="study 'hills' has 2; look at the measured"):
        recommend(HILLS, spread()[:2])


def test_a_constraint_that_was_never_measured_is_named() -> None:
    with pytest.raises(SurrogateError, match="'heat' was not measured in any of the trials"):
        recommend(LIMITED, [without(trial, "heat") for trial in spread()])
