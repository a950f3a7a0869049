"""Drivers whose clocks are wrong, and jump."""

import os
from pathlib import Path

import pytest

from moopt.benchmarks.chaos.rounds import Plan
from tests.chaos.onlooking import Begin

pytestmark = pytest.mark.slow

ANOTHER_CLOCK = """
import datetime
import os
import time

right, shift = time.time, os.environ["SHIFT"]


def wrong():
    jumps = (0.0, 3600.0, -7200.0)
    seconds = jumps[int(time.monotonic()) % 3] if shift == "jumps" else float(shift)
    return right() + seconds


class WrongTime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(wrong(), tz)


time.time = wrong
datetime.datetime = WrongTime
"""
"""Every Python process loads it first where it finds it under the name `sitecustomize`."""

SHIFTS = ("0", "86400", "-86400", "jumps")


def test_four_drivers_whose_clocks_differ_by_days_and_jump_share_a_study(
    begin: Begin, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(ANOTHER_CLOCK, encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    variables = [{"SHIFT": shift, "PYTHONPATH": path} for shift in SHIFTS]
    plan = Plan(str(tmp_path / "moopt.db"), tmp_path, workers=1, variables=variables)
    run = begin(plan)

    result = run.finish()

    assert result.complaints == []
    assert result.verdict.completed == plan.trials
    assert len({event.time.date() for event in run.events()}) >= 3
    assert len({event.driver for event in run.events() if event.driver}) == 4
