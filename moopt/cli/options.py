"""Arguments and options that several commands share, so that they read the same everywhere."""

import enum
from typing import Annotated

import typer

StudyArgument = Annotated[
    str,
    typer.Argument(
        metavar="STUDY",
        help="A study file, such as studies/merge_minilm.py, or the name of a study in the store.",
        show_default=False,
    ),
]

StoreOption = Annotated[
    str,
    typer.Option(
        "--store",
        envvar="MOOPT_STORE",
        metavar="URL",
        help="Where trials are kept: a file of SQLite or a database, such as runs/big.db or "
        "postgresql+psycopg://me@host/moopt.",
    ),
]

DEFAULT_STORE = "moopt.db"

KneeOption = Annotated[
    bool,
    typer.Option(
        "--knee",
        help="The trial that gives up least for what it gains; with one objective, the best.",
    ),
]

PreferOption = Annotated[
    str | None,
    typer.Option(
        "--prefer",
        metavar="WEIGHTS",
        help="The trial that suits the importance of the objectives best, such as "
        "accuracy=0.7,latency_ms=0.3.",
        show_default=False,
    ),
]

TrialOption = Annotated[
    int | None,
    typer.Option(
        "--trial",
        metavar="N",
        help="The trial with this number, on the front or not, such as 17.",
        show_default=False,
    ),
]

WhereOption = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="LIMIT",
        help="The knee among the trials of the front within these limits, such as "
        '"latency_ms<=20 and accuracy>0.8". Can be given several times.',
        show_default=False,
    ),
]


class TableFormat(enum.StrEnum):
    """How rows are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class PointFormat(enum.StrEnum):
    """How one trial is printed."""

    TABLE = "table"
    JSON = "json"
