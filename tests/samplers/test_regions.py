from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moopt.front.dominance import is_nondominated
from moopt.samplers.region_centres import NARROWEST, WIDEST, Standing, direction_of
from moopt.samplers.regions import (
    LONGEST,
    REGION,
    REGIONS,
    SHORTEST,
    Regions,
    news_of,
    region_of,
    regions_of,
)
from moopt.study.trials import Failure, FailureKind, Trial, TrialState
from tests.surrogates.made_kernels import uniform

FIRST = 0.6
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
CRASH = Failure(FailureKind.CANDIDATE, "out of memory")
LOST = Failure(FailureKind.INFRASTRUCTURE, "lost worker")


def trial(number: int, region: int | None, *, ended: int | None = None) -> Trial:
    """Return a trial of a region; it runs where it has not ended."""
    notes = {} if region is None else {REGION: str(region)}
    state = TrialState.RUNNING if ended is None else TrialState.COMPLETED
    end = None if ended is None else BEGAN + timedelta(seconds=ended)
    return Trial(number, {"x": 0.5}, state=state, notes=notes, ended=end)


def test_three_successes_in_a_row_double_a_region() -> None:
    regions = Regions(patience=5, length=FIRST)
    for success in (True, True, False, True, True, True):
        regions.count(0, success=success)

    assert regions.active[0].length == 2 * FIRST


def test_failures_in_a_row_halve_it_and_in_the_end_another_one_begins() -> None:
    regions = Regions(patience=2, length=FIRST)

    for _ in range(4):
        regions.count(0, success=False)
    twice_halved = regions.active[0].length
    for _ in range(40):
        regions.count(0, success=False)

    assert twice_halved == FIRST / 4
    assert sorted(regions.active) == [1, 2, 3, 4, REGIONS]
    assert regions.active[REGIONS].length == FIRST


@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), max_size=200))
def test_there_are_always_as_many_regions_of_lengths_within_bounds(
    told: list[tuple[int, bool]],
) -> None:
    regions = Regions(patience=2, length=FIRST)
    for number, success in told:
        regions.count(number, success=success)

    assert len(regions.active) == REGIONS
    assert all(SHORTEST <= each.length <= LONGEST for each in regions.active.values())


def test_regions_are_told_from_trials_in_the_order_in_which_they_ended() -> None:
    trials = [
        trial(0, 0, ended=9),
        trial(1, 0, ended=1),
        trial(2, 0, ended=2),
        trial(3, 0, ended=3),
    ]

    regions = regions_of(4, FIRST, trials, {0: False, 1: True, 2: True, 3: True})

    assert regions.active[0].length == 2 * FIRST
    assert regions.active[0].failures == 1


def test_crashes_are_failures_and_lost_trials_are_nothing() -> None:
    crashed = [
        Trial(n, {"x": 0.5}, state=TrialState.FAILED, failure=CRASH, notes={REGION: "1"})
        for n in range(3)
    ]
    lost = Trial(3, {"x": 0.5}, state=TrialState.FAILED, failure=LOST, notes={REGION: "2"})

    regions = regions_of(4, FIRST, [*crashed, lost], {})

    assert regions.active[1].failures == 3
    assert regions.active[2].failures == 0


def test_the_region_that_has_waited_longest_is_next() -> None:
    trials = [trial(0, 0, ended=1), trial(1, None), trial(2, 1), trial(3, 2), trial(4, 0)]

    turns = regions_of(4, FIRST, trials, {0: True}).in_turn()

    assert [each.number for each in turns] == [3, 4, 1, 2, 0]


def test_a_foreign_note_names_no_region() -> None:
    assert region_of(Trial(0, {"x": 0.5}, notes={REGION: "first"})) is None


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.booleans()), max_size=12))
def test_news_are_what_is_ahead_of_the_front_so_far(rows: list[tuple[int, int, bool]]) -> None:
    values = np.array([row[:2] for row in rows], dtype=float).reshape(-1, 2)
    counts = np.array([row[2] for row in rows], dtype=bool)

    found = news_of(values, counts)

    for place in range(len(rows)):
        before = values[:place][counts[:place]]
        known = bool((before == values[place]).all(axis=1).any())
        best = bool(is_nondominated(np.vstack([before, values[place]]))[-1])
        assert found[place] == (bool(counts[place]) and best and not known)


def standing(values: list[list[float]]) -> Standing:
    points = np.array(values)
    return Standing(points, np.ones(len(points), bool), np.arange(len(points)), np.zeros(2))


def test_a_region_begins_in_its_direction_where_most_room_is() -> None:
    # Alone they cover 3.8 times 0.2, and 1 times 1, in their directions the most.
    front = standing([[9.0, 1.0], [8.8, 1.2], [5.0, 5.0], [1.2, 8.0], [1.0, 9.0]])
    flat, steep = np.array([1.0, 0.1]) / 1.01**0.5, np.array([0.1, 1.0]) / 1.01**0.5
    ahead = np.array([0.5, 0.5]) ** 0.5

    assert front.centre(ahead, np.array([flat, steep])) == 2
    assert front.centre(flat, np.array([ahead, steep])) == 1
    assert front.centre(steep, np.array([ahead, flat])) == 4


def test_where_nothing_lies_in_a_direction_the_best_in_it_is_taken() -> None:
    front = standing([[9.0, 1.0], [8.5, 2.0]])

    assert front.centre(np.array([0.1, 1.0]), np.array([[1.0, 0.1], [1.0, 0.2]])) == 1


def test_regions_are_wide_where_trials_are_spread_and_narrow_where_they_are_gathered() -> None:
    spread = uniform(40, 5, seed=1)
    gathered = 0.5 + 0.05 * (spread - 0.5)
    every, front = np.ones(40, bool), standing(spread[:, :2].tolist())

    wide = front.first_length(spread, every)
    narrow = front.first_length(gathered, every)

    assert 0.4 < wide <= WIDEST
    assert narrow == NARROWEST
    assert front.first_length(gathered, ~every) == WIDEST


@pytest.mark.parametrize("objectives", [1, 2, 3, 6])
def test_directions_are_positive_of_length_one_and_others_for_other_regions(
    objectives: int,
) -> None:
    directions = np.array([direction_of(number, objectives) for number in range(12)])

    assert (directions > 0).all()
    assert np.allclose(np.linalg.norm(directions, axis=1), 1.0)
    different = len(np.unique(directions.round(9), axis=0))
    assert different == (1 if objectives == 1 else 12)
