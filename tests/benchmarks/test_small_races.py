import pytest

from moopt.benchmarks import small_races
from moopt.benchmarks.peers import Search
from moopt.benchmarks.problems import problem_named
from moopt.benchmarks.searches import search_named
from moopt.benchmarks.small_races import whole_run
from moopt.errors import ExecutorError
from moopt.study.parameters import Parameters
from moopt.study.study import Study


def test_a_run_is_whole() -> None:
    run = whole_run(problem_named("zdt1"), "sobol", 3, 4)

    assert (run.match.problem, run.match.search, run.match.seed) == ("zdt1", "sobol", 3)
    assert len(run.parameters) == len(run.hypervolumes) == len(run.cpu_seconds) == 4


def test_a_search_that_breaks_down_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaking(name: str, study: Study, seed: int, initial_trials: int | None = None) -> Search:
        search = search_named(name, study, seed, initial_trials=initial_trials)

        def ask() -> Parameters:
            raise ZeroDivisionError("no more")

        monkeypatch.setattr(type(search), "ask", lambda _: ask())
        return search

    monkeypatch.setattr("moopt.benchmarks.contest.playing.search_named", breaking)

    with pytest.raises(ExecutorError, match="seed 3 broke down after 0 trials: ZeroDivisionError"):
        small_races.whole_run(problem_named("zdt1"), "sobol", 3, 4)
