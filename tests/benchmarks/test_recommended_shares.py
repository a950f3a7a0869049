from pathlib import Path

import pytest

from moopt.benchmarks.problems import problem_named
from moopt.benchmarks.recommended import main, shares
from moopt.benchmarks.runs import search_run


def test_a_front_keeps_at_most_what_was_tried() -> None:
    problem = problem_named("noisy_branin_currin")
    run = search_run(problem, "sobol", 1, 12)

    kept = shares(problem, run)

    assert 0 <= kept.measured <= kept.tried
    assert 0 < kept.recommended <= kept.tried < 1


def test_crashes_count_as_trials_that_keep_nothing() -> None:
    problem = problem_named("crash_edge")
    run = search_run(problem, "sobol", 0, 12)

    kept = shares(problem, run)

    assert any(run.failed)
    assert 0 < kept.recommended <= kept.tried < 1


def test_the_command_prints_a_line_for_each_seed_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["--sampler", "sobol", "--seeds", "2", "--trials", "10", "--to", str(tmp_path)]

    main(call)
    first = capsys.readouterr().out
    main(call)

    titles = [line.split()[0] for line in first.splitlines()]
    assert titles == ["noisy_branin_currin,", "seed", "0", "1", "mean", "sd"]
    assert capsys.readouterr().out == first
    assert len(list(tmp_path.iterdir())) == 2
