"""Load an exported model in a process of its own and measure it on the held-out texts.

    python examples/measure_export.py FOLDER

Only the folder is used, and transformers: the model, its tokenizer and the heads. The accuracies
are compared with those in the folder's measurements.json, where there is one. Equal weights give
equal answers, except where two classes are as likely as rounding can tell: other batches or another
number of threads add the same numbers in another order. So one answer in a thousand may differ.
"""

import csv
import gzip
import json
import os
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from torch.nn.functional import linear
from transformers import AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

DATA = Path(__file__).parent.parent / "studies" / "data"
BATCH = 50
TOLERANCE = 0.001
TEXTS = 40 if os.environ.get("MOOPT_SMOKE_TEST") else None
"""How many texts of a task are measured. None: all of them."""


def main(folder: Path) -> int:
    """Print the accuracy on every task; return 1 where one is not the recorded one."""
    model = AutoModel.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    recorded = {}
    if (folder / "measurements.json").is_file() and TEXTS is None:
        recorded = json.loads((folder / "measurements.json").read_text(encoding="utf-8"))[
            "held_out"
        ]
    differs = False
    for head in sorted((folder / "heads").glob("*.safetensors")):
        name = f"{head.stem}_accuracy"
        found = accuracy(model, tokenizer, head)
        line = f"{name} {found:.4f}"
        if name in recorded:
            expected = recorded[name]["mean"]
            agrees = abs(found - expected) <= TOLERANCE + 1e-9
            differs = differs or not agrees
            line += f", recorded {expected:.4f}: {'the same' if agrees else 'DIFFERS'}"
        sys.stdout.write(line + "\n")
    return int(differs)


def accuracy(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, head: Path) -> float:
    """Return the share of held-out texts that a head on the model classifies rightly."""
    with safe_open(head, framework="pt") as file:
        weight, bias = file.get_tensor("classifier.weight"), file.get_tensor("classifier.bias")
        classes = json.loads(file.metadata()["classes"])
        max_tokens = int(file.metadata()["max_tokens"])
    texts = held_out(DATA / f"{head.stem}.csv.gz")
    texts.sort(key=lambda row: len(row[0]))
    right = 0
    for first in range(0, len(texts), BATCH):
        batch = texts[first : first + BATCH]
        inputs = tokenizer(
            [text for text, _ in batch],
            truncation=True,
            max_length=max_tokens,
            padding=True,
            return_tensors="pt",
        )
        with torch.inference_mode():
            pooled = model(inputs["input_ids"], inputs["attention_mask"]).pooler_output
            answers = linear(pooled, weight, bias).argmax(dim=1).tolist()
        right += sum(
            classes[answer] == label for answer, (_, label) in zip(answers, batch, strict=True)
        )
    return right / len(texts)


def held_out(table: Path) -> list[tuple[str, str]]:
    """Return the held-out texts of a table and their labels."""
    with gzip.open(table, "rt", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "held_out"]
    return [(row["text"], row["label"]) for row in rows[:TEXTS]]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("give the folder of an exported model")
    sys.exit(main(Path(sys.argv[1])))
