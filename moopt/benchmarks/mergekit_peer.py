"""What mergekit takes for the same merges, where it is installed.

mergekit is under the LGPL and lives in an environment and a process of its own. It merges there
from memory to memory, when it has merged before: starting it and reading files is not counted.
"""

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import moopt
from moopt.errors import MissingDependencyError

ROOT = Path(moopt.__file__).parents[1]
RUNNER = ROOT / "tests" / "merging" / "oracle" / "run_mergekit.py"
VARIABLE = "MOOPT_MERGEKIT_PYTHON"
"""Names the Python that has mergekit, if it is not where `TARGET` puts it."""

TARGET = ".venv-mergekit/ready"


def find_mergekit() -> Path:
    """Return the Python that has mergekit.

    Raises:
        MissingDependencyError: There is none, or this is not a checkout of moopt.
    """
    named = os.environ.get(VARIABLE)
    python = Path(named) if named else ROOT / ".venv-mergekit" / "bin" / "python"
    if not (python.is_file() and RUNNER.is_file()):
        raise MissingDependencyError(
            "mergekit is not there to compare with; in a checkout of moopt, "
            f"`make {TARGET}` installs it in an environment of its own"
        )
    return python


def mergekit_seconds(
    python: Path, configurations: Sequence[str], *, repeats: int
) -> Mapping[str, float | str]:
    """Return the CPU seconds of each configuration, or why mergekit failed.

    Args:
        python: From `find_mergekit`.
        configurations: As for `mergekit-yaml`; equal ones are measured once.
        repeats: Of each, of which the quickest counts.

    Raises:
        MissingDependencyError: The process did not end well.
    """
    different = list(dict.fromkeys(configurations))
    jobs = "".join(json.dumps({"config": each, "repeats": repeats}) + "\n" for each in different)
    output = asyncio.run(_answers(python, jobs))
    answers: list[dict[str, Any]] = [json.loads(line) for line in output.splitlines()]
    return {
        configuration: answer["error"] if "error" in answer else float(answer["cpu_seconds"])
        for configuration, answer in zip(different, answers, strict=True)
    }


async def _answers(python: Path, jobs: str) -> str:
    process = await asyncio.create_subprocess_exec(
        python,
        RUNNER,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
    )
    answers, complaints = await process.communicate(jobs.encode())
    if process.returncode:
        last = complaints.decode(errors="replace").strip().splitlines()[-1:]
        raise MissingDependencyError(
            f"mergekit in {python} ended with status {process.returncode}: {' '.join(last)}; "
            f"`make {TARGET}` installs it again"
        )
    return answers.decode()
