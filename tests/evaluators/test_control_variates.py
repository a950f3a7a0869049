import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moopt.evaluators.control_variates import mean_of_all

COUNT = 400
SOME = 60


def answers(models: int, seed: int) -> np.ndarray:
    """Return which of 400 examples models answer right: some examples are hard for all of them."""
    generator = np.random.default_rng(seed)
    difficulty = generator.normal(size=COUNT)
    skill = generator.normal(0.8, 0.3, size=(models, 1))
    noise = 0.4 * generator.normal(size=(models, COUNT))
    return np.asarray(skill - difficulty + noise > 0, dtype=float)


def estimated(scores: np.ndarray, places: np.ndarray) -> tuple[float, float]:
    """Estimate the first model's mean from some examples and the other models."""
    others = scores[1:]
    return mean_of_all(scores[0][places], others[:, places], others.mean(axis=1), COUNT)


def errors(models: int) -> tuple[float, float]:
    """Return the root mean square of actual and of claimed errors over many choices of examples."""
    actual, claimed = [], []
    for seed in range(200):
        scores = answers(models, seed)
        places = np.random.default_rng(seed).permutation(COUNT)[:SOME]
        mean, error = estimated(scores, places)
        actual.append(mean - scores[0].mean())
        claimed.append(error)
    return np.sqrt(np.mean(np.square(actual))), np.sqrt(np.mean(np.square(claimed)))


@pytest.mark.parametrize("models", [1, 2, 6, 30])
def test_it_is_no_farther_off_than_it_says(models: int) -> None:
    actual, claimed = errors(models)

    assert 0.95 * actual < claimed < 1.25 * actual


def test_other_models_make_it_sharper() -> None:
    assert errors(10)[0] < 0.8 * errors(1)[0]


def test_without_other_models_it_is_the_mean_of_what_there_is() -> None:
    scores = answers(1, 0)

    mean, error = estimated(scores, np.arange(SOME))

    usual = scores[0][:SOME].std(ddof=1) * np.sqrt(1 / SOME - 1 / COUNT)
    assert mean == scores[0][:SOME].mean()
    assert error == pytest.approx(usual, rel=0.1)


@given(st.integers(0, 100), st.integers(1, 5))
def test_all_examples_leave_no_error(seed: int, models: int) -> None:
    scores = answers(models, seed)

    mean, error = estimated(scores, np.random.default_rng(seed).permutation(COUNT))

    assert mean == pytest.approx(scores[0].mean())
    assert error == 0


def test_a_model_that_answers_like_another_one_has_its_mean() -> None:
    scores = answers(2, 3)
    scores[0] = scores[1]

    mean, error = estimated(scores, np.arange(SOME))

    assert mean == pytest.approx(scores[1].mean(), abs=0.02)
    assert error < 0.02
