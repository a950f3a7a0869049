import pytest

from moopt.benchmarks.problems import problem_named
from moopt.benchmarks.searches import SamplerSearch
from moopt.benchmarks.small_races import whole_run
from moopt.errors import ExecutorError
from moopt.study.parameters import Parameters


def test_a_run_is_whole() -> None:
    run = whole_run(problem_named("zdt1"), "sobol", 3, 4)

    assert (run.match.problem, run.match.search, run.match.seed) == ("zdt1", "sobol", 3)
    assert len(run.parameters) == len(run.hypervolumes) == len(run.cpu_seconds) == 4


def test_a_search_that_breaks_down_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(_: SamplerSearch) -> Parameters:
        raise ZeroDivisionError("no more")

    monkeypatch.setattr(SamplerSearch, "ask", ask)

    with pytest.raises(ExecutorError, match="seed 3 broke down after 0 trials: ZeroDivisionError"):
        whole_run(problem_named("zdt1"), "sobol", 3, 4)
