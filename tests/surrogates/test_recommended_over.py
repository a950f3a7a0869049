from dataclasses import replace
from statistics import fmean

import pytest

from moopt.errors import SelectionError, SurrogateError
from moopt.study.objectives import Minimize, Objective
from moopt.study.parameters import Parameters
from moopt.surrogates.recommended_over import CandidateOverContexts, recommend_over
from tests.surrogates.made_folds import FOLDS, PEAKS, score, spread, study_of_folds, trial_of


def place(candidate: CandidateOverContexts) -> float:
    return float(str(candidate.parameters["x"]))


def test_the_best_mean_is_recommended_though_no_fold_has_its_best_there() -> None:
    trials = [*spread(), trial_of(15, 0.4, "a")]

    found = recommend_over(study_of_folds(), trials, "fold")

    (best,) = found.front
    assert best.parameters == {"x": 0.4}
    assert len(found.candidates) == len(trials)
    truth = {x: fmean(score(x, fold) for fold in FOLDS) for x in map(place, found.candidates)}
    for each in found.candidates:
        predicted = each.predicted["score"]
        assert abs(predicted.mean - truth[place(each)]) < max(3 * predicted.deviation, 0.02)


def test_weights_say_which_folds_count() -> None:
    trials = [*spread(), *(trial_of(15 + n, x, "c") for n, x in enumerate(PEAKS.values()))]

    best = {
        fold: place(recommend_over(study_of_folds(), trials, "fold", {fold: 2.0}).front[0])
        for fold in FOLDS
    }

    assert best == pytest.approx(PEAKS, abs=0.06)


def test_what_is_minimized_is_told_in_its_own_unit_and_a_front_is_none_that_others_beat() -> None:
    found = recommend_over(study_of_folds(second=True), spread(), "fold")

    means = {
        place(each): (each.predicted["score"].mean, -each.predicted["cost"].mean)
        for each in found.candidates
    }
    assert all(-cost == pytest.approx(x, abs=0.05) for x, (_, cost) in means.items())
    assert sorted(map(place, found.front)) == sorted(
        x
        for x, mean in means.items()
        if not any(all(a > b for a, b in zip(other, mean, strict=True)) for other in means.values())
    )


def test_limits_are_kept_in_the_mean_over_folds() -> None:
    # In the mean over folds heat is x + 0.4.
    trials = [*spread(18), trial_of(18, 0.4, "a"), trial_of(19, 0.2, "c")]

    found = recommend_over(study_of_folds(limit=0.7), trials, "fold")

    assert 0.1 < place(found.front[0]) < 0.31
    never = recommend_over(study_of_folds(limit=-1.0), trials, "fold")
    assert never.front == ()
    assert len(never.candidates) == len(trials)


def test_a_formula_is_exact_in_every_fold() -> None:
    def told(parameters: Parameters) -> float:
        return float(str(parameters["x"])) + FOLDS.index(str(parameters["fold"]))

    objectives = [*study_of_folds().objectives, Objective("told", Minimize, formula=told)]
    study = replace(study_of_folds(), objectives=objectives)

    found = recommend_over(study, spread(), "fold", {"b": 1, "c": 1})

    for each in found.candidates:
        assert each.predicted["told"].mean == pytest.approx(place(each) + 1.5)
        assert each.predicted["told"].deviation == 0


def test_the_same_candidate_in_two_folds_is_one_candidate() -> None:
    trials = [*spread(), trial_of(15, 0.25, "a"), trial_of(16, 0.25, "b")]

    found = recommend_over(study_of_folds(), trials, "fold")

    assert len(found.candidates) == 16
    assert found == recommend_over(study_of_folds(), trials, "fold")


def test_a_recommendation_needs_trials_and_a_context() -> None:
    with pytest.raises(SurrogateError, match="study 'folds' has 2; measure more"):
        recommend_over(study_of_folds(), spread(2), "fold")
    with pytest.raises(SelectionError, match="'seed' is no parameter"):
        recommend_over(study_of_folds(), spread(), "seed")
