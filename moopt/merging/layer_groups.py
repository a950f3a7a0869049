"""Which layer group each tensor belongs to, read from the names alone.

No table of architectures: a number between two dots is a layer's place in its stack. What comes
before the layers (embeddings) belongs to the first group, what comes after them (final norm,
pooler, head) to the last. Whether a tensor without a number comes before is told by its name:
`embed`, `wte`, `wpe` or `shared`.
"""

import re
from collections.abc import Iterable, Sequence

from moopt.errors import MergeError

LAYER = re.compile(r"(?:^|\.)(\d+)\.")
BEFORE_THE_LAYERS = re.compile(r"embed|(?:^|\.)(?:wte|wpe|shared)\.")


def layer_groups(tensors: Iterable[str], groups: Sequence[str]) -> dict[str, str]:
    """Return the group of each tensor.

    A stack of layers is cut into parts of equal size, to one layer. A model with several stacks,
    such as an encoder and a decoder, has each of them cut.

    Args:
        tensors: Names of a state dict.
        groups: Names of the groups, lowest layers first.

    Raises:
        MergeError: There are no groups, or fewer layers than groups.
    """
    if not groups or len(set(groups)) != len(groups):
        raise MergeError(f"layer groups need distinct names, at least one, got {list(groups)}")
    places = {name: _place(name) for name in tensors}
    depths: dict[str, int] = {}
    for place in places.values():
        if place is not None:
            stack, layer = place
            depths[stack] = max(depths.get(stack, 0), layer + 1)
    if len(groups) > 1:
        _check_depths(depths, groups)
    assigned = {}
    for name, place in places.items():
        if place is not None:
            stack, layer = place
            assigned[name] = groups[layer * len(groups) // depths[stack]]
        elif BEFORE_THE_LAYERS.search(name):
            assigned[name] = groups[0]
        else:
            assigned[name] = groups[-1]
    return assigned


def layer_prefix(tensor: str) -> str | None:
    """Return the beginning of a name up to its layer's number and the dot, None without a layer."""
    found = LAYER.search(tensor)
    return None if found is None else tensor[: found.end()]


def _place(name: str) -> tuple[str, int] | None:
    found = LAYER.search(name)
    return None if found is None else (name[: found.start(1)], int(found[1]))


def _check_depths(depths: dict[str, int], groups: Sequence[str]) -> None:
    if not depths:
        raise MergeError(
            f"no tensor name holds a layer's number, so {len(groups)} layer groups cannot be told "
            "apart; use one group"
        )
    for stack, depth in depths.items():
        if depth < len(groups):
            raise MergeError(
                f"the stack {stack!r} has {depth} layers and cannot be cut into {len(groups)} "
                f"groups; use at most {depth}"
            )
