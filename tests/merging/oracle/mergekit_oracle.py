"""mergekit as an oracle: what it makes of a configuration, as tensors.

mergekit has its own environment and its own process, which stays alive between merges because it
takes seconds to start.
"""

import json
import os
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from safetensors.torch import load_file
from torch import Tensor

ROOT = Path(__file__).parents[3]
RUNNER = Path(__file__).with_name("run_mergekit.py")
VARIABLE = "MOOPT_MERGEKIT_PYTHON"
TARGET = ".venv-mergekit/ready"


class MergekitError(Exception):
    """mergekit refused a configuration, or failed at it. The message holds its own words."""


def find_python() -> Path | None:
    """Return the Python that has mergekit, or None where nobody installed it.

    Raises:
        FileNotFoundError: The environment names a Python that does not exist.
    """
    named = os.environ.get(VARIABLE)
    python = Path(named) if named else ROOT / ".venv-mergekit" / "bin" / "python"
    if python.exists():
        return python
    if named:
        raise FileNotFoundError(f"{VARIABLE} is {named!r}, where there is no Python")
    return None


class MergekitOracle:
    """A process that merges with mergekit, one configuration after the other."""

    def __init__(self, python: Path) -> None:
        self._process = subprocess.Popen(
            [python, RUNNER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def merge(self, config: str, *, seed: int = 0) -> dict[str, Tensor]:
        """Return the merged model.

        Args:
            config: YAML, as for `mergekit-yaml`.
            seed: Of DARE and DELLA.

        Raises:
            MergekitError: mergekit failed.
        """
        return self.merge_and_masks(config, seed=seed)[0]

    def merge_and_masks(
        self, config: str, *, seed: int = 0
    ) -> tuple[dict[str, Tensor], list[dict[str, Tensor]]]:
        """Return the merged model, and for each expert which elements were kept.

        Masks are those of methods that make task vectors sparse; the others have none. An element
        that the expert left as it is in the base counts as not kept.

        Raises:
            MergekitError: mergekit failed.
        """
        with tempfile.TemporaryDirectory() as folder:
            self._ask({"config": config, "to": folder, "seed": seed})
            merged = load_file(Path(folder) / "model.safetensors")
            kept = load_file(Path(folder) / "kept.safetensors")
        masks: defaultdict[int, dict[str, Tensor]] = defaultdict(dict)
        for key, mask in kept.items():
            expert, _, name = key.partition("/")
            masks[int(expert)][name] = mask
        return merged, [masks[expert] for expert in sorted(masks)]

    def _ask(self, job: Mapping[str, object]) -> Mapping[str, Any]:
        questions, answers = self._process.stdin, self._process.stdout
        if questions is None or answers is None:
            raise MergekitError("the process has no pipes")
        questions.write(json.dumps(job) + "\n")
        questions.flush()
        line = answers.readline()
        if not line:
            raise MergekitError(f"{RUNNER.name} ended with status {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise MergekitError(answer["error"])
        return answer


def configuration(
    method: str,
    base: Path | None,
    experts: Sequence[tuple[Path, Mapping[str, float]]],
    **parameters: float,
) -> str:
    """Return a mergekit configuration in float32. JSON is YAML.

    Args:
        method: As mergekit calls it.
        base: Folder of the base model. None: the method wants none.
        experts: Folder of each, and its own parameters, such as `weight`.
        **parameters: Those of all, such as `normalize`.
    """
    models = [{"model": str(folder), "parameters": dict(own)} for folder, own in experts]
    config = {"merge_method": method, "models": models, "dtype": "float32"}
    if base is not None:
        config["base_model"] = str(base)
    return json.dumps({**config, "parameters": parameters})
