"""What is merged and how, as a value that can be written down and made again."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields

from moopt.errors import MergeError
from moopt.merging.blocks import Blocks, LayerGroups, blocks_from_json, blocks_to_json
from moopt.merging.methods import METHODS
from moopt.merging.methods.method import Base, Choice, Flag, Method, Number, Option, Seed

FORMAT = 2
"""Version of the JSON form."""

DTYPES = ("float32", "bfloat16", "float16")

ByBlock = float | Mapping[str, float]
"""A number, or one for each block."""

OptionValue = bool | str | int | float | Mapping[str, ByBlock]
"""A mapping is by expert, then by block, for options that experts have of their own; otherwise by
block."""


@dataclass(frozen=True, slots=True)
class MergeRecipe:
    """A merge of experts.

    Raises:
        MergeError: The method is unknown, an option is not one of the method's or is outside its
            range, or coefficients are not finite numbers for each expert.
    """

    method: str
    experts: Mapping[str, str]
    """Folder of each expert, by its name."""

    _: KW_ONLY
    base: str | None = None
    """Folder of the base model. None: there is none, and the first expert lends the merged model
    its configuration and tokenizer."""

    coefficients: Mapping[str, ByBlock] = field(default_factory=dict)
    """Scaling coefficient by expert, or by expert and then by block."""

    blocks: Blocks = field(default_factory=LayerGroups)
    """How the tensors are divided, where numbers differ from block to block."""

    options: Mapping[str, OptionValue] = field(default_factory=dict)
    """What the method has defaults for, by the option's name."""

    statistics: Mapping[str, str] = field(default_factory=dict)
    """File of each expert's statistics, for methods that take them."""

    dtype: str | None = None
    """What the merged weights are rounded to: `float32`, `bfloat16` or `float16`. None: each tensor
    has the dtype of the base's."""

    rounding_seed: int | None = None
    """Rounds to bfloat16 at random without bias, by this seed. None: to the nearest."""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise MergeError(f"unknown merge method {self.method!r}; there are {sorted(METHODS)}")
        if self.dtype not in {None, *DTYPES}:
            raise MergeError(f"dtype is one of {', '.join(DTYPES)}; got {self.dtype!r}")
        method = METHODS[self.method]
        _check_sources(method, self)
        if method.takes_coefficients:
            _check_coefficients(self)
        elif self.coefficients:
            raise MergeError(f"{self.method} takes no coefficients; leave them out")
        unknown = [name for name in self.options if name not in method.options]
        if unknown:
            raise MergeError(
                f"{self.method} has no option {unknown[0]!r}; it has "
                f"{', '.join(method.options) or 'none'}"
            )
        for name, value in self.options.items():
            _check_option(f"the option {name!r}", method.options[name], value, self.experts)

    def to_json(self) -> str:
        """Return the recipe as JSON text, every number exactly as it is."""
        content = {
            "format": FORMAT,
            "method": self.method,
            "base": self.base,
            "experts": dict(self.experts),
            "coefficients": _plain(self.coefficients),
            "blocks": blocks_to_json(self.blocks),
            "options": _plain(self.options),
            "statistics": dict(self.statistics),
            "dtype": self.dtype,
            "rounding_seed": self.rounding_seed,
        }
        return json.dumps(content, indent=2)

    @classmethod
    def from_json(cls, text: str) -> "MergeRecipe":
        """Read a recipe that `to_json` wrote, or that was written by hand.

        `base`, `blocks` and `options` may be left out.

        Raises:
            MergeError: The text is not a recipe.
        """
        try:
            content = json.loads(text)
            written = content["format"]
        except (ValueError, KeyError, TypeError) as error:
            raise MergeError(f"this is not a merge recipe as JSON: {error!r}") from error
        if written != FORMAT:
            raise MergeError(
                f"the recipe has format {written}, this version of moopt reads {FORMAT}"
            )
        known = {"format", *(each.name for each in fields(cls))}
        unknown = sorted(set(content) - known)
        if unknown:
            raise MergeError(f"a recipe has no {unknown[0]!r}; it has {', '.join(sorted(known))}")
        try:
            base = content.get("base")
            return cls(
                str(content["method"]),
                {str(name): str(path) for name, path in content["experts"].items()},
                base=None if base is None else str(base),
                coefficients=dict(content.get("coefficients", {})),
                blocks=blocks_from_json(content.get("blocks", {"layer_groups": ["all"]})),
                options=dict(content.get("options", {})),
                statistics=dict(content.get("statistics", {})),
                dtype=content.get("dtype"),
                rounding_seed=content.get("rounding_seed"),
            )
        except MergeError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MergeError(f"this is not a merge recipe as JSON: {error!r}") from error


def _check_sources(method: Method, recipe: MergeRecipe) -> None:
    count = len(recipe.experts)
    most = method.most_experts
    if count < method.fewest_experts or (most is not None and count > most):
        wanted = (
            f"{method.fewest_experts}"
            if most == method.fewest_experts
            else (f"at least {method.fewest_experts}")
        )
        raise MergeError(f"{method.name} merges {wanted} experts, got {count}")
    if method.statistics is None and recipe.statistics:
        raise MergeError(f"{method.name} takes no statistics; leave them out")
    if method.statistics is not None:
        kind = method.statistics.value
        _check_keys(
            f"{method.name} needs a file of {kind} statistics, which",
            recipe.statistics,
            list(recipe.experts),
        )
    if method.base is Base.REQUIRED and recipe.base is None:
        raise MergeError(
            f"{method.name} merges task vectors and needs the base model that the experts were "
            "fine-tuned from; give `base`"
        )


def _check_coefficients(recipe: MergeRecipe) -> None:
    _check_keys("coefficients", recipe.coefficients, list(recipe.experts))
    for expert, value in recipe.coefficients.items():
        _check_numbers(f"the coefficient of {expert!r}", value, -math.inf, math.inf)


def _check_option(
    what: str, option: Option, value: OptionValue, experts: Mapping[str, str]
) -> None:
    match option:
        case Flag():
            if not isinstance(value, bool):
                raise MergeError(f"{what} is true or false, got {value!r}")
        case Choice(words=words):
            if value not in words:
                raise MergeError(f"{what} is one of {', '.join(words)}; got {value!r}")
        case Seed():
            if isinstance(value, bool) or not isinstance(value, int):
                raise MergeError(f"{what} is a whole number, got {value!r}")
        case Number():
            if option.is_of_experts and isinstance(value, Mapping):
                _check_keys(what, value, list(experts))
                for expert, each in value.items():
                    _check_range(f"{what} of {expert!r}", option, each)
            else:
                _check_range(what, option, value)


def _check_range(what: str, option: Number, value: object) -> None:
    _check_numbers(what, value, option.low, option.high)
    values = value.values() if isinstance(value, Mapping) else [value]
    if option.excludes_low and any(each == option.low for each in values):
        raise MergeError(f"{what} must be larger than {option.low:g}")


def _check_numbers(what: str, value: object, low: float, high: float) -> None:
    by_block = value if isinstance(value, Mapping) else {None: value}
    if not by_block:
        raise MergeError(f"{what} names no block")
    for block, number in by_block.items():
        where = what if block is None else f"{what} in block {block!r}"
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise MergeError(f"{where} must be a number, got {number!r}")
        if not math.isfinite(number):
            raise MergeError(f"{where} must be a finite number, got {number}")
        if not low <= number <= high:
            raise MergeError(f"{where} must lie between {low:g} and {high:g}, got {number}")


def _check_keys(what: str, found: Mapping[str, object], expected: Sequence[str]) -> None:
    if set(found) != set(expected):
        raise MergeError(
            f"{what} must be given for {', '.join(expected)}; got them for "
            f"{', '.join(found) or 'none'}"
        )


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return value
