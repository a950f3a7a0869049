"""How the tensors of a model are divided into blocks, read from their names alone.

No table of architectures: a number between two dots is a layer's place in its stack. What comes
before the layers (embeddings) counts to the lowest layer, what comes after them (final norm,
pooler, head) to the highest. Whether a tensor without a number comes before is told by its name:
`embed`, `wte`, `wpe`, `shared`. Each of these patterns can be given for models that are named
otherwise.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from moopt.errors import MergeError

LAYER_PATTERN = r"(?:^|\.)(\d+)\."
"""A regular expression whose first group is the layer's number."""

BEFORE_THE_LAYERS = r"embed|(?:^|\.)(?:wte|wpe|shared)\."

PARTS: Mapping[str, str] = {
    "norms": r"(?i)norm|(?:^|\.)ln_",
    "attention": r"(?i)att(?:n|ention)",
    "mlp": r"",
}
"""Parts of a layer, of which the first pattern that is found in a name counts. The empty pattern is
found in every name: `mlp` is the rest."""

ENDS: Mapping[str, str] = {"embeddings": BEFORE_THE_LAYERS, "head": r"head|classifier|pooler"}
"""Parts outside the layers that are blocks of their own."""

NAMED = 3
"""Tensors that a message names before it says how many more there are."""


@dataclass(frozen=True, slots=True)
class LayerGroups:
    """Groups of layers by depth, each of them whole or divided into parts.

    A stack of layers is cut into groups of equal size, to one layer. A model with several stacks,
    such as an encoder and a decoder, has each of them cut.

    Raises:
        MergeError: There are no groups, two names are equal, or a pattern is no regular expression.
    """

    names: tuple[str, ...] = ("all",)
    """Lowest layers first."""

    parts: Mapping[str, str] = field(default_factory=dict)
    """Pattern by part, for example `PARTS`: the blocks are then named `<group>_<part>`. Empty: a
    group is one block."""

    ends: Mapping[str, str] = field(default_factory=dict)
    """Pattern by block, for tensors outside the layers, for example `ENDS`. What fits none counts
    to the lowest or highest group."""

    layer_pattern: str = LAYER_PATTERN
    before_pattern: str = BEFORE_THE_LAYERS

    def __post_init__(self) -> None:
        if not self.names or not all(self.names):
            raise MergeError(f"layer groups need names, at least one, got {list(self.names)}")
        blocks = self.blocks
        if len(set(blocks)) < len(blocks):
            raise MergeError(f"two blocks have one name: {list(blocks)}; rename one")
        patterns = (*self.parts.values(), *self.ends.values(), self.layer_pattern)
        for pattern in (*patterns, self.before_pattern):
            _compiled(pattern)

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the blocks: groups with their parts, lowest first, then the ends."""
        inside = [_joined(group, part) for group in self.names for part in self.parts or ("",)]
        return (*inside, *self.ends)


@dataclass(frozen=True, slots=True)
class EveryLayer:
    """A block for each layer, by its number, and `before` and `after` for what is in none.

    Layers of one number in several stacks are one block.
    """

    layer_pattern: str = LAYER_PATTERN
    before_pattern: str = BEFORE_THE_LAYERS


@dataclass(frozen=True, slots=True)
class EveryTensor:
    """A block for each tensor, by its name: the blocks of aTLAS."""


Blocks = LayerGroups | EveryLayer | EveryTensor

BEFORE = "before"
AFTER = "after"


def assign(blocks: Blocks, tensors: Iterable[str]) -> dict[str, str]:
    """Return the block of each tensor.

    Args:
        blocks: How to divide.
        tensors: Names of a state dict.

    Raises:
        MergeError: There are fewer layers than groups, a block would be empty, or a tensor belongs
            to none.
    """
    names = list(tensors)
    match blocks:
        case EveryTensor():
            return {name: name for name in names}
        case EveryLayer():
            layer, before = _compiled(blocks.layer_pattern), _compiled(blocks.before_pattern)
            return {name: _layer_of(name, layer, before) for name in names}
        case LayerGroups():
            return _grouped(blocks, names)
    assert_never(blocks)


def layer_prefix(tensor: str) -> str | None:
    """Return the beginning of a name up to its layer's number and the dot, None without a layer."""
    found = re.search(LAYER_PATTERN, tensor)
    return None if found is None else tensor[: found.end()]


def blocks_to_json(blocks: Blocks) -> object:
    """Return a value for JSON from which `blocks_from_json` makes the blocks again."""
    match blocks:
        case EveryTensor():
            return "every_tensor"
        case EveryLayer():
            return {"every_layer": blocks.layer_pattern, "before_pattern": blocks.before_pattern}
        case LayerGroups():
            content: dict[str, object] = {"layer_groups": list(blocks.names)}
            if blocks.parts:
                content["parts"] = dict(blocks.parts)
            if blocks.ends:
                content["ends"] = dict(blocks.ends)
            if blocks.layer_pattern != LAYER_PATTERN:
                content["layer_pattern"] = blocks.layer_pattern
            if blocks.before_pattern != BEFORE_THE_LAYERS:
                content["before_pattern"] = blocks.before_pattern
            return content
    assert_never(blocks)


def blocks_from_json(content: object) -> Blocks:
    """Read what `blocks_to_json` wrote.

    Raises:
        MergeError: It is not a description of blocks.
    """
    match content:
        case "every_tensor":
            return EveryTensor()
        case {"every_layer": str(pattern), **rest} if set(rest) <= {"before_pattern"}:
            return EveryLayer(pattern, str(rest.get("before_pattern", BEFORE_THE_LAYERS)))
        case {"layer_groups": [*names], **rest} if set(rest) <= {
            "parts",
            "ends",
            "layer_pattern",
            "before_pattern",
        }:
            return LayerGroups(
                tuple(str(name) for name in names),
                parts=_texts("parts", rest.get("parts", {})),
                ends=_texts("ends", rest.get("ends", {})),
                layer_pattern=str(rest.get("layer_pattern", LAYER_PATTERN)),
                before_pattern=str(rest.get("before_pattern", BEFORE_THE_LAYERS)),
            )
    raise MergeError(
        'blocks are "every_tensor", {"every_layer": pattern} or {"layer_groups": [names], "parts": '
        f'{{}}, "ends": {{}}}}; got {content!r}'
    )


def _grouped(blocks: LayerGroups, names: Sequence[str]) -> dict[str, str]:
    layer = _compiled(blocks.layer_pattern)
    places = {name: _place(name, layer) for name in names}
    depths: dict[str, int] = {}
    for place in places.values():
        if place is not None:
            depths[place[0]] = max(depths.get(place[0], 0), place[1] + 1)
    if len(blocks.names) > 1:
        _check_depths(depths, blocks.names)
    before = _compiled(blocks.before_pattern)
    assigned = {}
    for name, place in places.items():
        end = None if place is not None else _first_found(blocks.ends, name)
        if end is not None:
            assigned[name] = end
            continue
        if place is not None:
            group = blocks.names[place[1] * len(blocks.names) // depths[place[0]]]
        else:
            group = blocks.names[0 if before.search(name) else -1]
        part = _first_found(blocks.parts, name)
        if blocks.parts and part is None:
            raise MergeError(
                f"the tensor {name!r} fits none of the parts {dict(blocks.parts)}; add a part with "
                'the pattern "", which takes the rest'
            )
        assigned[name] = _joined(group, part or "")
    _check_all_used(blocks, assigned)
    return assigned


def _check_all_used(blocks: LayerGroups, assigned: Mapping[str, str]) -> None:
    if not assigned:
        return
    empty = [block for block in blocks.blocks if block not in set(assigned.values())]
    if empty:
        shown = ", ".join(list(assigned)[:NAMED])
        raise MergeError(
            f"no tensor belongs to {', '.join(empty)}, so its coefficients would do nothing; leave "
            f"it out of the parts and ends, or change its pattern (tensors: {shown}, …)"
        )


def _check_depths(depths: Mapping[str, int], groups: Sequence[str]) -> None:
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


def _layer_of(name: str, layer: re.Pattern[str], before: re.Pattern[str]) -> str:
    place = _place(name, layer)
    if place is not None:
        return str(place[1])
    return BEFORE if before.search(name) else AFTER


def _place(name: str, layer: re.Pattern[str]) -> tuple[str, int] | None:
    found = layer.search(name)
    return None if found is None else (name[: found.start(1)], int(found[1]))


def _first_found(patterns: Mapping[str, str], name: str) -> str | None:
    return next((key for key, pattern in patterns.items() if re.search(pattern, name)), None)


def _joined(group: str, part: str) -> str:
    return f"{group}_{part}" if part else group


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise MergeError(f"{pattern!r} is not a regular expression: {error}") from error


def _texts(what: str, content: object) -> dict[str, str]:
    if not isinstance(content, Mapping):
        raise MergeError(f"{what} maps names to patterns, got {content!r}")
    return {str(key): str(value) for key, value in content.items()}
