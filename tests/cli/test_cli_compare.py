"""`moopt compare` finds studies by name, pattern and store, and says what cannot be compared."""

from pathlib import Path

import pytest

from moopt.store.store import Store
from moopt.study.objectives import Maximize, Minimize, Objective
from moopt.study.parameters import Continuous
from moopt.study.study import Study
from moopt.study.trials import Candidate, Measurement
from tests.cli.conftest import Call
from tests.cli.test_cli_refusals import check


def enter(store: Path, name: str, scale: float, *, reference: float = 0.0) -> None:
    """Enter a study with four trials, the better the larger the scale."""
    study = Study(
        name,
        parameters=[Continuous("x", 0.0, 1.0)],
        objectives=[
            Objective("up", Maximize, reference=reference),
            Objective("down", Minimize, reference=0.0),
        ],
    )
    with Store(str(store)) as opened:
        opened.register(study)
        for index in range(4):
            candidate = Candidate({"x": 0.1 * index}, sampler="sobol" if index < 2 else "bayesian")
            number = opened.add(name, candidate, 0).number
            opened.start(name, number, driver="test")
            value = scale * (index + 1)
            measurements = {"up": Measurement(value), "down": Measurement(-value)}
            opened.complete(name, number, measurements)


@pytest.fixture
def stores(folder: Path) -> Path:
    for seed in range(3):
        enter(folder / "moopt.db", f"ours-{seed}", 2.0 + seed)
        enter(folder / "moopt.db", f"random-{seed}", 1.0)
    enter(folder / "other.db", "ours-0", 5.0)
    enter(folder / "other.db", "elsewhere", 5.0, reference=0.5)
    return folder


def headings(page: Path) -> str:
    text = page.read_text(encoding="utf-8")
    return text[text.index("<h1>") + 4 : text.index("</h1>")]


def test_patterns_are_groups(call: Call, stores: Path) -> None:
    answer = call("compare", "ours=ours-*", "random-*", "--to", "out/page.html")

    assert (answer.status, answer.out) == (0, "")
    page = stores / "out" / "page.html"
    assert headings(page) == "ours against random-*"
    # Hypervolumes of squares: of 4 times 2, 3 and 4.
    assert "<td>144</td>" in page.read_text(encoding="utf-8")


def test_studies_of_one_name_are_told_apart_by_their_stores(call: Call, stores: Path) -> None:
    call("compare", "ours-0", "ours-0@other.db", "--to", "page.html")

    assert headings(stores / "page.html") == "ours-0 against ours-0@other.db"


def test_samplers_of_one_study_can_be_compared(call: Call, stores: Path) -> None:
    call("compare", "ours-*", "--by-sampler", "--to", "page.html")

    assert headings(stores / "page.html") == "sobol against bayesian"


def test_what_cannot_be_compared_is_refused(call: Call, stores: Path) -> None:
    assert (stores / "other.db").exists()
    answers = [
        (("ours-0", "elsewhere@other.db"), "the reference of 'up' is 0 in ours-0 and 0.5"),
        (("theirs-*",), "no study in moopt.db is called 'theirs-*'"),
        (("ours-0", "ours-0"), "ours-0 is named twice"),
        (("ours-0@nowhere.db",), "there is no store 'nowhere.db'"),
    ]
    for names, message in answers:
        check(call("compare", *names, "--to", "page.html"), 2, message)
    check(call("compare", "ours-0", "--to", "page.pdf"), 2, "ends in .html")
