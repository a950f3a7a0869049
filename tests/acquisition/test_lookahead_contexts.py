import pytest
import torch
from torch import Tensor

from moopt.acquisition.lookahead import best_evaluated, evaluated_improvement, knowledge_gradient
from moopt.acquisition.moments import likely_feasible, measured_moments
from moopt.encoding.contexts import Contexts
from moopt.study.conditions import Choice
from moopt.surrogates.botorch_models import botorch_process
from moopt.surrogates.gaussian_process import GaussianProcess
from tests.acquisition.brute_force import slopes_by_differences
from tests.surrogates.made_folds import FOLDS, PEAKS, outcomes_of_folds, study_of_folds
from tests.surrogates.made_kernels import uniform

WEIGHTS: dict[Choice, float] = {"a": 1.0, "b": 2.0, "c": 3.0}
COUNT = 60
BUILDERS = {"evaluated_ei": evaluated_improvement, "knowledge_gradient": knowledge_gradient}
STUDIES = {
    "alone": study_of_folds(),
    "two": study_of_folds(second=True),
    "limited": study_of_folds(limit=0.7),
}
ENCODING, OUTCOMES = outcomes_of_folds(study_of_folds())
CONTEXTS = Contexts.of(ENCODING, "fold", WEIGHTS)
CANDIDATES = ENCODING.encode_all(
    [{"x": x, "fold": fold} for x in uniform(4, seed=9).tolist() for fold in FOLDS]
)

each_builder = pytest.mark.parametrize("name", BUILDERS)


def process() -> GaussianProcess:
    (found,) = OUTCOMES.surrogates
    assert isinstance(found, GaussianProcess)
    return found


def mean_after(candidate: Tensor, z: Tensor, points: Tensor) -> Tensor:
    """Return means over folds after a result in one fold, by a model that has learned it."""
    learner = process()
    noise = learner.likelihood.noise(learner.theta).median()
    mean, covariance = learner.predict(candidate[None])
    value = learner.measured(mean + z * (covariance[0] + noise).sqrt())
    model = botorch_process(learner)
    everywhere = CONTEXTS.over(points).reshape(-1, points.shape[1])
    model.posterior(everywhere)
    learned = model.condition_on_observations(
        candidate[None], value[None], noise=noise.reshape(1, 1)
    )
    means = torch.as_tensor(learned.posterior(everywhere).mean).detach().reshape(len(points), -1)
    return means @ CONTEXTS.weights


def test_the_gain_is_what_the_best_mean_over_folds_rises_when_a_model_learns_one_fold() -> None:
    tried = CONTEXTS.without(OUTCOMES.data.points)
    shares = (torch.arange(COUNT, dtype=torch.float64) + 0.5) / COUNT

    found = evaluated_improvement(OUTCOMES, 0, CONTEXTS)(CANDIDATES[:, None]).exp()

    before = float(measured_moments(OUTCOMES.surrogates, tried, CONTEXTS)[0][0].max())
    worth = found.argsort(descending=True)[:1].tolist()
    for index in worth:
        candidate = CANDIDATES[index]
        points = torch.cat([tried, candidate[None]])
        bests = [mean_after(candidate, z, points).max() for z in torch.special.ndtri(shares)]
        expected = float(torch.stack(bests).mean()) - before
        assert float(found[index]) == pytest.approx(expected, rel=0.03, abs=1e-5)


@each_builder
@pytest.mark.parametrize("study", STUDIES)
def test_values_are_finite_and_have_the_slopes_of_finite_differences(name: str, study: str) -> None:
    encoding, outcomes = outcomes_of_folds(STUDIES[study])
    acquisition = BUILDERS[name](outcomes, 0, Contexts.of(encoding, "fold", WEIGHTS))
    candidates = CANDIDATES[::2, None].clone().requires_grad_()

    found = acquisition(candidates)

    (slopes,) = torch.autograd.grad(found.sum(), candidates)
    assert found.isfinite().all()
    worth = (found > -20).nonzero()[:, 0]
    expected = slopes_by_differences(acquisition, candidates.detach())[worth]
    assert len(worth) > 1
    assert torch.allclose(slopes[worth, 0], expected, rtol=1e-2, atol=1e-2)


def test_a_fold_that_does_not_count_tells_less() -> None:
    contexts = Contexts.of(ENCODING, "fold", {"a": 1.0, "b": 1.0})

    values = knowledge_gradient(OUTCOMES, 0, contexts)(CANDIDATES[:, None]).reshape(-1, 3)

    assert bool((values[:, 2] < values[:, :2].max(dim=1).values).all())


def test_moments_over_folds_are_those_of_the_mean_and_bound_its_deviation() -> None:
    points = CANDIDATES[::3]

    (mean,), (deviation,) = measured_moments(OUTCOMES.surrogates, points, CONTEXTS)

    scale = process().likelihood.observations.scale
    for row, point in enumerate(CONTEXTS.over(points)):
        standard, covariance = process().predict(point)
        assert float(mean[row]) == pytest.approx(
            float(process().measured(standard) @ CONTEXTS.weights)
        )
        variance = CONTEXTS.weights @ covariance @ CONTEXTS.weights
        assert float(deviation[row]) >= scale * float(variance.clamp_min(0.0).sqrt()) - 1e-9


def test_what_is_best_over_folds_is_none_that_is_likely_beyond_a_limit_in_their_mean() -> None:
    encoding, outcomes = outcomes_of_folds(study_of_folds(limit=0.7))
    contexts = Contexts.of(encoding, "fold")

    feasible = likely_feasible(outcomes, outcomes.data.points, contexts)
    (best,) = best_evaluated(outcomes, contexts)

    # In the mean over folds heat is x + 0.4, and the best without a limit is at 0.4.
    x = outcomes.data.points[:, 0]
    assert bool((feasible == (x < 0.3))[(x - 0.3).abs() > 0.03].all())
    assert float(best[0]) == pytest.approx(float(x[x < 0.3].max()))
    assert sum(PEAKS.values()) / 3 == pytest.approx(0.4)
