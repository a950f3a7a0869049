"""Faces and corners of a simplex: weights of which some are exactly as small as they may be.

Good mixtures often leave parts out altogether, which a search among positive weights comes near to
and never reaches.
"""

from collections.abc import Iterator, Sequence

from moopt.encoding.weights import nearest_within, usable_parts
from moopt.study.simplex import TOLERANCE, Simplex


def smaller_faces(simplex: Simplex, weights: Sequence[float]) -> Iterator[list[float]]:
    """Yield the weights without their smallest part, without the two smallest, and so on."""
    loose = _loose(simplex, weights)
    for count in range(1, len(loose)):
        yield from _without(simplex, weights, loose[:count])


def single_faces(simplex: Simplex, weights: Sequence[float]) -> Iterator[list[float]]:
    """Yield the weights without each of the parts in use."""
    for part in _loose(simplex, weights):
        yield from _without(simplex, weights, [part])


def corners(simplex: Simplex, weights: Sequence[float]) -> Iterator[list[float]]:
    """Yield for each part weights that give it, then the largest others, as much as they may have.

    Where the bounds allow it, that is each part alone.
    """
    for part in range(len(weights)):
        preference = [2.0 if each == part else weight for each, weight in enumerate(weights)]
        used = usable_parts(simplex, preference)
        if part not in used:
            continue
        filled = [low for low, _ in simplex.bounds]
        for each in sorted(used, key=lambda other: -preference[other]):
            rest = 1.0 - sum(weight for other, weight in enumerate(filled) if other != each)
            filled[each] = max(filled[each], min(simplex.bounds[each][1], rest))
        yield filled


def _loose(simplex: Simplex, weights: Sequence[float]) -> list[int]:
    """Return the parts above their lower bound, the smallest first."""
    bounds = simplex.bounds
    above = [part for part, weight in enumerate(weights) if weight > bounds[part][0] + TOLERANCE]
    return sorted(above, key=lambda part: weights[part])


def _without(
    simplex: Simplex, weights: Sequence[float], dropped: Sequence[int]
) -> Iterator[list[float]]:
    """Yield the weights with parts at their lower bounds and the others larger in proportion."""
    used = {part for part, weight in enumerate(weights) if weight > 0}
    bounds = []
    for part, (low, high) in enumerate(simplex.bounds):
        if part in dropped or part not in used:
            bounds.append((low, low))
        else:
            bounds.append((low, high))
    if sum(high for _, high in bounds) < 1.0 - TOLERANCE / 2:
        return
    taken = sum(bounds[part][0] for part in dropped)
    others = sum(weight for part, weight in enumerate(weights) if part not in dropped)
    scale = (1.0 - taken) / others if others > 0 else 1.0
    yield nearest_within(
        [bounds[part][0] if part in dropped else scale * w for part, w in enumerate(weights)],
        bounds,
    )
