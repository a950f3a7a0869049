"""When candidates are made in advance, and when such a candidate is handed out."""

import math
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
import torch

from moopt.samplers.bayesian import BayesianSampler
from moopt.samplers.proposer import Proposer, stock, typical_seconds, waiting
from moopt.samplers.quasi_random import QuasiRandomSampler
from moopt.study.objectives import Maximize, Minimize, Objective
from moopt.study.parameters import Categorical, Continuous
from moopt.study.study import Study
from moopt.study.trials import Candidate, Failure, FailureKind, Measurement, Trial, TrialState
from tests.executors.waiting import wait_until

STUDY = Study(
    "made_in_advance",
    parameters=[Continuous("x", 0.0, 1.0)],
    objectives=[Objective("gain", Maximize), Objective("cost", Minimize, reference=2.0)],
)
THINKING = 0.02
"""Seconds that a proposal takes."""

SHORT = 10 * THINKING
LONG = 60.0
"""Seconds of trials that are worth a candidate in advance, and that are not."""

PATIENCE = 10.0


@dataclass
class SlowSampler:
    """Thinks for a while, and remembers how many trials it was shown."""

    seconds: float = THINKING
    shown: list[int] = field(default_factory=list)

    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        self.shown.append(len(trials))
        time.sleep(self.seconds)
        return QuasiRandomSampler().propose(study, trials, count, seed)


class EndlessSampler:
    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            while True:
                time.sleep(0.001)
        return QuasiRandomSampler().propose(study, trials, count, seed)


class FailingSampler:
    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        raise ArithmeticError(f"{study.name}, {len(trials)}, {count}, {seed}")


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
                measurements={
                    "gain": Measurement(number / 7),
                    "cost": Measurement(1 / (1 + number)),
                }
                if done
                else {},
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
def sampler() -> SlowSampler:
    return SlowSampler()


@pytest.fixture
def proposer(sampler: SlowSampler) -> Iterator[Proposer]:
    """Return one that knows how long a proposal takes."""
    with closing(Proposer(sampler, seed=0)) as asked:
        fresh(asked, [])
        yield asked


def fresh(proposer: Proposer, trials: Sequence[Trial], *, study: Study = STUDY) -> list[Candidate]:
    """Return what a worker that is free gets, where there is one worker."""
    proposer.order(study, trials, workers=1, free=1, most=9)
    proposer.wait(PATIENCE)
    return proposer.take(study, trials, workers=1, most=1)


def order_ahead(proposer: Proposer, trials: Sequence[Trial], *, workers: int = 2) -> None:
    """Have one made in advance, if there should be any while all workers are busy."""
    proposer.order(STUDY, trials, workers=workers, free=0, most=1)
    proposer.wait(8 * THINKING)


def ahead(proposer: Proposer, trials: Sequence[Trial], *, workers: int = 2) -> list[Candidate]:
    order_ahead(proposer, trials, workers=workers)
    return proposer.take(STUDY, trials, workers=workers, most=9)


def test_a_free_worker_gets_a_candidate_that_knows_all_trials(proposer: Proposer) -> None:
    trials = history(3)

    assert fresh(proposer, trials) == QuasiRandomSampler().propose(STUDY, trials, 1, 0)


def test_a_candidate_is_made_in_advance_where_proposals_take_long(proposer: Proposer) -> None:
    trials = history(3)

    assert ahead(proposer, trials) == QuasiRandomSampler().propose(STUDY, trials, 1, 0)


def test_where_trials_take_long_a_fresh_candidate_is_worth_waiting_for(proposer: Proposer) -> None:
    assert ahead(proposer, history(3, seconds=LONG)) == []


def test_as_long_as_nobody_knows_how_long_trials_take_nothing_is_made(proposer: Proposer) -> None:
    assert ahead(proposer, history(0)) == []


def test_with_one_worker_nothing_is_made_in_advance(proposer: Proposer) -> None:
    assert ahead(proposer, history(3, running=1), workers=1) == []


def test_there_are_no_more_candidates_than_trials_to_come(proposer: Proposer) -> None:
    proposer.order(STUDY, history(3), workers=2, free=0, most=0)

    assert not proposer.wait(5 * THINKING)


def test_a_candidate_is_handed_out_once(proposer: Proposer) -> None:
    assert len(ahead(proposer, history(3))) == 1
    assert proposer.take(STUDY, history(3), workers=2, most=1) == []


def test_nothing_is_made_before_the_record_has_what_was_handed_out(
    proposer: Proposer, sampler: SlowSampler
) -> None:
    ahead(proposer, history(3))
    asked = len(sampler.shown)

    assert not proposer.wait(5 * THINKING)
    assert len(sampler.shown) == asked


def test_each_candidate_takes_those_that_are_ready_for_pending(
    proposer: Proposer, sampler: SlowSampler
) -> None:
    trials = history(3, 2)

    proposer.order(STUDY, trials, workers=9, free=3, most=3)
    wait_until(lambda: len(sampler.shown) == 4)
    time.sleep(8 * THINKING)

    made = proposer.take(STUDY, trials, workers=9, most=9)
    assert sampler.shown[1:] == [5, 6, 7]
    assert len({str(each.parameters) for each in made}) == 3


def test_the_first_of_several_free_workers_need_not_wait_for_the_others(
    proposer: Proposer, sampler: SlowSampler
) -> None:
    sampler.seconds = 0.2
    proposer.order(STUDY, history(3), workers=2, free=2, most=9)

    assert proposer.wait(PATIENCE)
    assert len(proposer.take(STUDY, history(3), workers=2, most=2)) == 1


def test_a_space_without_another_candidate_is_asked_once_for_each_state_of_the_record(
    proposer: Proposer, sampler: SlowSampler
) -> None:
    study = replace(STUDY, parameters=[Categorical("x", [0, 1, 2, 3])])
    trials = [replace(each, parameters={"x": each.number}) for each in history(2)]

    made = [fresh(proposer, trials, study=study) for _ in range(3)]

    assert made == [[], [], []]
    assert proposer.exhausted
    assert len(sampler.shown) == 2


def test_results_that_came_since_do_not_spoil_a_candidate(proposer: Proposer) -> None:
    order_ahead(proposer, history(3, 2))

    later = history(4, 1)

    assert len(proposer.take(STUDY, later, workers=2, most=9)) == 1


@pytest.mark.parametrize("kind", FailureKind)
def test_a_failure_that_came_since_does_not_spoil_a_candidate(
    proposer: Proposer, kind: FailureKind
) -> None:
    trials = history(3)
    order_ahead(proposer, trials)

    trials[4] = failed(trials[4], kind)

    assert len(proposer.take(STUDY, trials, workers=2, most=9)) == 1


def test_a_candidate_that_was_tried_since_is_dropped(proposer: Proposer) -> None:
    trials = history(3)
    order_ahead(proposer, trials)
    (same,) = QuasiRandomSampler().propose(STUDY, trials, 1, 0)

    trials.append(Trial(5, same.parameters, state=TrialState.RUNNING))

    assert proposer.take(STUDY, trials, workers=2, most=9) == []


def test_an_inferred_reference_spoils_candidates(proposer: Proposer) -> None:
    order_ahead(proposer, history(3))

    inferred = STUDY.with_references({"gain": 0.0})

    assert proposer.take(inferred, history(3), workers=2, most=9) == []


def test_candidates_are_made_anew_when_more_trials_ended_than_there_are_workers(
    proposer: Proposer,
) -> None:
    order_ahead(proposer, history(3))

    late = history(6)

    assert proposer.take(STUDY, late, workers=2, most=9) == []
    assert ahead(proposer, late) == QuasiRandomSampler().propose(STUDY, late, 1, 0)


def test_what_a_sampler_raises_comes_out_where_a_candidate_is_awaited() -> None:
    with closing(Proposer(FailingSampler(), seed=5)) as proposer:
        proposer.order(STUDY, history(2), workers=2, free=1, most=9)

        with pytest.raises(ArithmeticError, match="made_in_advance, 4, 1, 5"):
            proposer.wait(PATIENCE)
        with pytest.raises(ArithmeticError, match="made_in_advance, 4, 1, 5"):
            proposer.order(STUDY, history(2), workers=2, free=1, most=9)


def test_closing_ends_a_proposal_at_its_next_step() -> None:
    before, filters = threading.active_count(), list(warnings.filters)
    proposer = Proposer(EndlessSampler(), seed=0)
    proposer.order(STUDY, [], workers=1, free=1, most=1)
    assert not proposer.wait(0.05)

    proposer.close()

    assert threading.active_count() == before
    assert warnings.filters == filters


def test_a_proposer_that_was_never_asked_is_closed_like_any_other() -> None:
    Proposer(SlowSampler(), seed=0).close()


def test_a_thread_proposes_what_the_sampler_does_and_leaves_torch_as_it_was() -> None:
    trials, sampler = history(12), BayesianSampler(initial_trials=5)
    expected = sampler.propose(STUDY, trials, 1, 3)
    state, threads = torch.random.get_rng_state(), torch.get_num_threads()

    with closing(Proposer(sampler, seed=3)) as proposer:
        made = fresh(proposer, trials)

    assert made == expected
    assert made[0].sampler == "bayesian"
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    ("workers", "proposal", "trial", "expected"),
    [
        # Two workers lose 9.8 % of their time, 1.9 % with one candidate, 0.4 % with two.
        (2, 0.1, 1.0, 1),
        # 5.0 % and 0.5 %: less than one result is worth.
        (2, 0.05, 1.0, 0),
        # Eight lose 6.7 %, 2.6 %, 1.0 %, 0.4 %.
        (8, 0.2, 4.0, 2),
        (8, 0.05, 4.0, 0),
        # The search cannot keep up, whatever there is in advance.
        (2, 5.0, 1.0, 0),
        (1, 5.0, 1.0, 0),
        (8, 0.1, math.inf, 0),
    ],
)
def test_a_stock_grows_as_long_as_it_saves_more_than_a_result_is_worth(
    workers: int, proposal: float, trial: float, expected: int
) -> None:
    assert stock(workers, [proposal], trial) == expected


def test_waiting_workers_follow_from_the_balance_of_trials_and_proposals() -> None:
    # One worker, proposals as long as trials: it runs and waits half of the time. With a spare
    # candidate 0, 1 or 2 orders are open for a third of the time each, and it waits at 2.
    assert waiting(1, 0, 1.0) == pytest.approx(1 / 2)
    assert waiting(1, 1, 1.0) == pytest.approx(1 / 3)


def test_the_time_of_a_trial_is_the_median_of_the_latest() -> None:
    trials = history(200, seconds=1.0) + history(60, seconds=5.0)

    assert typical_seconds(trials) == 5.0
    assert typical_seconds([]) == math.inf
