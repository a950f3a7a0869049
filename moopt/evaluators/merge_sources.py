"""Base and experts of a merge, which the `prepare` of a study makes."""

from collections.abc import Mapping
from pathlib import Path

from moopt.errors import EvaluationError
from moopt.merging.task_vectors import TaskVectors, open_task_vectors


def open_sources(base: Path, experts: Mapping[str, Path]) -> TaskVectors:
    """Open base and experts for merging.

    Raises:
        EvaluationError: A folder is not there.
    """
    missing = [str(path) for path in (base, *experts.values()) if not path.is_dir()]
    if missing:
        raise EvaluationError(
            f"models are missing: {', '.join(missing)}; they are made by the `prepare` of the "
            "study, which `moopt run` calls before the first trial"
        )
    return open_task_vectors(base, experts)
