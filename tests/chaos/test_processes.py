"""Drivers and workers that are killed, or stopped for longer than others wait for them."""

from pathlib import Path

import pytest

from moopt.benchmarks.chaos.__main__ import main
from moopt.benchmarks.chaos.rounds import Plan
from tests.chaos.onlooking import Begin, busy_workers, completed, happened, wait_for

pytestmark = pytest.mark.slow

LEASE = ("--lease", "3")


def test_random_kills_lose_nothing_and_double_nothing(
    store_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--kills", "10", "--trials", "40", "--crashing", "0.3", "--to", str(tmp_path)]

    status = main([*words, "--store", store_url])

    printed = capsys.readouterr().out
    assert status == 0, printed
    rows = dict(line.rsplit(maxsplit=1) for line in printed.splitlines())
    assert int(rows["kills"]) >= 10
    assert int(rows["  failed: the evaluation raised"]) > 0
    assert (rows["finished measurements lost"], rows["trials that counted twice"]) == ("0", "0")


def test_a_driver_that_stood_still_for_longer_than_its_lease_doubles_nothing(
    begin: Begin, postgres_url: str, tmp_path: Path
) -> None:
    run = begin(Plan(postgres_url, tmp_path, trials=60, workers=1, options=LEASE))
    drivers = run.team.running()
    wait_for(run, lambda: all(busy_workers(run, driver) for driver in drivers))
    drivers[0].suspend()
    wait_for(run, lambda: happened(run, "said nothing for"))
    before = completed(run)
    wait_for(run, lambda: completed(run) >= before + 5)
    drivers[0].resume()

    result = run.finish()

    assert result.complaints == []
    assert result.verdict.completed == 60


def test_a_worker_that_stands_still_for_longer_than_its_lease_is_replaced(
    begin: Begin, postgres_url: str, tmp_path: Path
) -> None:
    run = begin(Plan(postgres_url, tmp_path, trials=12, drivers=1, options=LEASE))
    (driver,) = run.team.running()
    wait_for(run, lambda: bool(busy_workers(run, driver)))
    busy_workers(run, driver)[0].suspend()

    result = run.finish()

    assert result.complaints == []
    assert result.verdict.completed == 12
    assert happened(run, "the worker was stopped (SIGSTOP)")
