import itertools

import numpy as np
import pytest
from jaxtyping import Float, Int

from moopt.samplers.choice_model import ChoiceModel

Rows = Int[np.ndarray, "n p"]


def drawn_rows(count: int, width: int, seed: int) -> Rows:
    rows: Rows = np.random.default_rng(seed).integers(3, size=(count, width))
    return rows


def effects(rows: Rows) -> Float[np.ndarray, " n"]:
    """Return values of which one parameter and one pair decide."""
    return 1.0 * (rows[:, 0] == 1) + 1.5 * ((rows[:, 1] == 2) & (rows[:, 2] == 0))


@pytest.fixture(scope="module")
def model() -> ChoiceModel:
    rows = drawn_rows(60, 5, seed=1)
    values = effects(rows)
    return ChoiceModel.of(rows, (values - values.mean()) / values.std(), seed=0)


def test_the_covariance_is_a_sum_over_the_choices_pairs_and_triples_that_are_shared(
    model: ChoiceModel,
) -> None:
    one, two = drawn_rows(4, 5, seed=2), drawn_rows(3, 5, seed=3)

    def shared(first: Int[np.ndarray, " p"], second: Int[np.ndarray, " p"]) -> float:
        alike = [column for column in range(5) if first[column] == second[column]]
        return sum(
            float(share)
            * sum(
                float(model.weights[list(columns)].prod())
                for columns in itertools.combinations(alike, order)
            )
            for order, share in enumerate(model.shares, start=1)
        )

    expected = [[shared(first, second) for second in two] for first in one]
    assert model.covariance(one, two) == pytest.approx(np.array(expected))


def test_predictions_are_those_of_the_textbook(model: ChoiceModel) -> None:
    rows = drawn_rows(7, 5, seed=4)
    gram = model.covariance(model.rows, model.rows) + model.noise * np.eye(len(model.rows))
    cross = model.covariance(rows, model.rows)

    means, deviations = model.marginals(rows)

    # Rasmussen and Williams (2006), equations 2.25 and 2.26.
    prior = model.covariance(rows, rows)
    variances = (prior - cross @ np.linalg.inv(gram) @ cross.T).diagonal()
    assert means == pytest.approx(cross @ np.linalg.inv(gram) @ model.values)
    assert deviations == pytest.approx(np.sqrt(variances), abs=1e-6)


def test_effects_of_a_choice_and_of_a_pair_are_found(model: ChoiceModel) -> None:
    unseen = drawn_rows(100, 5, seed=5)
    means, _ = model.marginals(unseen)

    assert np.corrcoef(means, effects(unseen))[0, 1] > 0.97
    assert model.weights[:3].min() > model.weights[3:].max()


def test_what_is_believed_changes_no_mean_and_leaves_less_open(model: ChoiceModel) -> None:
    rows = drawn_rows(20, 5, seed=6)
    before, open_before = model.marginals(rows)

    after, open_after = model.with_believed(rows[:4]).marginals(rows)

    assert after == pytest.approx(before, abs=1e-6)
    assert (open_after <= open_before + 1e-9).all()
    assert (open_after[:4] < open_before[:4]).all()


def test_equal_observations_are_no_error() -> None:
    rows = np.zeros((4, 2), dtype=np.int64)

    means, _ = ChoiceModel.of(rows, np.zeros(4), seed=0).marginals(rows)

    assert means == pytest.approx(np.zeros(4))
