"""`moopt import-ax`: an experiment of Ax as a study in the store."""

from pathlib import Path
from typing import Annotated

import typer

from moopt.cli.display import print_text
from moopt.cli.options import DEFAULT_STORE, StoreOption
from moopt.export.ax_files import read_ax_file
from moopt.export.from_ax import AxReading, read_experiment
from moopt.store.store import Store

MOST_TOLD = 10
"""Trials that are left out, each with its reason."""


def import_ax(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A JSON file that a Client or save_experiment of Ax has written.",
            show_default=False,
        ),
    ],
    *,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Enter an experiment of Ax into the store, as a study.

    Trials that run there are proposed again here. What is no point of the study is left out, with
    a line that says why. To go on, write a study file of the same name.

    Example: moopt import-ax client.json --store from_ax.db
    """
    experiment = read_ax_file(file)
    read = read_experiment(experiment, experiment.lookup_data())
    with Store(store) as opened:
        opened.bring(read.defined, read.trials, read.inferred)
    if read.misfits:
        typer.echo(_left_out(read), err=True)
    print_text(f"study {read.study.name}: {len(read.trials)} trials\n")


def _left_out(read: AxReading) -> str:
    """Return a line for each of the first trials that are no points of the study."""
    total = len(read.misfits) + len(read.trials)
    lines = [f"left out {len(read.misfits)} of {total} trials, which are none of the study:"]
    lines += [f"  {why}" for why in read.misfits[:MOST_TOLD]]
    if len(read.misfits) > MOST_TOLD:
        lines.append(f"  and {len(read.misfits) - MOST_TOLD} more")
    return "\n".join(lines)
