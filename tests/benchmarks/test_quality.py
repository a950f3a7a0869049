import json
from pathlib import Path

import pytest

from moopt.benchmarks.problems import problem_named
from moopt.benchmarks.quality import compare, main, print_table
from moopt.benchmarks.runs import Run, kept_run, search_run
from moopt.errors import SelectionError


def made_run(search: str, seed: int, *hypervolumes: float) -> Run:
    count = len(hypervolumes)
    return Run(
        "crash_edge", search, seed, ({},) * count, hypervolumes, (True,) * count, (0.5,) * count
    )


def test_equal_seeds_give_equal_runs() -> None:
    problem = problem_named("branin_currin")

    first, again = (search_run(problem, "sobol", 3, 4) for _ in range(2))

    assert first.parameters == again.parameters
    assert first.hypervolumes == again.hypervolumes
    assert list(first.hypervolumes) == sorted(first.hypervolumes)


def test_crashes_are_counted() -> None:
    run = search_run(problem_named("crash_edge"), "random", 0, 8)

    assert list(run.failed) == [each["x"] < 0.3 for each in run.parameters]


def test_seeds_are_interleaved() -> None:
    runs = compare(problem_named("zdt1"), ["sobol", "random"], [0, 1], trials=1)

    order = [(run.search, run.seed) for run in runs]
    assert order == [("sobol", 0), ("random", 0), ("sobol", 1), ("random", 1)]


def test_a_kept_run_is_not_made_again(tmp_path: Path) -> None:
    problem = problem_named("zdt1")
    made = kept_run(problem, "sobol", 0, 3, tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_text(json.dumps({**json.loads(file.read_text()), "ask_seconds": [7.0, 7.0, 7.0]}))

    kept = kept_run(problem, "sobol", 0, 2, tmp_path)
    longer = kept_run(problem, "sobol", 0, 4, tmp_path)

    assert kept.ask_seconds == (7.0, 7.0, 7.0)
    assert kept.parameters == made.parameters
    assert longer.parameters[:3] == made.parameters
    assert len(longer.parameters) == 4


def test_the_table_holds_scores_and_wins(capsys: pytest.CaptureFixture[str]) -> None:
    problem = problem_named("crash_edge")
    best = problem.best_hypervolume
    runs = [
        made_run("bayesian", 0, 0.0, 0.5 * best),
        made_run("random", 0, 0.0, 0.25 * best),
        made_run("bayesian", 1, 0.0, 0.75 * best),
        made_run("random", 1, 0.0, 0.75 * best),
    ]

    print_table(problem, runs, [1, 2])

    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    # median, mean, sd, CPU seconds, failures
    assert printed[4] == ["bayesian", "2", "0.6250", "0.6250", "0.1768", "0.5000", "2.0", "2.0"]
    assert " ".join(printed[-1]) == "bayesian beats random on 1 of 2 seeds"


def test_the_command_runs_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["--problems", "zdt1,crash_band", "--samplers", "random,sobol", "--seeds", "2"]

    main([*call, "--trials", "4", "--to", str(tmp_path)])
    first = capsys.readouterr().out
    main([*call, "--trials", "4", "--to", str(tmp_path)])

    assert capsys.readouterr().out == first
    assert len(list(tmp_path.glob("*.json"))) == 8
    assert "zdt1, 2 seeds: log10 of the gap" in first
    assert "random beats sobol on" in first


def test_an_unknown_sampler_is_refused() -> None:
    with pytest.raises(SelectionError, match="there is no sampler 'magic'"):
        search_run(problem_named("zdt1"), "magic", 0, 1)


# Ax warns of what it calls itself, in Ax and in pandas.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
@pytest.mark.parametrize(("peer", "package"), [("optuna-gp", "optuna"), ("ax-client", "ax")])
def test_a_peer_searches_and_learns_of_crashes(peer: str, package: str) -> None:
    pytest.importorskip(package)

    run = search_run(problem_named("crash_edge"), peer, 0, 6)

    assert len(run.parameters) == 6
    assert run.hypervolumes[-1] > 0
