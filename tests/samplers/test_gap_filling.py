from dataclasses import replace

import pytest

from moopt.samplers.bayesian import BayesianSampler
from moopt.samplers.gap_filling import NOTE, GapFillingSampler
from moopt.study.trials import Measurement
from tests.samplers.arc_study import ARC, arc_trials

SAMPLER = GapFillingSampler(every=1, wide=0.0, search=BayesianSampler(initial_trials=4))
# Neighbours along the front: 0, 2, 3, 1, and the widest gap is between the trials 2 and 3.
TRIALS = arc_trials(
    [(0.0, 0.0), (1.0, 0.0), (0.15, 0.02), (0.85, 0.02), (0.1, 0.9), (0.2, 0.8), (0.8, 0.8)]
)


def test_the_candidate_lies_in_the_widest_gap() -> None:
    (candidate,) = SAMPLER.propose(ARC, TRIALS, 1, seed=0)

    assert candidate.sampler == "gap_filling"
    assert candidate.notes[NOTE] == "2 and 3"
    assert 0.3 < candidate.parameters["angle"] < 0.7
    assert candidate.parameters["loss"] < 0.2


def test_a_batch_fills_one_gap_after_the_other() -> None:
    candidates = SAMPLER.propose(ARC, TRIALS, 3, seed=0)

    names = [each.notes[NOTE] for each in candidates]
    assert names[0] == "2 and 3"
    assert len(set(names)) == 3
    # The first candidate becomes trial 7, and an end of what is left of the gap.
    assert any("7" in name for name in names[1:])


def test_an_attempt_that_failed_counts_against_its_gap() -> None:
    (candidate,) = SAMPLER.propose(ARC, TRIALS, 1, seed=0)
    missed = [
        replace(
            TRIALS[-1],
            number=7 + attempt,
            parameters={"angle": 0.4 + 0.05 * attempt, "loss": 0.9},
            measurements={"a": Measurement(0.4), "b": Measurement(0.3)},
            notes=candidate.notes,
        )
        for attempt in range(3)
    ]

    (later,) = SAMPLER.propose(ARC, [*TRIALS, *missed], 1, seed=0)

    assert later.notes[NOTE] != "2 and 3"


def test_gaps_and_hypervolume_take_turns() -> None:
    sampler = replace(SAMPLER, every=2)

    candidates = sampler.propose(ARC, TRIALS, 4, seed=0)

    assert [each.sampler for each in candidates] == ["bayesian", "gap_filling"] * 2


def test_without_gaps_it_searches_as_bayesian_does() -> None:
    alone = replace(ARC, objectives=ARC.objectives[:1])
    corner = arc_trials([(0.5, 0.0), *((0.5, loss) for loss in (0.2, 0.4, 0.6, 0.8))])

    of_one_objective = SAMPLER.propose(alone, TRIALS, 1, seed=0)
    of_one_point = SAMPLER.propose(ARC, corner, 1, seed=0)

    assert [each.sampler for each in of_one_objective + of_one_point] == ["bayesian"] * 2


def test_at_first_the_space_is_covered() -> None:
    (candidate,) = SAMPLER.propose(ARC, TRIALS[:3], 1, seed=0)

    assert candidate.sampler == "sobol"


@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_expected_below_the_reference_point_is_no_end_of_a_gap(seed: int) -> None:
    objectives = [replace(each, reference=0.2) for each in ARC.objectives]
    study = replace(ARC, objectives=objectives)

    (candidate,) = SAMPLER.propose(study, TRIALS, 1, seed=seed)

    # The trials 0 and 1 are worse than the reference in one objective.
    assert candidate.notes[NOTE] == "2 and 3"
