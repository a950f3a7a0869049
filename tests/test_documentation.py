"""The documentation is true: its programs run, its links lead somewhere, its commands exist."""

import re
import runpy
import shlex
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

import moopt
from moopt.cli.app import COMMANDS, command_line, main

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(
    page
    for folder in (ROOT, DOCS, ROOT / "studies", ROOT / "examples")
    for page in (folder.glob("*.md") if folder == ROOT else folder.rglob("*.md"))
    if "_build" not in page.parts
)
LEARNING = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
"""Pages with programs, which are executed."""

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"# ([\w/]+\.py)\n")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
NAMED_COMMAND = re.compile(r"\bmoopt ([a-z][a-z-]*)")
VERSION = re.compile(r"^## \[?(\d+\.\d+\.\d+)", re.MULTILINE)


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    return [code for kind, code in FENCE.findall(page.read_text()) if kind == language]


def calls(page: Path) -> Iterator[list[str]]:
    """Yield the words of every call of moopt in the shell blocks of a page."""
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["moopt"]:
                yield words[1:]


def program(page: Path) -> str:
    """Return the Python blocks of a page, every line at the place that it has there."""
    text = page.read_text()
    kept = [""] * (text.count("\n") + 1)
    for match in FENCE.finditer(text):
        if match[1] == "python":
            first = text.count("\n", 0, match.start(2))
            lines = match[2].splitlines()
            kept[first : first + len(lines)] = lines
    return "\n".join(kept)


def prose(page: Path) -> str:
    """Return a page without its blocks of code."""
    return FENCE.sub("", page.read_text())


def linked(page: Path) -> list[str]:
    found = [words or image for words, image in LINK.findall(prose(page))]
    return [each for each in found if not re.match(r"\w+:", each)]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as MyST and GitHub make them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def options(name: str) -> set[str]:
    """Return the options of a command, without those that all have."""
    group = typer.main.get_command(command_line(name))
    assert isinstance(group, TyperGroup)
    words = {word for each in group.commands[name].params for word in each.opts}
    return {word for word in words if word.startswith("--")}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty current folder; what programs change in this process is undone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MOOPT_STORE", raising=False)
    monkeypatch.delenv("MOOPT_DEBUG", raising=False)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(sys, "path", sys.path[:])
    return tmp_path


def write_files(page: Path, folder: Path) -> None:
    """Write the blocks that begin with the name of a file, as a reader would."""
    for block in blocks(page, "python"):
        name = FILE_NAME.match(block)
        if name is not None:
            (folder / name[1]).parent.mkdir(parents=True, exist_ok=True)
            (folder / name[1]).write_text(block)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in LEARNING if blocks(page, "python")], ids=name_of)
def test_the_python_of_a_page_runs_from_top_to_bottom(page: Path, folder: Path) -> None:
    write_files(page, folder)
    script = folder / "page.py"
    script.write_text(program(page))

    runpy.run_path(str(script))


@pytest.mark.slow
def test_the_commands_of_the_first_page_run_one_after_the_other(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = DOCS / "start.md"
    write_files(page, folder)

    for words in calls(page):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert (ended.value.code or 0) == 0, capsys.readouterr().err
    assert (folder / "network.html").stat().st_size > 0


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_calls_of_a_page_have_commands_and_options_that_exist(page: Path) -> None:
    for name, *words in calls(page):
        assert name in COMMANDS
        asked = {word.split("=")[0] for word in words if word.startswith("--")}
        assert asked <= options(name) | {"--debug", "--help"}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_commands_that_a_page_names_exist(page: Path) -> None:
    in_code = re.findall(r"`([^`]+)`", prose(page))
    named = {name for code in in_code for name in NAMED_COMMAND.findall(code)}

    assert named <= set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    for link in linked(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(target), link


def test_every_command_is_explained() -> None:
    told = (DOCS / "cli.md").read_text()

    assert [name for name in COMMANDS if f"`moopt {name}" not in told] == []


def test_every_option_of_run_is_explained() -> None:
    told = (DOCS / "cli.md").read_text()

    assert [option for option in sorted(options("run")) if f"`{option}" not in told] == []


def test_every_layer_is_explained() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = next(each["layers"] for each in contracts["contracts"] if each["id"] == "one-way")
    told = (DOCS / "architecture.md").read_text()

    rows = [" | ".join(layer.split(" | ")) for layer in layers]

    assert [row for row in rows if f"`{'`, `'.join(row.split(' | '))}`" not in told] == []


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    newest = VERSION.search((ROOT / "CHANGELOG.md").read_text())

    assert newest is not None
    assert moopt.__version__ == project["version"] == newest[1]


def test_every_paper_that_a_docstring_names_is_in_the_list() -> None:
    told = (DOCS / "literature.md").read_text()
    sources = [
        " ".join(source.split())
        for module in sorted((ROOT / "moopt").rglob("*.py"))
        for source in re.findall(
            r"Source: (.+?)(?:\n\s*\n|\"\"\"|\.\n)", module.read_text(), re.DOTALL
        )
    ]
    authors = {part.split(",")[0].split(" ")[0] for each in sources for part in each.split("; ")}

    assert authors
    assert [author for author in authors if author not in told] == []
