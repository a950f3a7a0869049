import gzip
from pathlib import Path

import pytest

from moopt.errors import TrainingError
from moopt.training.labelled_texts import LabelledTexts, read_split
from tests.tiny_models import write_table


def test_a_split_holds_its_own_rows_only(tmp_path: Path) -> None:
    table = write_table(tmp_path / "films.csv.gz", {"train": 4, "search": 2})

    found = read_split(table, "search")

    assert found.texts == ("a bad film", "the a good film")
    assert found.labels == ("negative", "positive")


def test_classes_are_in_alphabetical_order() -> None:
    texts = LabelledTexts(texts=("x", "y", "z"), labels=("spam", "ham", "spam"))

    assert texts.classes == ("ham", "spam")


def test_an_unknown_split_is_answered_by_those_that_are_there(tmp_path: Path) -> None:
    table = write_table(tmp_path / "films.csv.gz", {"train": 4, "search": 2})

    with pytest.raises(TrainingError, match=r"'test', only of \['search', 'train'\]"):
        read_split(table, "test")


def test_a_table_without_labels_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "films.csv.gz"
    table.write_bytes(gzip.compress(b"text,split\nx,train\n"))

    with pytest.raises(TrainingError, match="needs the columns"):
        read_split(table, "train")


def test_a_file_that_is_not_compressed_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "films.csv.gz"
    table.write_text("text,label,split\n")

    with pytest.raises(TrainingError, match="compressed by gzip"):
        read_split(table, "train")


def test_texts_without_labels_are_refused() -> None:
    with pytest.raises(TrainingError, match="got 2 texts and 1 labels"):
        LabelledTexts(texts=("x", "y"), labels=("spam",))
