"""Experiments of Ax in files of JSON, as Ax writes and reads them."""

import json
from pathlib import Path

from ax.api.client import Client
from ax.core.experiment import Experiment
from ax.storage.json_store.decoder import object_from_json
from ax.storage.json_store.load import load_experiment
from ax.storage.json_store.save import save_experiment

from moopt.errors import StudyError
from moopt.export.ax_calls import attempted

CLIENT = "Client"


def write_client(experiment: Experiment, file: Path) -> None:
    """Write what `Client.load_from_json_file` of Ax reads."""
    client = Client()
    client.set_experiment(experiment)
    client.save_to_json_file(str(file))


def write_experiment(experiment: Experiment, file: Path) -> None:
    """Write what `load_experiment` of Ax reads. The name of the file ends in .json."""
    save_experiment(experiment, str(file))


def read_ax_file(file: Path) -> Experiment:
    """Return the experiment of a file that a `Client` or `save_experiment` of Ax wrote.

    Raises:
        StudyError: There is no such file, or it is none of Ax's.
    """
    if not file.is_file():
        raise StudyError(f"there is no file {str(file)!r}; give one that Ax has saved as JSON")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StudyError(f"{file} is not JSON: {error}; give a file that Ax has saved") from error
    kind = content.get("_type") if isinstance(content, dict) else None
    experiment = attempted(
        f"read {file}",
        lambda: (
            object_from_json(content["experiment"])
            if kind == CLIENT
            else load_experiment(str(file))
        ),
    )
    if not isinstance(experiment, Experiment):
        raise StudyError(
            f"{file} holds no experiment of Ax; save one with Client.save_to_json_file or "
            "save_experiment"
        )
    return experiment
