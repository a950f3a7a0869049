"""A mergekit configuration as a recipe.

mergekit's defaults are not those of moopt, so every option is written down. Masks differ, because
random numbers do, and moopt always computes in float32. Numbers that differ from tensor to tensor
are given for each tensor by its name, for which a model has to be opened.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, count
from pathlib import Path

from moopt.errors import MergeError
from moopt.merging.blocks import EveryTensor, LayerGroups
from moopt.merging.checkpoint import open_checkpoint
from moopt.merging.mergekit_dialect import (
    COEFFICIENT,
    DIALECTS,
    SHARE,
    BaseModel,
    Dialect,
    Fixed,
    Numeric,
    Switch,
)
from moopt.merging.mergekit_document import SURGERY, Document, Scope, Source, read_document
from moopt.merging.mergekit_values import Scalar, depths, first_that_fits, is_plain, layer_count
from moopt.merging.methods import METHODS
from moopt.merging.recipe import DTYPES, ByBlock, MergeRecipe, OptionValue

TensorsOf = Callable[[str], Sequence[str]]
"""Gives the names of a model's merged tensors, by what the configuration calls the model."""

SWITCHES: Mapping[Scalar, bool] = {
    **dict.fromkeys((1, "true", "yes", "on"), True),
    **dict.fromkeys((0, "false", "no", "off"), False),
}
"""What mergekit takes for true and false. True is 1 here, and False is 0."""


def tensors_in(model: str) -> list[str]:
    """Return the names of the merged tensors of a model folder.

    Raises:
        MergeError: It has no weights.
    """
    tensors = open_checkpoint(Path(model)).tensors
    return [name for name, info in tensors.items() if info.dtype.is_floating_point]


def recipe_from_mergekit(text: str, tensors_of: TensorsOf = tensors_in) -> MergeRecipe:
    """Return the recipe that computes what mergekit would.

    Parameters are looked up at the model, at the slice and at the configuration, in this order.
    Lists run along the depth, where embeddings, final norm and head are at the beginning. Without
    `dtype` and `out_dtype`, weights are written in the dtype of the base.

    Args:
        text: The configuration, YAML.
        tensors_of: Asked if a parameter differs from tensor to tensor, and for ranges of layers.

    Raises:
        MergeError: The text is no configuration, or asks for something that moopt does not do.
    """
    document = read_document(text)
    if document.method not in DIALECTS:
        raise MergeError(
            f"moopt does not have mergekit's method {document.method!r}; it has "
            f"{', '.join(DIALECTS)}"
        )
    reader = _Reader(document, DIALECTS[document.method], tensors_of)
    reader.check()
    return reader.recipe()


@dataclass(frozen=True)  # without slots, because what it finds is kept
class _Reader:
    """Looks up the parameters of a configuration."""

    document: Document
    dialect: Dialect
    tensors_of: TensorsOf

    def check(self) -> None:
        """Refuse parameters that the method does not have, and parts of models."""
        method, of_models = self.document.method, set(self.dialect.of_models)
        for source in self.document.sources:
            _check_known(f"{source.model!r} in {method}", source.parameters, of_models)
        for scope in self.document.shared:
            _check_known(method, scope, of_models | set(self.dialect.of_merge))
        for source in self.document.sources:
            layers = layer_count(self._depths) if source.layers is not None else 0
            if source.layers not in {None, (0, layers)}:
                raise MergeError(
                    f"a slice with the layers {list(source.layers or ())} of {source.model!r}, "
                    f"which has {layers}, {SURGERY}; moopt merges whole models: give the range "
                    f"[0, {layers}], or `models` instead of `slices`"
                )

    def recipe(self) -> MergeRecipe:
        """Return the recipe."""
        of_experts = {
            each.ours: {
                expert: self._number(name, each, (source.parameters, *self.document.shared))
                for expert, source in self._experts.items()
            }
            for name, each in self.dialect.of_models.items()
            if isinstance(each, Numeric)
        }
        of_merge = {
            each.ours: self._number(name, each, self.document.shared)
            for name, each in self.dialect.of_merge.items()
            if isinstance(each, Numeric)
        }
        columns = [
            *of_merge.values(),
            *(each for own in of_experts.values() for each in own.values()),
        ]
        coefficients = of_experts.pop(COEFFICIENT, {})
        if SHARE in of_merge:
            share = of_merge.pop(SHARE)
            coefficients = dict(zip(self._experts, (_one_minus(share), share), strict=True))
        is_by_tensor = any(isinstance(column, Mapping) for column in columns)
        return MergeRecipe(
            self.document.method,
            {name: source.model for name, source in self._experts.items()},
            base=None if self.dialect.base is BaseModel.FIRST_EXPERT else self.document.base,
            coefficients=coefficients,
            blocks=EveryTensor() if is_by_tensor else LayerGroups(),
            options={
                **{name: _once_if_equal(own) for name, own in of_experts.items()},
                **of_merge,
                **self._words(),
            },
            dtype=_dtype(self.document.dtype),
        )

    @cached_property
    def _experts(self) -> dict[str, Source]:
        """The models that are merged, by names that come from their folders."""
        document = self.document
        listed = {source.model: source for source in document.sources}
        if len(listed) < len(document.sources):
            models = [source.model for source in document.sources]
            twice = next(each for each in models if models.count(each) > 1)
            raise MergeError(f"{twice!r} is listed twice; list each model once")
        merged = self._merged(listed)
        names: dict[str, Source] = {}
        for source in merged:
            plain = Path(source.model.partition("@")[0]).name or source.model
            numbered = (f"{plain}-{number}" for number in count(2))
            names[next(name for name in chain([plain], numbered) if name not in names)] = source
        return names

    def _merged(self, listed: Mapping[str, Source]) -> list[Source]:
        base, role, method = self.document.base, self.dialect.base, self.document.method
        others = [source for model, source in listed.items() if model != base]
        if base is None and role in {BaseModel.REQUIRED, BaseModel.FIRST_EXPERT}:
            raise MergeError(f"{method} needs a `base_model`")
        is_sliced = any(source.layers is not None for source in listed.values())
        match role:
            case BaseModel.FIRST_EXPERT if base is not None:
                if len(others) != 1:
                    raise MergeError(
                        f"{method} merges `base_model` and one model, got {len(others)}"
                    )
                return [listed.get(base, Source(base, {})), *others]
            case BaseModel.ONE_MORE_EXPERT if base is not None and not is_sliced:
                return [*listed.values(), *([] if base in listed else [Source(base, {})])]
            case BaseModel.ONE_MORE_EXPERT:
                return [*listed.values()]
        return others

    @cached_property
    def _depths(self) -> dict[str, float]:
        """The depth of each tensor, of the model that lends the names."""
        first = next(iter(self._experts.values())).model if self._experts else None
        reference = first if self.dialect.base is BaseModel.FIRST_EXPERT else None
        return depths(self.tensors_of(reference or self.document.base or str(first)))

    def _number(self, name: str, numeric: Numeric, scopes: Sequence[Scope]) -> ByBlock:
        numbers = {
            tensor: self._as_number(name, numeric, value)
            for tensor, value in self._values(name, scopes).items()
        }
        return next(iter(numbers.values())) if len(set(numbers.values())) == 1 else numbers

    def _as_number(self, name: str, numeric: Numeric, value: Scalar | None) -> float:
        number = numeric.default if value is None else value
        if number is None:
            raise MergeError(
                f"{self.document.method} needs {name!r} for every tensor and every model; give it "
                "under `parameters`, and let a list of conditions end with one without a filter"
            )
        if isinstance(number, bool | str):
            raise MergeError(f"{name!r} is a number, got {number!r}")
        return min(float(number), numeric.most)

    def _words(self) -> dict[str, OptionValue]:
        """Return the options that are no numbers, and those that mergekit does not have."""
        found: dict[str, OptionValue] = {}
        for name, each in self.dialect.of_merge.items():
            match each:
                case Fixed(value=value) if self._is_on(name, default=value) != value:
                    raise MergeError(
                        f"moopt's {self.document.method} computes as with "
                        f"`{name}: {str(value).lower()}` only; leave {name!r} out"
                    )
                case Switch(ours=ours, default=default, words=words):
                    is_on = self._is_on(name, default=default)
                    found[ours] = words.get(is_on, is_on)
        options = METHODS[self.document.method].options
        if "election" in options:
            found["election"] = "weighted"
        if "scale" in options and "lambda" not in self.dialect.of_merge:
            found["scale"] = 1.0
        return found

    def _is_on(self, name: str, *, default: bool) -> bool:
        values = set(self._values(name, self.document.shared).values())
        wrong = [value for value in values if value is not None and value not in SWITCHES]
        if wrong:
            raise MergeError(f"{name!r} is true or false, got {wrong[0]!r}")
        found = {default if value is None else SWITCHES[value] for value in values}
        if len(found) != 1:
            raise MergeError(
                f"{name!r} differs from tensor to tensor, which moopt does not do; give it once"
            )
        return found.pop()

    def _values(self, name: str, scopes: Sequence[Scope]) -> dict[str, Scalar | None]:
        """Return what stands for each tensor, or under no name what stands for all."""
        settings = [scope[name] for scope in scopes if scope.get(name)]
        if not settings or is_plain(settings[0]):
            return {"": first_that_fits(settings, "", 0.0)}
        return {
            tensor: first_that_fits(settings, tensor, depth)
            for tensor, depth in self._depths.items()
        }


def _check_known(what: str, scope: Scope, known: set[str]) -> None:
    unknown = [name for name in scope if name not in known]
    if unknown:
        raise MergeError(
            f"{what} has no parameter {unknown[0]!r} that mergekit reads; it has "
            f"{', '.join(sorted(known)) or 'none'}"
        )


def _once_if_equal(own: Mapping[str, ByBlock]) -> OptionValue:
    """Return a number of experts, once if all of them share it."""
    first = next(iter(own.values()), None)
    is_shared = isinstance(first, float) and all(each == first for each in own.values())
    return first if is_shared and first is not None else own


def _one_minus(share: ByBlock) -> ByBlock:
    if isinstance(share, Mapping):
        return {tensor: 1 - each for tensor, each in share.items()}
    return 1 - share


def _dtype(found: str | None) -> str | None:
    if found not in {None, *DTYPES}:
        raise MergeError(
            f"moopt writes {', '.join(DTYPES)}, not {found!r}; give one of them as `out_dtype`"
        )
    return found
