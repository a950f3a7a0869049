"""`moopt export-ax`: a study for Ax."""

import enum
from pathlib import Path
from typing import Annotated

import typer

from moopt.cli.options import DEFAULT_STORE, StoreOption, StudyArgument
from moopt.cli.sources import existing_store, stored_study
from moopt.errors import SelectionError
from moopt.export.ax_files import write_client, write_experiment
from moopt.export.to_ax import to_ax


class AxReader(enum.StrEnum):
    """What of Ax is to read the file."""

    CLIENT = "client"
    EXPERIMENT = "experiment"


def export_ax(
    study: StudyArgument,
    *,
    to: Annotated[
        Path,
        typer.Option(
            "--to",
            metavar="FILE",
            help="The JSON file to write, such as front.json. One that is there is replaced.",
            show_default=False,
        ),
    ],
    reader: Annotated[
        AxReader,
        typer.Option(
            "--for",
            help="What reads it in Ax: Client.load_from_json_file, or load_experiment.",
        ),
    ] = AxReader.CLIENT,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Write the study and its trials for Ax, as a JSON file.

    Example: moopt export-ax studies/merge_minilm.py --to merge.json
    """
    if to.suffix != ".json" or to.is_dir():
        raise SelectionError(f"--to needs a file whose name ends in .json, got {str(to)!r}")
    with existing_store(store) as opened:
        stored = stored_study(study, opened)
    experiment = to_ax(stored.study, stored.trials, inferred=stored.inferred)
    to.parent.mkdir(parents=True, exist_ok=True)
    write = write_client if reader is AxReader.CLIENT else write_experiment
    write(experiment, to)
    typer.echo(f"wrote {len(stored.trials)} trials to {to}", err=True)
