import csv
import gzip
from collections import Counter
from pathlib import Path

import pytest

from studies.data.make_data import SPLITS, cleaned, ending, mail_text, split, write

DATA = Path(__file__).parents[2] / "studies" / "data"
TASKS = sorted(SPLITS)


def rows_of(task: str) -> list[tuple[str, str, str]]:
    with gzip.open(DATA / f"{task}.csv.gz", "rt", encoding="utf-8", newline="") as file:
        return [(row["text"], row["label"], row["split"]) for row in csv.DictReader(file)]


@pytest.mark.parametrize("task", TASKS)
def test_no_text_is_in_two_splits_or_twice_in_one(task: str) -> None:
    endings = Counter(ending(text) for text, _, _ in rows_of(task))

    assert max(endings.values()) == 1


@pytest.mark.parametrize("task", TASKS)
def test_classes_are_of_equal_size_in_every_split(task: str) -> None:
    rows = rows_of(task)
    classes = {label for _, label, _ in rows}

    assert Counter((label, split) for _, label, split in rows) == {
        (label, split): size // len(classes)
        for label in classes
        for split, size in SPLITS[task].items()
    }


def test_sentences_of_source_are_not_among_those_of_movies() -> None:
    movies, source = (
        {ending(text) for text, _, _ in rows_of(task)} for task in ("movies", "source")
    )

    assert movies & source == set()


@pytest.mark.parametrize("task", TASKS)
def test_texts_are_short_and_name_nobody(task: str) -> None:
    texts = [text for text, _, _ in rows_of(task)]

    assert max(map(len, texts)) <= 400
    assert [text for text in texts if "://" in text or "@anonymous" in text] == []


def test_addresses_and_numbers_are_replaced() -> None:
    text = cleaned("Call +1 (555) 123-4567, ann@example.org or http://example.org/x?y now #1 @ann")

    assert text == "Call NUMBER , EMAIL or URL now 1"


def test_a_mail_is_its_subject_and_its_words() -> None:
    mail = (
        b"From: ann@example.org\nSubject: Hello\nContent-Type: text/html\n\n"
        b"<html><style>p {}</style><p>Good &amp; <b>cheap</b></p></html>"
    )

    assert mail_text(mail) == "Hello Good & cheap"


def test_a_text_that_two_classes_share_is_in_neither() -> None:
    texts = {
        "a": ["first sentence of the letter", "the one and only shared sentence"],
        "b": ["second sentence of the letter", "The one and only shared sentence!"],
    }

    assert split(texts, {"train": 2}) == [
        ("second sentence of the letter", "b", "train"),
        ("first sentence of the letter", "a", "train"),
    ]


def test_too_few_texts_are_named() -> None:
    with pytest.raises(SystemExit, match="class 'a' has 1 texts, too few"):
        split({"a": ["the only sentence of this class"]}, {"train": 2})


def test_equal_rows_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path / name, rows_of("spam"))

    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
