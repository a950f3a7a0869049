"""Parts of a model card that every merged model has, and the card of a merge without a search."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from moopt.merging.checkpoint import CONFIG
from moopt.merging.locations import HUB_NAME
from moopt.merging.methods import METHODS
from moopt.merging.recipe import ByBlock, MergeRecipe, OptionValue

CARD = "README.md"
RECIPE = "recipe.json"
MERGEKIT = "mergekit.yml"

PAPERS: Mapping[str, str] = {
    "task_arithmetic": "[Ilharco et al., 2023](https://arxiv.org/abs/2212.04089)",
    "linear": "[Wortsman et al., 2022](https://arxiv.org/abs/2203.05482)",
    "slerp": "[Shoemake, 1985](https://doi.org/10.1145/325334.325242)",
    "nuslerp": "[Shoemake, 1985](https://doi.org/10.1145/325334.325242)",
    "ties": "[Yadav et al., 2023](https://arxiv.org/abs/2306.01708)",
    "dare_linear": "[Yu et al., 2024](https://arxiv.org/abs/2311.03099)",
    "dare_ties": "[Yu et al., 2024](https://arxiv.org/abs/2311.03099), "
    "[Yadav et al., 2023](https://arxiv.org/abs/2306.01708)",
    "della": "[Deep et al., 2024](https://arxiv.org/abs/2406.11617)",
    "della_linear": "[Deep et al., 2024](https://arxiv.org/abs/2406.11617)",
    "breadcrumbs": "[Davari and Belilovsky, 2024](https://arxiv.org/abs/2312.06795)",
    "breadcrumbs_ties": "[Davari and Belilovsky, 2024](https://arxiv.org/abs/2312.06795), "
    "[Yadav et al., 2023](https://arxiv.org/abs/2306.01708)",
    "sce": "[Wan et al., 2024](https://arxiv.org/abs/2408.07990)",
    "model_stock": "[Jang et al., 2024](https://arxiv.org/abs/2403.19522)",
    "fisher": "[Matena and Raffel, 2022](https://arxiv.org/abs/2111.09832)",
    "regmean": "[Jin et al., 2023](https://arxiv.org/abs/2212.09849)",
}
"""Where each method comes from."""

AUTO_CLASSES = ("ForCausalLM", "ForSequenceClassification", "ForTokenClassification", "ForMaskedLM")
"""Ends of the names of classes for which transformers has an AutoModel with the same end."""

MOST_LINES = 80
"""Longest recipe that a card shows."""


def merge_card(folder: Path, recipe: MergeRecipe, title: str) -> str:
    """Return the card of a merged model as Markdown with YAML front matter.

    Args:
        folder: The merged model: its files decide what the card says.
        recipe: With models of the hub by their names.
        title: The model's name.
    """
    models = [*([] if recipe.base is None else [recipe.base]), *recipe.experts.values()]
    sections = [
        front_matter(folder, hub_names(models), is_merge=True),
        _introduction(recipe, title),
        _models(recipe),
        loading(folder),
        _making(folder, recipe),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def front_matter(folder: Path, base_models: Sequence[str], *, is_merge: bool) -> str:
    """Return the YAML that a model hub reads, between its two rules.

    Args:
        folder: The model.
        base_models: Names on the hub of the models that it comes from.
        is_merge: Whether it was merged.
    """
    lines = ["---"]
    if (folder / CONFIG).is_file():
        lines.append("library_name: transformers")
    if len(base_models) == 1:
        lines.append(f"base_model: {json.dumps(base_models[0])}")
    elif base_models:
        lines += ["base_model:", *(f"- {json.dumps(name)}" for name in base_models)]
    lines += ["tags:", "- moopt", *(["- merge"] if is_merge else []), "---"]
    return "\n".join(lines)


def hub_names(models: Iterable[str]) -> list[str]:
    """Return the names on the hub; a folder of somebody's disk is of no use to others."""
    found = (HUB_NAME.fullmatch(model) for model in models if not Path(model).exists())
    return list(dict.fromkeys(name[1] for name in found if name is not None))


def loading(folder: Path) -> str:
    """Return how a model is loaded, nothing if it is no model of transformers."""
    if not (folder / CONFIG).is_file():
        return ""
    auto = f"AutoModel{_purpose(folder)}"
    has_tokenizer = any(folder.glob("tokenizer*")) or (folder / "vocab.txt").is_file()
    code = [
        f"from transformers import {auto}{', AutoTokenizer' if has_tokenizer else ''}",
        "",
        f'model = {auto}.from_pretrained("path/to/this/folder")',
    ]
    if has_tokenizer:
        code.append('tokenizer = AutoTokenizer.from_pretrained("path/to/this/folder")')
    return "## How to load it\n\n```python\n" + "\n".join(code) + "\n```"


def markdown_table(titles: Sequence[str], rows: Sequence[Sequence[str]], *, right: int) -> str:
    """Return a Markdown table whose last columns, from `right` on, lie to the right."""
    rule = ["---" if index < right else "---:" for index in range(len(titles))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (titles, rule, *rows))


def _purpose(folder: Path) -> str:
    """Return the end of the name of the class that loads a model with its head."""
    listed = json.loads((folder / CONFIG).read_text(encoding="utf-8")).get("architectures") or [""]
    return next((end for end in AUTO_CLASSES if str(listed[0]).endswith(end)), "")


def _introduction(recipe: MergeRecipe, title: str) -> str:
    count = len(recipe.experts)
    models = f"{count} models" if count > 1 else "one model"
    return (
        f"# {title}\n\nThis is a merge of {models}, made with moopt by `{recipe.method}`: "
        f"{METHODS[recipe.method].summary} ({PAPERS[recipe.method]})."
    )


def _models(recipe: MergeRecipe) -> str:
    rows = [] if recipe.base is None else [("base", _shown(recipe.base), "")]
    rows += [
        (name, _shown(model), _number(recipe.coefficients.get(name)))
        for name, model in recipe.experts.items()
    ]
    text = f"## Models\n\n{markdown_table(('name', 'model', 'coefficient'), rows, right=2)}"
    options = [
        (f"`{name}`", _option(value, recipe.experts)) for name, value in recipe.options.items()
    ]
    if options:
        text += f"\n\n{markdown_table(('option', 'value'), options, right=1)}"
    return text


def _making(folder: Path, recipe: MergeRecipe) -> str:
    lines = [
        "## How it was made",
        "",
        f"`{RECIPE}` is the merge recipe: same recipe, same weights. To make it again:",
        "",
        "```sh",
        f"moopt merge {RECIPE} --to FOLDER",
    ]
    if (folder / MERGEKIT).is_file():
        lines.append(f"mergekit-yaml {MERGEKIT} FOLDER    # the same with mergekit")
    lines.append("```")
    shown = replace(
        recipe,
        base=None if recipe.base is None else _name(recipe.base),
        experts={name: _name(model) for name, model in recipe.experts.items()},
        statistics={name: Path(file).name for name, file in recipe.statistics.items()},
    ).to_json()
    if shown.count("\n") < MOST_LINES:
        lines += ["", "```json", shown, "```"]
    return "\n".join(lines)


def _name(model: str) -> str:
    """Return a model's name on the hub, or the name of its folder without the way to it."""
    return model if HUB_NAME.fullmatch(model) else Path(model).name


def _shown(model: str) -> str:
    return f"`{_name(model)}`"


def _number(value: ByBlock | None) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        low, high = min(value.values()), max(value.values())
        return f"{low:g} to {high:g}, by block" if low < high else f"{low:g}"
    return f"{value:g}"


def _option(value: OptionValue, experts: Mapping[str, str]) -> str:
    if not isinstance(value, Mapping):
        return f"`{json.dumps(value)}`"
    if set(value) == set(experts):
        return ", ".join(f"{name} {_number(each)}" for name, each in value.items())
    return _number({name: each for name, each in value.items() if isinstance(each, float | int)})
