"""What stands before the names of one model and not before those of another.

A model that was saved with a head has names such as `bert.encoder…` where the same model without
one has `encoder…`.
"""

from collections.abc import Callable, Iterable


def exchanged_prefixes(
    own: Iterable[str], other: Iterable[str], matches: Callable[[str, str], int]
) -> tuple[str, str]:
    """Return the prefixes of two models whose exchange makes most names equal.

    Args:
        own: Names of the one model.
        other: Names of the other.
        matches: Counts the equal names for a prefix of each; at least one of them is empty.
    """
    candidates = [("", "")]
    candidates += [("", prefix) for prefix in _first_parts(other)]
    candidates += [(prefix, "") for prefix in _first_parts(own)]
    return max(candidates, key=lambda pair: matches(*pair))  # of equals the first, the plainest


def _first_parts(names: Iterable[str]) -> list[str]:
    return sorted({f"{name.split('.')[0]}." for name in names if "." in name})
