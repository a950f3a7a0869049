"""Outcome constraints as what BoTorch's acquisition functions take: negative is feasible."""

from collections.abc import Callable

from torch import Tensor

from moopt.encoding.training_data import Limit, TrainingData


def constraint_functions(data: TrainingData) -> list[Callable[[Tensor], Tensor]] | None:
    """Return one function of posterior samples per limit, or None where there is no limit.

    Each is scaled by the spread of its outcome, so that one smoothing suits all.
    """
    functions = [_function(limit, _spread(data, limit.outcome)) for limit in data.limits]
    return functions or None


def _function(limit: Limit, spread: float) -> Callable[[Tensor], Tensor]:
    def violation(samples: Tensor) -> Tensor:
        return (limit.sign * samples[..., limit.outcome] - limit.bound) / spread

    return violation


def _spread(data: TrainingData, outcome: int) -> float:
    values = data.outcomes[data.measured(outcome), outcome]
    spread = float(values.std()) if len(values) > 1 else 0.0
    return spread if spread > 1e-8 else 1.0
