from datetime import UTC, datetime, timedelta

import pytest

from moopt import Continuous, Fidelity, Maximize, Measurement, Objective, Study, Trial, TrialState
from moopt.benchmarks.race import Entry, cost_shares, entry_of

STUDY = Study(
    "raced",
    parameters=[Continuous("x", 0, 1)],
    objectives=[Objective("accuracy", Maximize, reference=0.0)],
    fidelity=Fidelity("epochs", low=1, high=4),
)


def trial(number: int, fidelity: float, accuracy: float, continues: int | None = None) -> Trial:
    return Trial(
        number,
        {"x": 0.5},
        state=TrialState.COMPLETED,
        fidelity=fidelity,
        continues=continues,
        measurements={"accuracy": Measurement(accuracy)},
        ended=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number),
    )


def test_only_whole_evaluations_make_hypervolume_and_what_goes_on_costs_what_is_added() -> None:
    trials = [trial(0, 1, 0.9), trial(1, 4, 0.5), trial(2, 4, 0.8, continues=0)]

    entry = entry_of(STUDY, trials, "asha", 0)

    assert entry.costs == pytest.approx((0.0, 0.25, 1.25, 2.0))
    assert entry.hypervolumes == pytest.approx((0.0, 0.0, 0.5, 0.8))
    assert entry.cost_to_reach(0.5) == pytest.approx(1.25)
    assert entry.cost_to_reach(0.9) is None


def test_shares_of_the_cost_are_told_seed_by_seed() -> None:
    entries = [
        Entry("brief", 0, (0.0, 2.0), (0.0, 0.7), 0.0),
        Entry("brief", 1, (0.0, 2.0), (0.0, 0.5), 0.0),
        Entry("whole", 0, (0.0, 8.0), (0.0, 0.6), 0.0),
        Entry("whole", 1, (0.0, 8.0), (0.0, 0.6), 0.0),
    ]

    assert cost_shares(entries, "brief", "whole") == [0.25, None]
