import pytest

from moopt.benchmarks.problems import problem_named
from moopt.benchmarks.recommended import main, shares
from moopt.benchmarks.small_races import whole_run


def test_a_front_keeps_at_most_what_was_tried() -> None:
    problem = problem_named("noisy_branin_currin")
    run = whole_run(problem, "sobol", 1, 12)

    kept = shares(problem, run)

    assert 0 <= kept.measured <= kept.tried
    assert 0 < kept.recommended <= kept.tried < 1


def test_crashes_count_as_trials_that_keep_nothing() -> None:
    problem = problem_named("crash_edge")
    run = whole_run(problem, "sobol", 0, 12)

    kept = shares(problem, run)

    assert any(run.failed)
    assert 0 < kept.recommended <= kept.tried < 1


def test_the_command_prints_a_line_for_each_seed(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--sampler", "sobol", "--seeds", "2", "--trials", "10"])

    titles = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert titles == ["noisy_branin_currin,", "seed", "0", "1", "mean", "sd"]
