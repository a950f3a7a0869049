from pathlib import Path

from tests.cli.conftest import Call


def test_status_says_what_was_chosen_and_why(call: Call, toy: Path) -> None:
    call("run", str(toy), "--trials", "4", "--executor", "in-process")

    lines = call("status", "toy").out.splitlines()

    assert "  sampler      sobol: 3 of 5 initial trials have begun" in lines
