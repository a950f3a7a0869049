"""Databases that go away for a while, or have no room."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from moopt.benchmarks.chaos.rounds import Plan
from moopt.benchmarks.postgres import PostgresServer
from tests.chaos.onlooking import Begin, completed, said, wait_for

pytestmark = pytest.mark.slow


def test_a_run_outlasts_a_database_that_is_stopped_and_one_that_is_killed(
    begin: Begin, own_postgres: PostgresServer, tmp_path: Path
) -> None:
    run = begin(Plan(own_postgres.new_database(), tmp_path, trials=40))
    wait_for(run, lambda: completed(run) >= 5)
    own_postgres.stop()
    time.sleep(2.0)
    own_postgres.start()
    before = completed(run)
    wait_for(run, lambda: completed(run) >= before + 5)
    own_postgres.kill()
    own_postgres.start()

    result = run.finish()

    assert result.complaints == []
    assert result.verdict.completed == 40
    assert "trying again" in said(run)
    assert "is there again" in said(run)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with room for 16 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["/usr/bin/env", "mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder],
        check=False,
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["/usr/bin/env", "umount", "--lazy", folder], check=True)


def fill(file: Path) -> None:
    with suppress(OSError), file.open("wb", buffering=0) as written:
        while True:
            written.write(bytes(4096))


def test_a_run_waits_where_the_disk_is_full_and_goes_on_when_there_is_room(
    begin: Begin, small_disk: Path, tmp_path: Path
) -> None:
    run = begin(Plan(str(small_disk / "moopt.db"), tmp_path, trials=40, drivers=1))
    wait_for(run, lambda: completed(run) >= 5)
    fill(small_disk / "filler")
    wait_for(run, lambda: "database or disk is full; trying again" in said(run))
    time.sleep(2.0)
    (small_disk / "filler").unlink()

    result = run.finish()

    assert result.complaints == []
    assert result.verdict.completed == 40
