"""Texts with their classes, read from one split of a table."""

import csv
import gzip
from dataclasses import dataclass
from pathlib import Path

from moopt.errors import TrainingError

COLUMNS = ("text", "label", "split")


@dataclass(frozen=True, slots=True)
class LabelledTexts:
    """Texts and the class of each, in the same order.

    Raises:
        TrainingError: There is no text, or not one label a text.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.texts or len(self.texts) != len(self.labels):
            raise TrainingError(
                "labelled texts need one label a text and at least one text, "
                f"got {len(self.texts)} texts and {len(self.labels)} labels"
            )

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels that occur, in alphabetical order."""
        return tuple(sorted(set(self.labels)))

    def __getitem__(self, chosen: slice) -> "LabelledTexts":
        """Return some of them."""
        return LabelledTexts(self.texts[chosen], self.labels[chosen])


def read_split(table: Path, split: str) -> LabelledTexts:
    """Read one split of a gzip-compressed table with the columns text, label and split.

    Raises:
        TrainingError: The file is not such a table, or has no row of this split.
    """
    try:
        with gzip.open(table, "rt", encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
            found = tuple(reader.fieldnames or ())
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(
            f"cannot read {table} as a table compressed by gzip: {error}"
        ) from error
    if not set(COLUMNS) <= set(found):
        raise TrainingError(f"{table} needs the columns {COLUMNS}, found {found}")
    chosen = [row for row in rows if row["split"] == split]
    if not chosen:
        splits = sorted({row["split"] for row in rows})
        raise TrainingError(f"{table} has no row of the split {split!r}, only of {splits}")
    return LabelledTexts(
        texts=tuple(row["text"] for row in chosen), labels=tuple(row["label"] for row in chosen)
    )
