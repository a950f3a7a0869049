"""When candidates are made in advance, and when such a candidate is handed out."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from moopt.samplers.proposer import Proposer
from moopt.samplers.quasi_random import QuasiRandomSampler
from moopt.study.objectives import Maximize, Minimize, Objective
from moopt.study.parameters import Categorical, Continuous
from moopt.study.study import Study
from moopt.study.trials import Candidate, Failure, FailureKind, Trial, TrialState

STUDY = Study(
    "made_in_advance",
    parameters=[Continuous("x", 0.0, 1.0)],
    objectives=[Objective("gain", Maximize), Objective("cost", Minimize, reference=2.0)],
)
THINKING = 0.02
"""Seconds that a proposal takes."""

SHORT = 10 * THINKING
LONG = 60.0
"""Seconds of trials: a proposal takes more than 5 % of one, or less."""


@dataclass
class SlowSampler:
    """Thinks for a while, and counts how often it was asked."""

    asked: list[int] = field(default_factory=list)

    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        time.sleep(THINKING)
        self.asked.append(count)
        return QuasiRandomSampler().propose(study, trials, count, seed)


def history(ended: int, running: int = 2, *, seconds: float = SHORT) -> list[Trial]:
    """Return trials of which the first ended after so many seconds each."""
    began = datetime(2026, 1, 1, tzinfo=UTC)
    trials = []
    for number in range(ended + running):
        done = number < ended
        trials.append(
            Trial(
                number,
                {"x": number / 100},
                state=TrialState.COMPLETED if done else TrialState.RUNNING,
                started=began,
                ended=began + timedelta(seconds=seconds) if done else None,
            )
        )
    return trials


def failed(trial: Trial, kind: FailureKind = FailureKind.CANDIDATE) -> Trial:
    return replace(
        trial, state=TrialState.FAILED, failure=Failure(kind, "diverged"), ended=datetime.now(UTC)
    )


@pytest.fixture
def proposer() -> Proposer:
    """Return one that knows how long a proposal takes."""
    asked = Proposer(SlowSampler(), seed=0)
    asked.propose(STUDY, [], 1)
    return asked


def prepared(proposer: Proposer, trials: Sequence[Trial], workers: int = 2) -> list[Candidate]:
    proposer.prepare(STUDY, trials, workers, 9)
    return proposer.ready(STUDY, trials, workers, 9)


def test_a_candidate_is_made_in_advance_where_proposals_take_long(proposer: Proposer) -> None:
    trials = history(3)

    made = prepared(proposer, trials)

    assert made == QuasiRandomSampler().propose(STUDY, trials, 1, 0)


def test_where_trials_take_long_a_fresh_candidate_is_worth_waiting_for(proposer: Proposer) -> None:
    assert prepared(proposer, history(3, seconds=LONG)) == []


def test_as_long_as_nobody_knows_how_long_trials_take_nothing_is_made(proposer: Proposer) -> None:
    assert prepared(proposer, history(0)) == []


def test_with_one_worker_nothing_is_made_in_advance(proposer: Proposer) -> None:
    assert prepared(proposer, history(3, running=1), workers=1) == []


def test_there_are_no_more_candidates_than_trials_to_come(proposer: Proposer) -> None:
    proposer.prepare(STUDY, history(3), 2, 0)

    assert proposer.ready(STUDY, history(3), 2, 1) == []


def test_a_candidate_is_handed_out_once(proposer: Proposer) -> None:
    assert len(prepared(proposer, history(3))) == 1
    assert proposer.ready(STUDY, history(3), 2, 1) == []


def test_many_workers_come_free_while_one_proposal_is_made(proposer: Proposer) -> None:
    # A proposal takes about as long as a trial, in which all workers come free.
    assert len(prepared(proposer, history(3, 4, seconds=THINKING), workers=4)) == 4


def test_what_is_ready_is_not_made_again_while_it_is_up_to_date() -> None:
    sampler = SlowSampler()
    proposer = Proposer(sampler, seed=0)
    proposer.propose(STUDY, [], 1)

    for trials in (history(3), history(3), history(4, 1)):
        proposer.prepare(STUDY, trials, 2, 9)

    assert sampler.asked == [1, 1]


def test_a_space_without_another_candidate_is_asked_once_for_each_state_of_the_record() -> None:
    study = replace(STUDY, parameters=[Categorical("x", [0, 1, 2, 3])])
    sampler = SlowSampler()
    proposer = Proposer(sampler, seed=0)
    trials = [replace(each, parameters={"x": each.number}) for each in history(2)]
    proposer.propose(study, trials, 1)

    for _ in range(3):
        proposer.prepare(study, trials, 2, 9)

    assert proposer.ready(study, trials, 2, 9) == []
    assert len(sampler.asked) == 2


def test_a_result_that_came_since_does_not_spoil_a_candidate(proposer: Proposer) -> None:
    proposer.prepare(STUDY, history(3), 2, 9)

    assert len(proposer.ready(STUDY, history(4, 1), 2, 9)) == 1


def test_a_candidate_that_was_tried_since_is_dropped(proposer: Proposer) -> None:
    trials = history(3)
    proposer.prepare(STUDY, trials, 2, 9)
    (same,) = QuasiRandomSampler().propose(STUDY, trials, 1, 0)

    trials.append(Trial(5, same.parameters, state=TrialState.RUNNING))

    assert proposer.ready(STUDY, trials, 2, 9) == []


@pytest.mark.parametrize(
    ("kind", "left"), [(FailureKind.CANDIDATE, 0), (FailureKind.INFRASTRUCTURE, 1)]
)
def test_a_failure_that_teaches_the_search_spoils_candidates(
    proposer: Proposer, kind: FailureKind, left: int
) -> None:
    trials = history(3)
    proposer.prepare(STUDY, trials, 2, 9)

    trials[4] = failed(trials[4], kind)

    assert len(proposer.ready(STUDY, trials, 2, 9)) == left


def test_an_inferred_reference_spoils_candidates(proposer: Proposer) -> None:
    proposer.prepare(STUDY, history(3), 2, 9)

    assert proposer.ready(STUDY.with_references({"gain": 0.0}), history(3), 2, 9) == []


def test_candidates_are_made_anew_when_more_trials_ended_than_there_are_workers(
    proposer: Proposer,
) -> None:
    proposer.prepare(STUDY, history(3), 2, 9)

    late = history(6)

    assert proposer.ready(STUDY, late, 2, 9) == []
    assert prepared(proposer, late) == QuasiRandomSampler().propose(STUDY, late, 1, 0)
