"""Which running trials are not worth finishing, by all objectives at once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from moopt.front.ranking import best_first
from moopt.samplers.lineages import SLACK, fidelity_of, lineages
from moopt.study.study import Study
from moopt.study.trials import Trial


@dataclass(frozen=True, slots=True)
class MoAshaStopping:
    """Stops trials that are not among the best of a level, asynchronously.

    A trial that nothing beats there in all objectives goes on, whatever the shares say.

    Source: as of `AshaSampler`, in the variant that stops trials in place of pausing them.
    """

    factor: float = 3.0
    """Between the levels; one in so many trials of a level goes on."""

    fewest: int = 5
    """Trials that have reached a level before any is stopped there."""

    def stops(self, study: Study, trials: Sequence[Trial], trial: Trial) -> bool:
        """Say whether a trial that has just reached a level is beaten there by too many.

        Between levels, and at the highest, nothing is stopped.

        Raises:
            SelectionError: The study has no fidelity.
        """
        if not trial.partial:
            return False
        levels = fidelity_of(study, "MO-ASHA").levels(self.factor)
        now = max(trial.partial)
        index = sum(level * (1 - SLACK) <= now for level in levels) - 1
        if index < 0 or index == len(levels) - 1:
            return False
        level, above = levels[index], levels[index + 1]
        if sum(level * (1 - SLACK) <= fidelity for fidelity in trial.partial) > 1:
            return False
        peers: list[Trial] = []
        place = -1
        for lineage in lineages(trials):
            found = lineage.between(study, level, above)
            if found is not None:
                if found.number == trial.number:
                    place = len(peers)
                peers.append(found)
        if place < 0 or len(peers) < self.fewest:
            return False
        first, *others = best_first(study, peers)
        allowed = math.ceil(len(peers) / self.factor)
        order = [*first, *(row for layer in others for row in layer)]
        return place not in first and place not in order[:allowed]
