"""`moopt run --transfer-from`."""

from pathlib import Path

import pytest

from moopt.store.store import Store
from tests.cli.conftest import TOY, Call
from tests.cli.made_stores import filled

QUICK = ("--executor", "in-process", "--trials", "5")


@pytest.fixture
def later(toy: Path, folder: Path) -> str:
    """A study like one in the store, which lies in another store too."""
    filled(toy, folder / "moopt.db")
    filled(toy, folder / "old.db")
    file = folder / "later.py"
    file.write_text(TOY.replace('"toy"', '"later"').replace("start_with", "# start_with"))
    return file.name


def test_a_run_learns_from_a_study_in_the_store_and_says_so(
    call: Call, later: str, folder: Path
) -> None:
    answer = call("run", later, *QUICK, "--transfer-from", "toy", "--transfer-from", "toy@old.db")

    told = "learns from 'toy': 4 trials, parameters rate, depth, outcomes accuracy, latency_ms\n"
    assert answer.status == 0
    assert answer.err.count(told) == 2
    with Store(str(folder / "moopt.db")) as store:
        assert [len(each.trials) for each in store.sources("later")] == [4, 4]
        assert store.trials("later")[0].sampler == "transfer"


def test_a_run_that_goes_on_says_from_what_it_learns(call: Call, later: str) -> None:
    call("run", later, *QUICK, "--transfer-from", "toy.py")

    answer = call("run", later, *QUICK)

    assert answer.status == 0
    assert "learns from 'toy', a copy of 4 of its trials\n" in answer.err


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (("--transfer-from", "other"), "the store has no study 'other', it has 'toy', 'later'"),
        (("--transfer-from", "later"), "learns from its own trials anyway; name another one"),
        (("--transfer-from", "toy@none.db"), "there is no store 'none.db'"),
        (
            ("--transfer-from", "toy", "--sampler", "sobol"),
            "QuasiRandomSampler does not learn from earlier studies; take the sampler auto",
        ),
    ],
)
def test_what_cannot_be_learned_from_is_told(
    call: Call, later: str, options: tuple[str, ...], part: str
) -> None:
    answer = call("run", later, *QUICK, *options)

    assert answer.status == 2
    assert part in answer.err
