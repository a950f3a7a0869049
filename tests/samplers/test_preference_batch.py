import numpy as np
import pytest
import torch

from moopt.samplers.bayesian import BayesianSampler
from moopt.samplers.preference_batch import NOTE, PreferenceBatchSampler, spread_preferences
from moopt.study.trials import Candidate
from tests.samplers.arc_study import ARC, arc_trials

SAMPLER = PreferenceBatchSampler(search=BayesianSampler(initial_trials=4))
POINTS = [(0.0, 0.4), (1.0, 0.4), (0.5, 0.3), (0.3, 0.8), (0.7, 0.6), (0.2, 0.6), (0.9, 0.9)]
TRIALS = arc_trials(POINTS)


def weight_of_b(candidate: Candidate) -> float:
    return float(candidate.notes[NOTE].rpartition(" ")[2])


def test_each_candidate_lies_where_its_preference_leads() -> None:
    candidates = SAMPLER.propose(ARC, TRIALS, 6, seed=0)

    assert {each.sampler for each in candidates} == {"preference_batch"}
    weights = np.array([weight_of_b(each) for each in candidates])
    angles = np.array([each.parameters["angle"] for each in candidates])
    assert np.ptp(angles) > 0.5
    assert np.corrcoef(weights, angles)[0, 1] > 0.8
    assert max(each.parameters["loss"] for each in candidates) < 0.3


def test_notes_name_the_objectives() -> None:
    (candidate,) = SAMPLER.propose(ARC, TRIALS, 1, seed=0)

    (weights,) = spread_preferences(2, len(TRIALS), 1, seed=0).tolist()
    assert candidate.notes[NOTE] == f"a {weights[0]:.2f}, b {weights[1]:.2f}"


def test_at_first_the_space_is_covered() -> None:
    (candidate,) = SAMPLER.propose(ARC, TRIALS[:3], 1, seed=0)

    assert candidate.sampler == "sobol"


@pytest.mark.parametrize("objectives", [1, 2, 3, 9])
def test_preferences_cover_the_simplex_evenly(objectives: int) -> None:
    weights = spread_preferences(objectives, 0, 512, seed=3)

    assert (weights >= 0).all()
    assert torch.allclose(weights.sum(dim=1), torch.ones(512, dtype=torch.float64))
    mean, variance = 1 / objectives, (objectives - 1) / objectives**2 / (objectives + 1)
    assert torch.allclose(weights.mean(dim=0), torch.tensor(mean).double(), atol=0.01)
    assert weights.var(dim=0).numpy() == pytest.approx(variance, rel=0.2, abs=1e-12)


def test_preferences_do_not_depend_on_the_size_of_batches() -> None:
    together = spread_preferences(3, 5, 4, seed=1)

    one_by_one = [spread_preferences(3, 5 + place, 1, seed=1) for place in range(4)]

    assert torch.equal(together, torch.cat(one_by_one))
