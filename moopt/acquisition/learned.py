"""Acquisition functions that were learned: a network that says which candidate to try next."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from moopt.encoding.training_data import TrainingData


@runtime_checkable
class LearnedAcquisition(Protocol):
    """Scores of candidates from the history of a search, in place of surrogate and acquisition.

    A `torch.nn.Module` whose `forward` takes these arguments is one, with its weights in float64 or
    with a conversion of its own. Equal arguments have to give equal scores.

    Source: Maraval, Zimmer, Grosnit and Bou Ammar, "End-to-end meta-Bayesian optimisation with
    transformer neural processes", NeurIPS (2023), for scores of a pool given history and budget.
    """

    def __call__(
        self,
        history: TrainingData,
        candidates: Float[Tensor, "c d"],
        *,
        step: int,
        budget: float | None,
    ) -> Float[Tensor, " c"]:
        """Return a score for each candidate; the largest is proposed.

        Args:
            history: Points in the unit cube with what was measured there, larger is better and NaN
                where it was not; the reference point; points that are pending or have crashed.
            candidates: Points that were not tried.
            step: How many trials have begun, those of this proposal included.
            budget: What the run may spend, in whole evaluations. None: nobody said.
        """
        ...
