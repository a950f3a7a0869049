import pytest

from moopt.benchmarks.problems import problem_named
from moopt.benchmarks.stagnation import looks, main


def test_what_is_left_grows_no_larger_and_looks_begin_late() -> None:
    found = list(looks(problem_named("loss_surface_3"), "sobol", 0, 14, percent=1.0))

    assert [look.trials for look in found] == [12, 13, 14]
    left = [look.left for look in found]
    assert left == sorted(left, reverse=True)
    assert all(look.left > 0 < look.bound and not look.is_stagnant for look in found)


def test_a_wide_limit_stops_at_the_third_look(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--problems", "loss_surface_3", "--samplers", "sobol", "--trials", "15"]
    main([*words, "--seeds", "1", "--percent", "1000"])

    _, row, _, verdict, total = capsys.readouterr().out.splitlines()
    assert row.split()[:4] == ["loss_surface_3", "sobol", "0", "14"]
    assert verdict == "1 of 1 stops left 1000 % at most"
    assert total == "4 of 4 bounds held"
