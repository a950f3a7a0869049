from pathlib import Path

import pytest

from moopt.benchmarks.merge_memory import RESET, MergeMemory, main
from tests.benchmarks.small_models import small_family


def test_the_limit_is_three_times_the_largest_tensor_and_300_megabytes() -> None:
    assert MergeMemory("ties", 0, largest_tensor=100_000_000).limit == 600_000_000


@pytest.mark.slow
def test_the_command_prints_a_row_for_each_method(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not RESET.exists():
        pytest.skip("needs Linux")
    base = small_family(tmp_path).base

    main(["--model", str(base), "--experts", "2", "--methods", "linear,slerp"])

    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["method", "extra", "MB", "limit", "MB", "share"]
    assert [row.split()[0] for row in rows] == ["linear", "slerp"]
    assert all(0 <= int(row.split()[1]) < 300 for row in rows)
