"""`moopt report`: one HTML file."""

from pathlib import Path
from typing import Annotated

import typer

from moopt.cli.options import DEFAULT_STORE, StoreOption, StudyArgument
from moopt.cli.sources import existing_store, question_of, stored_study
from moopt.errors import SelectionError
from moopt.reports.page import report_page


def report(
    study: StudyArgument,
    *,
    to: Annotated[
        Path,
        typer.Option(
            "--to",
            metavar="FILE",
            help="The HTML file to write, such as front.html. One that is there is replaced.",
            show_default=False,
        ),
    ],
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Write one HTML file with figures and tables that opens offline.

    Example: moopt report studies/merge_minilm.py --to front.html
    """
    if to.is_dir():
        raise SelectionError(f"--to needs a file, {str(to)!r} is a folder; add a name to it")
    with existing_store(store) as opened:
        stored = stored_study(study, opened)
    page = report_page(
        stored.study,
        stored.trials,
        question=question_of(stored.path),
        inferred=stored.inferred,
    )
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text(page, encoding="utf-8")
    typer.echo(f"wrote {to}", err=True)
