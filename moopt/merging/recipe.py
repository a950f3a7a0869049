"""What is merged and how, as a value that can be written down and made again."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from moopt.errors import MergeError
from moopt.merging.methods import METHODS

FORMAT = 1
"""Version of the JSON form."""


@dataclass(frozen=True, slots=True)
class MergeRecipe:
    """A merge of experts into a base model by scaling coefficients.

    Raises:
        MergeError: The method is unknown, a group has no name of its own, or the coefficients are
            not one finite number for each expert and layer group.
    """

    base: str
    """Folder of the base model."""

    experts: Mapping[str, str]
    """Folder of each expert, by its name."""

    method: str
    layer_groups: tuple[str, ...]
    """Names of the layer groups, lowest layers first."""

    coefficients: Mapping[str, Mapping[str, float]]
    """Scaling coefficient by expert, then by layer group."""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise MergeError(f"unknown merge method {self.method!r}; there are {sorted(METHODS)}")
        if not self.experts:
            raise MergeError("a merge recipe needs at least one expert")
        if not self.layer_groups or len(set(self.layer_groups)) != len(self.layer_groups):
            raise MergeError(
                f"layer groups need distinct names, at least one, got {list(self.layer_groups)}"
            )
        _check_keys("coefficients", self.coefficients, list(self.experts))
        for expert, by_group in self.coefficients.items():
            _check_keys(f"coefficients of {expert!r}", by_group, self.layer_groups)
            for group, coefficient in by_group.items():
                if not math.isfinite(coefficient):
                    raise MergeError(
                        f"the coefficient of {expert!r} in group {group!r} must be a finite "
                        f"number, got {coefficient}"
                    )

    def for_group(self, group: str) -> tuple[float, ...]:
        """Return the coefficients of one layer group, in the order of the experts."""
        return tuple(self.coefficients[expert][group] for expert in self.experts)

    def to_json(self) -> str:
        """Return the recipe as JSON text, every number exactly as it is."""
        return json.dumps(
            {
                "format": FORMAT,
                "base": self.base,
                "experts": dict(self.experts),
                "method": self.method,
                "layer_groups": list(self.layer_groups),
                "coefficients": {
                    expert: dict(by_group) for expert, by_group in self.coefficients.items()
                },
            },
            indent=2,
        )

    @classmethod
    def from_json(cls, text: str) -> "MergeRecipe":
        """Read a recipe that `to_json` wrote.

        Raises:
            MergeError: The text is not a recipe.
        """
        try:
            content = json.loads(text)
            written = content["format"]
            recipe = cls(
                base=str(content["base"]),
                experts={str(name): str(path) for name, path in content["experts"].items()},
                method=str(content["method"]),
                layer_groups=tuple(str(group) for group in content["layer_groups"]),
                coefficients={
                    str(expert): {str(group): float(number) for group, number in by_group.items()}
                    for expert, by_group in content["coefficients"].items()
                },
            )
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise MergeError(f"this is not a merge recipe as JSON: {error!r}") from error
        if written != FORMAT:
            raise MergeError(
                f"the recipe has format {written}, this version of moopt reads {FORMAT}"
            )
        return recipe


def _check_keys(what: str, found: Mapping[str, object], expected: Sequence[str]) -> None:
    if set(found) != set(expected):
        raise MergeError(
            f"{what} must be given for {', '.join(expected)}; got them for "
            f"{', '.join(found) or 'none'}"
        )
