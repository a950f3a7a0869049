import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from moopt.cli.app import main

TOY = '''"""How fast against how right?

A study for tests of the command line.
"""

from moopt import Continuous, Integer, Maximize, Minimize, Objective, Study

study = Study(
    "toy",
    parameters=[Continuous("rate", 1e-4, 1.0, log=True), Integer("depth", 1, 8)],
    objectives=[
        Objective("accuracy", Maximize, reference=0.0),
        Objective("latency_ms", Minimize),
    ],
    start_with=[{"rate": 0.1, "depth": 2}, {"rate": 0.1, "depth": 7}, {"rate": 0.1, "depth": 4}],
)


def evaluate(trial, context):
    rate, depth = trial.parameters["rate"], trial.parameters["depth"]
    if depth == 7:
        raise RuntimeError("depth 7 does not fit")
    return {"accuracy": (1 - 1 / depth - abs(rate - 0.1), 0.01), "latency_ms": (2.0 * depth, 0.2)}


def held_out(trial, context):
    return {name: (0.5 * mean, sem) for name, (mean, sem) in evaluate(trial, context).items()}


def export(trial, directory):
    (directory / "model.txt").write_text(str(trial.parameters["depth"]))


def prepare(report):
    report("making data", 0.5)
    report("making data", 1.0)
'''


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    out: str
    err: str


Call = Callable[..., Answer]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty current folder; the environment asks for nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MOOPT_STORE", raising=False)
    monkeypatch.delenv("MOOPT_DEBUG", raising=False)
    # Set, so that what `--scale` leaves behind is taken back.
    monkeypatch.setenv("MOOPT_SCALE", "")
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(sys, "path", sys.path[:])
    return tmp_path


@pytest.fixture
def call(folder: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """Return a function that runs a command line in this process."""
    assert folder.is_dir()

    def run(*words: str) -> Answer:
        with pytest.raises(SystemExit) as ended:
            main(words)
        printed = capsys.readouterr()
        return Answer(int(ended.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture
def toy(folder: Path) -> Path:
    """Return a small study file."""
    path = folder / "toy.py"
    path.write_text(TOY, encoding="utf-8")
    return path
