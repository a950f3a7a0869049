"""A number of a mergekit configuration that may differ from tensor to tensor, both ways.

mergekit takes a number, a list of numbers along the depth of the model, or a list of conditions: a
part of a tensor's name and the value for the tensors whose names have it. The first that fits
counts. Depth runs from 0 for the first layer to 1 for the last; embeddings, final norm and head
count as depth 0, so a list says something else of them than one would think. Therefore moopt
writes conditions only.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from moopt.errors import MergeError
from moopt.merging.blocks import LAYER_PATTERN, layer_prefix

Scalar = bool | int | float | str
EVERYTHING = "*"
"""A condition that fits every name, as does one without a filter."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What holds for the tensors whose names have a part in common."""

    part: str | None
    """None: every tensor."""

    values: tuple[Scalar, ...]
    """Along the depth; one holds at every depth."""

    def at(self, depth: float) -> Scalar:
        """Return the value at a depth, interpolated between numbers and never between words."""
        place = depth * (len(self.values) - 1)
        low = int(place)
        first, last = self.values[low], self.values[min(low + 1, len(self.values) - 1)]
        if not all(_is_number(value) for value in self.values):
            return first
        share = place - low
        return (1 - share) * float(first) + share * float(last)


Setting = tuple[Condition, ...]
"""The first that fits counts. If none does, less specific places of the configuration are asked."""


def read_setting(what: str, content: object) -> Setting:
    """Read what stands for a parameter.

    Raises:
        MergeError: It is not a value, a list along the depth or a list of conditions.
    """
    if isinstance(content, list) and any(isinstance(each, dict) for each in content):
        return tuple(_condition(what, each) for each in content)
    if isinstance(content, dict):
        return (_condition(what, content),)
    return (Condition(None, _values(what, content)),) if content != [] else ()


def is_plain(setting: Setting) -> bool:
    """Say whether it is one value for all tensors."""
    return all(each.part is None and len(each.values) == 1 for each in setting)


def first_that_fits(settings: Iterable[Setting], tensor: str, depth: float) -> Scalar | None:
    """Return the value for a tensor, None if nothing is said of it.

    Args:
        settings: The most specific first.
        tensor: The tensor's name.
        depth: Its depth.
    """
    for setting in settings:
        for condition in setting:
            if condition.part is None or condition.part in tensor:
                return condition.at(depth)
    return None


def depths(tensors: Iterable[str]) -> dict[str, float]:
    """Return the depth of each tensor, 0 for those in no layer.

    Each stack of layers has its own depth; that of a single layer is 1.
    """
    names = list(tensors)
    places = {name: re.search(LAYER_PATTERN, name) for name in names}
    last: dict[str, int] = {}
    for name, place in places.items():
        if place is not None:
            stack = name[: place.start(1)]
            last[stack] = max(last.get(stack, 0), int(place[1]))
    found = {}
    for name, place in places.items():
        highest = 0 if place is None else last[name[: place.start(1)]]
        layer = 0 if place is None else int(place[1])
        single = 0.0 if place is None else 1.0
        found[name] = layer / highest if highest else single
    return found


def layer_count(tensors: Iterable[str]) -> int:
    """Return how many layers the largest stack has."""
    places = (re.search(LAYER_PATTERN, name) for name in tensors)
    return max((int(place[1]) + 1 for place in places if place is not None), default=0)


def conditions(values: Mapping[str, float]) -> list[tuple[str | None, float]]:
    """Return parts of names and their values which say the value of every tensor.

    One value for all comes without a part. Otherwise every layer, and every tensor in no layer,
    has a part of its own; where a layer has several values, so has every tensor in it. Longer parts
    come first where that matters, because `layers.1.` is in `vision.layers.1.` too. The last holds
    for tensors that are not merged, of which mergekit asks as well.

    Raises:
        MergeError: There are no tensors.
    """
    if not values:
        raise MergeError("there are no tensors to merge, so no configuration can be written")
    most_common = Counter(values.values()).most_common(1)[0][0]
    if len(set(values.values())) == 1:
        return [(None, most_common)]
    members: dict[str, list[str]] = {}
    for name in values:
        members.setdefault(layer_prefix(name) or name, []).append(name)
    parts: dict[str, float] = {}
    for prefix, names in members.items():
        inside = {values[name] for name in names}
        parts |= {prefix: inside.pop()} if len(inside) == 1 else {n: values[n] for n in names}
    if _wrong(values, parts):
        parts = _longest_first(parts)
    while wrong := _wrong(values, parts):
        parts = _longest_first(parts | {name: values[name] for name in wrong})
    return [*parts.items(), (None, most_common)]


def _wrong(values: Mapping[str, float], parts: Mapping[str, float]) -> list[str]:
    """Return the names whose first part has another value."""
    return [
        name
        for name, value in values.items()
        if value != next(number for part, number in parts.items() if part in name)
    ]


def _longest_first(parts: Mapping[str, float]) -> dict[str, float]:
    return {part: parts[part] for part in sorted(parts, key=lambda each: (-len(each), each))}


def _condition(what: str, content: object) -> Condition:
    match content:
        case {"value": value, **rest} if set(rest) <= {"filter"}:
            part = rest.get("filter")
            if part is not None and not isinstance(part, str):
                raise MergeError(f"a filter of {what} is a part of a tensor's name, got {part!r}")
            return Condition(None if part == EVERYTHING else part, _values(what, value))
    raise MergeError(
        f"{what} lists conditions such as {{filter: self_attn, value: 0.5}}; got {content!r}"
    )


def _values(what: str, content: object) -> tuple[Scalar, ...]:
    values: Sequence[object] = content if isinstance(content, list) else [content]
    scalars = tuple(each for each in values if isinstance(each, bool | int | float | str))
    if not values or len(scalars) < len(values):
        raise MergeError(
            f"{what} is a number, a list of numbers along the depth or a list of conditions with "
            f"`filter` and `value`; got {content!r}"
        )
    return tuple(_number_if_it_is_one(each) for each in scalars)


def _number_if_it_is_one(scalar: Scalar) -> Scalar:
    """Return the number that a text stands for: YAML reads 1e-5 as text, mergekit as a number."""
    if not isinstance(scalar, str):
        return scalar
    try:
        return float(scalar)
    except ValueError:
        return scalar


def _is_number(value: Scalar) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
