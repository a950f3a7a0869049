"""Random scalarizations, for five objectives and more: hypervolume would cost too much."""

from botorch.acquisition.acquisition import AcquisitionFunction
from botorch.acquisition.multi_objective.objective import IdentityMCMultiOutputObjective
from botorch.acquisition.multi_objective.parego import qLogNParEGO
from botorch.models.model import Model

from moopt.acquisition.feasibility import constraint_functions
from moopt.acquisition.posterior_samples import posterior_sampler
from moopt.encoding.training_data import TrainingData

SAMPLES = 128


def random_scalarization(model: Model, data: TrainingData, seed: int) -> AcquisitionFunction:
    """Return the log of the expected improvement of a random Chebyshev scalarization.

    Source: Knowles, "ParEGO", IEEE Transactions on Evolutionary Computation 10 (2006); Daulton et
    al., "Differentiable expected hypervolume improvement", NeurIPS (2020), for the noisy form.
    """
    return qLogNParEGO(
        model=model,
        X_baseline=data.points,
        sampler=posterior_sampler(model, data, SAMPLES, seed),
        objective=IdentityMCMultiOutputObjective(outcomes=list(range(data.objective_count))),
        constraints=constraint_functions(data),
        X_pending=data.pending if len(data.pending) else None,
        prune_baseline=True,
    )
