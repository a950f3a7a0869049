"""SMAC3, NePS and HEBO: peers whose pins contradict moopt's, in environments of their own.

They run in processes of their own and are talked to by lines (`moopt.benchmarks.apart`). Simplexes
are numbers whose negative logarithms are normalised; a proposal that breaks a linear constraint is
tried at the nearest valid point, and what came of that is told of the proposal: to these peers both
are part of the objective. Only HEBO knows limits on outcomes, only SMAC3 conditions, and none
standard errors. A trial that gives a part of its measurements is told as failed.
"""

import json
import os
import subprocess
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

import moopt
from moopt.benchmarks.apart.lines import Number, Task
from moopt.benchmarks.peer_outcomes import (
    Proposals,
    excesses,
    limit_count,
    losses,
    wholly_measured,
    worst_losses,
)
from moopt.benchmarks.peer_space import FlatSpace, Weights
from moopt.benchmarks.problem import Found
from moopt.errors import ExecutorError, MissingDependencyError, SelectionError
from moopt.study.parameters import Parameters
from moopt.study.study import Study

ROOT = Path(moopt.__file__).parents[1]


@final
class ApartSearch:
    """A peer in another process."""

    def __init__(self, study: Study, name: str, seed: int, initial_trials: int | None) -> None:
        """Start the process.

        Raises:
            MissingDependencyError: The peer has no environment.
            ExecutorError: It does not start.
        """
        self._study, self._name = study, name
        self._space = FlatSpace.of(study, Weights.LOGARITHMS)
        self._proposals: Proposals[None] = Proposals()
        self._process = _started(find_python(name), name)
        weakref.finalize(self, _end, self._process)
        self._cpu_seconds = 0.0
        self._peak_mib: float | None = None
        task = Task(
            numbers=[
                Number(
                    axis.name,
                    axis.kind.value,
                    axis.low,
                    axis.high,
                    axis.log,
                    None if axis.when is None else axis.when[0],
                    () if axis.when is None else axis.when[1],
                )
                for axis in self._space.axes
            ],
            objectives=len(study.objectives),
            limits=limit_count(study),
            seed=seed,
            initial_trials=initial_trials,
            reference=worst_losses(study),
        )
        self._answer(task.to_json())

    @property
    def cpu_seconds(self) -> float:
        """What the process has computed so far."""
        return self._cpu_seconds

    @property
    def peak_mib(self) -> float | None:
        """Most memory that the process held. None: the system does not tell."""
        return self._peak_mib

    def attach(self, parameters: Parameters, outcome: Found) -> None:
        """Learn from a trial that somebody else proposed."""
        values = self._space.point(parameters)
        self._say("attach", values=values, **self._told(parameters, outcome))

    def ask(self) -> Parameters:
        """Propose a trial.

        Raises:
            SelectionError: Nothing is left to propose.
            ExecutorError: The peer broke down.
        """
        answer = self._say("ask")
        if "exhausted" in answer:
            raise SelectionError(
                f"{self._name} has nothing left to propose in study {self._study.name!r}; "
                "end the run"
            )
        return self._proposals.add(self._space.parameters(answer["values"]), None)

    def tell(self, number: int, outcome: Found) -> None:
        """Learn what came of a trial, by how many were asked for before it."""
        parameters, _ = self._proposals.take(number)
        self._say("tell", number=number, **self._told(parameters, outcome))

    def _told(self, parameters: Parameters, outcome: Found) -> dict[str, Any]:
        found = wholly_measured(self._study, parameters, outcome)
        if found is None:
            return {"losses": None, "excesses": []}
        limits = list(excesses(self._study, found).values())
        return {"losses": losses(self._study, found), "excesses": limits}

    def _say(self, do: str, **more: object) -> Mapping[str, Any]:
        return self._answer(json.dumps({"do": do, **more}))

    def _answer(self, line: str) -> Mapping[str, Any]:
        asked, answers = self._process.stdin, self._process.stdout
        text = ""
        if asked is not None and answers is not None:
            try:
                asked.write(line + "\n")
                asked.flush()
                text = answers.readline()
            except BrokenPipeError:
                text = ""
        answer: dict[str, Any] = json.loads(text) if text else {"error": self._end()}
        if "error" in answer:
            raise ExecutorError(
                f"{self._name} broke down on study {self._study.name!r}: {answer['error']}"
            )
        self._cpu_seconds, self._peak_mib = answer["cpu_seconds"], answer["peak_mib"]
        return answer

    def _end(self) -> str:
        """Return how the process ended, and how to see why."""
        status = self._process.wait()
        module = f"moopt.benchmarks.apart.run_{self._name}"
        program = f"{find_python(self._name)} -m {module}"
        return f"its process ended with status {status}; `{program}` tells why"


def smac(study: Study, seed: int, *, initial_trials: int | None = None) -> ApartSearch:
    """Return a search by SMAC3.

    Raises:
        SelectionError: The study limits outcomes.
    """
    _refuse_limits("smac", study)
    return ApartSearch(study, "smac", seed, initial_trials)


def neps(study: Study, seed: int, *, initial_trials: int | None = None) -> ApartSearch:
    """Return a search by NePS.

    Raises:
        SelectionError: The study limits outcomes.
    """
    _refuse_limits("neps", study)
    return ApartSearch(study, "neps", seed, initial_trials)


def hebo(study: Study, seed: int, *, initial_trials: int | None = None) -> ApartSearch:
    """Return a search by HEBO."""
    return ApartSearch(study, "hebo", seed, initial_trials)


def find_python(name: str) -> Path:
    """Return the Python that has a peer.

    Raises:
        MissingDependencyError: There is none.
    """
    folder = f".venv-{name}"
    named = os.environ.get(f"MOOPT_{name.upper()}_PYTHON")
    python = Path(named) if named else ROOT / folder / "bin" / "python"
    if not python.is_file():
        raise MissingDependencyError(
            f"the peer {name!r} lives in an environment of its own, and {python} is not there; in "
            f"a checkout of moopt, `make {folder}/ready` installs it"
        )
    return python


def _refuse_limits(name: str, study: Study) -> None:
    if study.outcome_constraints:
        raise SelectionError(
            f"{name} knows no limits on outcomes, and study {study.name!r} has "
            f"{[each.name for each in study.outcome_constraints]}; leave this pair out"
        )


def _started(python: Path, name: str) -> subprocess.Popen[str]:
    command: Sequence[str | Path] = [python, "-m", f"moopt.benchmarks.apart.run_{name}"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
    }
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        text=True,
    )


def _end(process: subprocess.Popen[str]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    process.terminate()
    process.wait()
