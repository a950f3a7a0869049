"""Learning rates over a run: a linear rise, then one of four falls.

A schedule knows the whole length, so that a run that stops on the way has the rates of one that
does not.
"""

import math

SLOW_FALL = 10_000
"""Steps after which `inverse_sqrt` without a warm-up is at 0.7 of the peak."""


def share_of_peak(schedule: str, step: int, total: int, warm_up: float) -> float:
    """Return the learning rate of a step in shares of the peak.

    The first step has a rate above 0: it would be lost otherwise.

    Args:
        schedule: `linear`, `cosine`, `constant` or `inverse_sqrt`.
        step: Counted from 0.
        total: Steps of the whole length.
        warm_up: Share of them in which the rate rises.
    """
    rising = round(warm_up * total)
    if step < rising:
        return (step + 1) / rising
    falling = max(1, total - rising)
    match schedule:
        case "linear":
            return max(0.0, (total - step) / falling)
        case "cosine":
            return max(0.0, 0.5 * (1 + math.cos(math.pi * (step - rising) / falling)))
        case "inverse_sqrt":
            scale = rising or SLOW_FALL
            return math.sqrt(scale / (scale + step - rising))
        case _:
            return 1.0
