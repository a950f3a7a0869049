"""A recipe as a configuration for mergekit, for people who merge with it.

Every number that both have is written, defaults included, because their defaults differ. What
mergekit computes otherwise is refused where the weights would be others without anybody noticing,
and said in a comment at the top where the merge is the same but for chance, for rounding, or for
tensors of a rare kind.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import yaml

from moopt.errors import MergeError
from moopt.merging.mergekit_dialect import (
    ADDITIONS,
    COEFFICIENT,
    DIALECTS,
    SHARE,
    BaseModel,
    Numeric,
    Switch,
)
from moopt.merging.mergekit_values import conditions
from moopt.merging.methods.method import Column, Settings
from moopt.merging.methods.spherical import share_of_second
from moopt.merging.recipe import MergeRecipe
from moopt.merging.settings import settings_of

REVISION = re.compile(r"[\w.\-]+/[\w.\-]+@[\w.\-/]+")
"""A model on a hub with its revision."""

OF_ONE_SIZE = 1e-9
"""Relative difference up to which coefficients count as equal."""


def mergekit_yaml(
    recipe: MergeRecipe,
    tensors: Iterable[str],
    *,
    stored_dtype: str | None = None,
    adapters: Collection[str] = (),
) -> str:
    """Return the text of a mergekit configuration.

    A number that differs from tensor to tensor is written as conditions on names, never as a list
    along the depth. Comments at the top say what mergekit does otherwise: random masks are others,
    DARE is rescaled by the tensor's sum of absolute values instead of by the density, of equal
    numbers at a cut not all are kept, weights are rounded to the nearest, and tensors of zeros or
    of hardly any change have rules of their own in SLERP, SCE and model stock.

    Args:
        recipe: What to merge.
        tensors: Names of the merged tensors.
        stored_dtype: What the merged weights are rounded to if the recipe does not say. None:
            mergekit leaves them in float32.
        adapters: The experts that are adapters of the base.

    Raises:
        MergeError: mergekit does not have the method, or would compute something else: a vote
            without weights where the coefficients differ, DELLA whose numbers are divided by their
            own probabilities, SCE with a scale, or one folder as two models. Or there are no
            tensors.
    """
    if recipe.method not in DIALECTS:
        raise MergeError(f"mergekit does not have the method {recipe.method!r}")
    names = list(tensors)
    settings = settings_of(recipe, names)
    written = _Writer(recipe, settings, names)
    written.check()
    lines = ["# Written by moopt.", *(f"# {each}" for each in written.remarks())]
    lines.append(f"merge_method: {recipe.method}")
    models = {
        folder: _adapted(recipe.base, folder)
        if recipe.base and name in adapters
        else _model(folder)
        for name, folder in recipe.experts.items()
    }
    if written.base is not None:
        lines.append(f"base_model: {models.get(written.base) or _model(written.base)}")
    lines.append("models:")
    for index, model in enumerate(models.values()):
        lines.append(f"  - model: {model}")
        lines += _section(written.of_expert(index), "    ")
    lines += _section(written.of_merge(), "")
    lines.append("dtype: float32")
    dtype = recipe.dtype or stored_dtype
    if dtype is not None:
        lines.append(f"out_dtype: {dtype}")
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class _Writer:
    """Knows the numbers of every tensor."""

    recipe: MergeRecipe
    settings: Settings
    names: Sequence[str]

    @property
    def base(self) -> str | None:
        """What `base_model` has to be. A linear merge would take it for one more expert."""
        match DIALECTS[self.recipe.method].base:
            case BaseModel.FIRST_EXPERT:
                return next(iter(self.recipe.experts.values()))
            case BaseModel.ONE_MORE_EXPERT:
                return None
            case BaseModel.REQUIRED | BaseModel.OPTIONAL:
                return self.recipe.base

    def of_expert(self, index: int) -> dict[str, list[str]]:
        """Return the parameters of an expert as lines of YAML."""
        parameters = DIALECTS[self.recipe.method].of_models
        tables = {**self.settings.of_experts, COEFFICIENT: self.settings.coefficients}
        return {
            name: self._conditions(tables[each.ours][:, index])
            for name, each in parameters.items()
            if isinstance(each, Numeric)
        }

    def of_merge(self) -> dict[str, list[str]]:
        """Return the parameters that are given once, as lines of YAML."""
        columns = dict(self.settings.of_tensors)
        if self.recipe.method == "slerp":
            columns[SHARE] = share_of_second(self.settings)
        lines = {}
        for name, each in DIALECTS[self.recipe.method].of_merge.items():
            match each:
                case Numeric(ours=ours):
                    lines[name] = self._conditions(columns[ours])
                case Switch(ours=ours, words=words) if words:
                    is_off = self.settings.words[ours] == words[False]
                    lines[name] = ["false" if is_off else "true"]
                case Switch(ours=ours):
                    lines[name] = ["true" if self.settings.flags[ours] else "false"]
        return lines

    def check(self) -> None:
        """Refuse what mergekit computes otherwise."""
        recipe, settings = self.recipe, self.settings
        folders = [*recipe.experts.values()]
        if self.base is not None and self.base == recipe.base:
            folders.append(self.base)
        twice = next((each for each in folders if folders.count(each) > 1), None)
        if twice is not None:
            raise MergeError(
                f"mergekit tells models apart by their folders, and {twice!r} is two models of "
                "this recipe; name each folder once"
            )
        if settings.words.get("election") == "unweighted" and not _are_of_one_size(settings):
            raise MergeError(
                "mergekit weights the votes by the coefficients, which differ here; its "
                'configuration needs the option "election": "weighted"'
            )
        if recipe.method.startswith("della") and self._is_rescaled_inversely():
            raise MergeError(
                "mergekit restores the sum of absolute values of DELLA's task vectors instead of "
                "dividing each number by its probability, which gives large numbers more weight; "
                'its configuration needs the option "rescale": "l1"'
            )
        if recipe.method == "sce" and bool((settings.of_tensors["scale"] != 1).any()):
            raise MergeError("mergekit's sce has no scale; its configuration needs a scale of 1")

    def remarks(self) -> list[str]:
        """Return what mergekit does a little otherwise, a line each."""
        method, recipe = self.recipe.method, self.recipe
        said = []
        if recipe.base is not None and self.base != recipe.base:
            said.append("mergekit takes configuration and tokenizer from a model that is merged.")
        if method.startswith(("dare", "della")):
            said.append("mergekit draws other masks: it has random numbers of its own.")
        if method.startswith("dare") and self._is_rescaled_inversely():
            said.append(
                "moopt divides by the density; mergekit restores the sum of absolute values, which "
                "is nearly the same in large tensors and not in small ones."
            )
        if method in {"ties", "breadcrumbs", "breadcrumbs_ties", "sce"}:
            said.append("Of equal numbers at a cut moopt keeps all, mergekit some.")
        if method in {"slerp", "nuslerp"}:
            said.append("Where one of two tensors is all zeros, only moopt goes straight.")
        if method in {"sce", "model_stock"}:
            said.append("Tensors that hardly changed: mergekit takes for none what is small.")
        if recipe.rounding_seed is not None:
            said.append("mergekit rounds to the nearest, not at random.")
        return said

    def _is_rescaled_inversely(self) -> bool:
        is_thinned = bool((self.settings.of_experts["density"] < 1).any())
        return self.settings.words["rescale"] == "inverse" and is_thinned

    def _conditions(self, column: Column) -> list[str]:
        found = conditions(dict(zip(self.names, column.tolist(), strict=True)))
        if len(found) == 1:
            return [_number(found[0][1])]
        return [
            f"{{value: {_number(value)}}}"
            if part is None
            else f"{{filter: {_quoted(part)}, value: {_number(value)}}}"
            for part, value in found
        ]


def _are_of_one_size(settings: Settings) -> bool:
    """Say whether in each tensor the coefficients that are not 0 differ in their signs only."""
    sizes = np.abs(settings.coefficients)
    largest = sizes.max(axis=1, keepdims=True)
    return bool(((sizes == 0) | (sizes >= largest * (1 - OF_ONE_SIZE))).all())


def _section(parameters: Mapping[str, Sequence[str]], indent: str) -> list[str]:
    """Return a `parameters:` section, nothing if it would be empty."""
    lines = [f"{indent}parameters:"] if parameters else []
    for name, values in parameters.items():
        if len(values) == 1:
            lines.append(f"{indent}  {name}: {values[0]}")
        else:
            lines.append(f"{indent}  {name}:")
            lines += [f"{indent}    - {value}" for value in values]
    return lines


def _model(name: str) -> str:
    """Return a model's name so that mergekit reads nothing into its signs."""
    if any(sign in name for sign in ADDITIONS) and not REVISION.fullmatch(name):
        return f"{{model: {{path: {_quoted(name)}}}}}"
    return _quoted(name)


def _adapted(model: str, adapter: str) -> str:
    return f"{{model: {{path: {_quoted(model)}}}, lora: {{path: {_quoted(adapter)}}}}}"


def _quoted(text: str) -> str:
    quoted: str = yaml.safe_dump(text, default_style='"', allow_unicode=True, width=10**9)
    return quoted.removesuffix("\n")


def _number(value: float) -> str:
    mantissa, mark, exponent = repr(float(value)).partition("e")
    if mark and "." not in mantissa:
        mantissa += ".0"  # YAML 1.1 reads 1e-05 as text
    return mantissa + mark + exponent
