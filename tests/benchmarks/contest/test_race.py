"""A small race of real searches, each in a process of its own."""

from pathlib import Path

import pytest

from moopt.benchmarks.contest.matches import Match, Rules, Run, runs_in
from moopt.benchmarks.contest.playing import play
from moopt.benchmarks.contest.schedule import RUNS, matches, race
from moopt.errors import SelectionError


def raced(folder: Path, trials: int, *searches: str) -> tuple[list[Run], list[str]]:
    said: list[str] = []
    planned = matches(["branin_currin"], searches, [0, 1])
    return race(planned, folder, Rules(trials, processes=2), said.append), said


def test_seeds_are_interleaved() -> None:
    planned = matches(["a", "b"], ["one", "two"], [0, 1])

    assert [(each.problem, each.search) for each in planned if each.seed == 0] == [
        ("a", "one"),
        ("a", "two"),
        ("b", "one"),
        ("b", "two"),
    ]
    assert [each.seed for each in planned] == [0] * 4 + [1] * 4


def test_equal_seeds_play_equally() -> None:
    match = Match("branin_currin", "random", 3)

    first, again = (play(match, Rules(5)) for _ in range(2))

    assert first.parameters == again.parameters
    assert first.hypervolumes == again.hypervolumes
    assert list(first.hypervolumes) == sorted(first.hypervolumes)


def test_crashes_are_counted() -> None:
    run = play(Match("crash_edge", "random", 0), Rules(8))

    assert list(run.failed) == [each["x"] < 0.3 for each in run.parameters]


def test_an_unknown_search_is_refused() -> None:
    with pytest.raises(SelectionError, match="there is no sampler 'magic'"):
        play(Match("zdt1", "magic", 0), Rules(1))


def test_several_workers_hear_of_results_later() -> None:
    one, eight = (play(Match("branin_currin", "auto", 0, n), Rules(10)) for n in (1, 8))

    assert len(eight.parameters) == len(one.parameters) == 10
    assert {str(point) for point in eight.parameters} != {str(point) for point in one.parameters}


def test_a_search_that_takes_too_long_keeps_what_it_found() -> None:
    run = play(Match("branin_currin", "random", 0), Rules(50, seconds=0.0))

    assert 1 <= len(run.hypervolumes) < 50
    assert "CPU s" in run.ended


@pytest.mark.slow
def test_a_race_goes_on_where_it_was(tmp_path: Path) -> None:
    first, _ = raced(tmp_path, 4, "random")
    lines = (tmp_path / RUNS).read_text().splitlines()

    second, said = raced(tmp_path, 4, "random", "sobol")

    assert len(lines) == len(first) == 2
    assert len(said) == 2
    assert len(second) == 4
    assert [run for run in second if run.match.search == "random"] == first


@pytest.mark.slow
def test_a_longer_race_plays_again(tmp_path: Path) -> None:
    short, _ = raced(tmp_path, 3, "sobol")

    longer, _ = raced(tmp_path, 5, "sobol")

    assert [len(run.hypervolumes) for run in longer] == [5, 5]
    assert [run.parameters[:3] for run in longer] == [run.parameters for run in short]
    assert runs_in(tmp_path / RUNS) == {run.match: run for run in longer}


@pytest.mark.slow
def test_who_does_not_play_is_left_out_once(tmp_path: Path) -> None:
    runs, said = raced(tmp_path, 3, "random", "nonesuch")

    assert {run.match.search for run in runs} == {"random"}
    assert sum("left out" in each for each in said) == 1
    assert "nonesuch" in next(each for each in said if "left out" in each)


@pytest.mark.slow
def test_a_line_that_was_cut_off_is_played_again(tmp_path: Path) -> None:
    whole, _ = raced(tmp_path, 3, "random")
    file = tmp_path / RUNS
    file.write_text(file.read_text()[:-20])

    again, said = raced(tmp_path, 3, "random")

    assert len(said) == 1
    assert [run.hypervolumes for run in again] == [run.hypervolumes for run in whole]
    assert len(runs_in(file)) == 2


def test_another_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / RUNS
    file.write_text('{"problem": "zdt1"}\n')

    with pytest.raises(SelectionError, match=r"line 1 of .* is not a run .* new folder"):
        runs_in(file)
