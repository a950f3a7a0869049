"""A recipe as a configuration for mergekit, for people who merge with it.

mergekit reads a list of values along the depth, and takes embeddings, norm and head for depth 0.
To say exactly what moopt merges, every layer and every tensor without a layer gets a filter of its
own: a part of the tensor's name and its value, of which the first that fits counts.
"""

import json
from collections.abc import Iterable

from moopt.merging.layer_groups import layer_groups, layer_prefix
from moopt.merging.recipe import MergeRecipe


def mergekit_yaml(recipe: MergeRecipe, tensors: Iterable[str]) -> str:
    """Return the text of a mergekit configuration.

    Args:
        recipe: What to merge.
        tensors: Names of the base's merged tensors.
    """
    filters: dict[str, str] = {}
    for name, group in layer_groups(tensors, recipe.layer_groups).items():
        filters.setdefault(layer_prefix(name) or name, group)
    lines = [
        f"merge_method: {recipe.method}",
        f"base_model: {_quoted(recipe.base)}",
        "models:",
    ]
    for expert, path in recipe.experts.items():
        coefficients = recipe.coefficients[expert]
        lines += [f"  - model: {_quoted(path)}", "    parameters:", "      weight:"]
        lines += [
            f"        - {{filter: {_quoted(part)}, value: {_number(coefficients[group])}}}"
            for part, group in filters.items()
        ]
        lines.append(f"        - value: {_number(coefficients[recipe.layer_groups[-1]])}")
    lines += [
        "parameters:",
        "  normalize: false",
        "  lambda: 1.0",
        "dtype: float32",
        "tokenizer_source: base",
    ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text)  # a JSON string is a YAML string


def _number(value: float) -> str:
    mantissa, mark, exponent = repr(float(value)).partition("e")
    if mark and "." not in mantissa:
        mantissa += ".0"  # YAML 1.1 reads 1e-05 as text
    return mantissa + mark + exponent
