"""A model card beside an exported model: what it is, how good, how it was made.

Measurements are also written as JSON, so that a program can check the model against them.
"""

import json
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

from moopt.merging.card import (
    CARD,
    MERGEKIT,
    RECIPE,
    front_matter,
    hub_names,
    loading,
    markdown_table,
)
from moopt.study.objectives import Direction
from moopt.study.study import Study
from moopt.study.trials import Measurement, Measurements, Trial

MEASUREMENTS = "measurements.json"
HEADS = "heads"
COMPRESSED = "compressed.safetensors"
HEAD = "head.safetensors"
TRAINING = "training.json"
SMALL_MODEL = f"""\
`{COMPRESSED}` is the model as it was measured: cut, and in int8 where it is int8. This loads it:

```python
from pathlib import Path

from moopt.training.compressed_folder import load_compressed

model = load_compressed(Path("path/to/this/folder"))
```

The model that transformers loads has zeros for what is gone, and floats: it gives the same answers,
up to the rounding of numbers, and is larger and slower."""
WITH_HEAD = f"""\
## How to load it

It is an encoder and a classifier on the mean of what the encoder says of each token; the weights of
the classifier are in `{HEAD}`.

```python
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

folder = "path/to/this/folder"
encoder = AutoModel.from_pretrained(folder)
tokenizer = AutoTokenizer.from_pretrained(folder)
head = load_file(folder + "/{HEAD}")

texts = ["A text to classify", "Another one"]
tokens = tokenizer(texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
with torch.inference_mode():
    hidden = encoder(**tokens).last_hidden_state
    mask = tokens["attention_mask"].unsqueeze(-1)
    mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
    logits = mean @ head["weight"].T + head["bias"]
classes = [encoder.config.id2label[index] for index in logits.argmax(dim=1).tolist()]
```"""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an exported model comes from."""

    study: Study
    trial: Trial
    _: KW_ONLY
    question: str = ""
    """What the study asks."""

    source: str = ""
    """The study as a command line names it: its file, or its name. Empty: unknown."""

    front_size: int | None = None
    """How many trials the front has that this one was chosen from. None: it was not on a front."""


def write_model_card(folder: Path, origin: Origin) -> None:
    """Write README.md and measurements.json into the folder of an exported model."""
    content = json.dumps(measurements_of(origin), indent=2, allow_nan=False)
    (folder / MEASUREMENTS).write_text(content + "\n", encoding="utf-8")
    (folder / CARD).write_text(model_card(folder, origin), encoding="utf-8")


def measurements_of(origin: Origin) -> dict[str, Any]:
    """Return what measurements.json holds, every number as it was measured."""
    trial = origin.trial
    return {
        "study": origin.study.name,
        "trial": trial.number,
        "parameters": trial.parameters,
        "measurements": _as_json(trial.measurements),
        "held_out": _as_json(trial.held_out),
    }


def model_card(folder: Path, origin: Origin) -> str:
    """Return the model card as Markdown with YAML front matter.

    Args:
        folder: The exported model: its files decide what the card says.
        origin: The study and the trial.
    """
    sections = [
        _front_matter(folder),
        _introduction(origin),
        _measured(origin),
        _loading(folder),
        _making(folder, origin),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _front_matter(folder: Path) -> str:
    recipe = folder / RECIPE
    if not recipe.is_file():
        return front_matter(folder, [], is_merge=False)
    base = json.loads(recipe.read_text(encoding="utf-8")).get("base")
    return front_matter(folder, hub_names([base] if isinstance(base, str) else []), is_merge=True)


def _introduction(origin: Origin) -> str:
    wanted = " and ".join(
        f"`{objective.name}` ({objective.direction.value})" for objective in origin.study.objectives
    )
    is_alone = len(origin.study.objectives) == 1
    place = "one of the trials"
    if origin.front_size is not None:
        place = f"one of the {origin.front_size} trials on the front"
        if is_alone:
            place = "the best trial" if origin.front_size == 1 else "one of the best trials"
    lines = [f"# {origin.study.name}, trial {origin.trial.number}", ""]
    if origin.question:
        lines += [f"> {origin.question}", ""]
    lines.append(
        f"This model is {place} of the study `{origin.study.name}`, which searched for the best "
        f"{wanted if is_alone else f'trade-offs between {wanted}'} with moopt."
    )
    return "\n".join(lines)


def _measured(origin: Origin) -> str:
    trial = origin.trial
    wanted = {
        objective.name: "larger" if objective.direction is Direction.MAXIMIZE else "smaller"
        for objective in origin.study.objectives
    }
    rows = [
        (
            f"`{name}`",
            wanted.get(name, ""),
            _text(trial.measurements.get(name)),
            _text(trial.held_out.get(name)),
        )
        for name in dict.fromkeys([*trial.measurements, *trial.held_out])
    ]
    note = "Means ± standard errors; every digit is in `measurements.json`. "
    if trial.held_out:
        note += (
            "The search chose this model by the search column; "
            "the held-out column was measured on data that it never saw."
        )
    else:
        note += "It was measured on the search's data only, by which it was chosen: expect less."
    table = markdown_table(("measurement", "better", "search", "held out"), rows, right=2)
    return f"## Measurements\n\n{table}\n\n{note}"


def _loading(folder: Path) -> str:
    if not (folder / HEAD).is_file():
        return loading(folder)
    settings = json.loads((folder / TRAINING).read_text(encoding="utf-8"))
    return WITH_HEAD.replace("MAX_TOKENS", str(settings["config"]["max_tokens"]))


def _making(folder: Path, origin: Origin) -> str:
    rows = [
        (f"`{name}`", f"`{json.dumps(value)}`") for name, value in origin.trial.parameters.items()
    ]
    lines = ["## How it was made", "", markdown_table(("parameter", "value"), rows, right=1)]
    if (folder / RECIPE).is_file():
        lines += ["", f"`{RECIPE}` is the merge recipe: same recipe, same weights."]
    if (folder / HEADS).is_dir():
        lines += ["", f"`{HEADS}/` has the classifiers with which it was measured, one a task."]
    if (folder / COMPRESSED).is_file():
        lines += ["", SMALL_MODEL]
    has_mergekit = (folder / MERGEKIT).is_file()
    if origin.source or has_mergekit:
        lines += ["", "To make it again:", "", "```sh"]
        if origin.source:
            lines.append(f"moopt export {origin.source} --trial {origin.trial.number} --to FOLDER")
        if has_mergekit:
            lines.append(f"mergekit-yaml {MERGEKIT} FOLDER    # the same with mergekit")
        lines.append("```")
    return "\n".join(lines)


def _text(measurement: Measurement | None) -> str:
    if measurement is None:
        return "not measured"
    mean = f"{measurement.mean:.4g}"
    return f"{mean} ± {measurement.sem:.2g}" if measurement.sem else mean


def _as_json(measurements: Measurements) -> dict[str, dict[str, float | None]]:
    return {name: {"mean": each.mean, "sem": each.sem} for name, each in measurements.items()}
