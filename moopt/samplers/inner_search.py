"""Where an acquisition function is largest in the space of a study, among what was not tried."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from moopt.acquisition.maximize import Acquisition, best_untried, maximize
from moopt.encoding.enumeration import all_parameters
from moopt.encoding.search_box import SearchBox
from moopt.encoding.space import SpaceEncoding
from moopt.samplers.quasi_random import ENUMERABLE


@dataclass(frozen=True, slots=True)
class InnerSearch:
    """Small discrete spaces are compared point by point, in others points go uphill."""

    box: SearchBox
    whole: Float[Tensor, "n d"] | None
    """Every point of a small discrete space."""

    @classmethod
    def of(cls, encoding: SpaceEncoding) -> "InnerSearch":
        """Return the search of a study's space."""
        whole = all_parameters(encoding.study, ENUMERABLE)
        return cls(SearchBox(encoding), None if whole is None else encoding.encode_all(whole))

    def best(
        self,
        acquisition: Acquisition,
        *,
        front: Float[Tensor, "f d"],
        tried: Float[Tensor, "t d"],
        seed: int,
    ) -> Float[Tensor, " d"] | None:
        """Return the best valid point that was not tried, or None where none was found."""
        if self.whole is not None:
            return best_untried(acquisition, self.whole, tried)
        return maximize(acquisition, self.box, front=front, tried=tried, seed=seed)
