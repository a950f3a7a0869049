"""Arguments and options of `moopt merge`."""

import enum
from pathlib import Path
from typing import Annotated

import typer

from moopt.cli.options import PointFormat


class DtypeName(enum.StrEnum):
    """What merged weights are written in."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


RecipeArgument = Annotated[
    Path,
    typer.Argument(
        metavar="RECIPE",
        help="A merge recipe: JSON of moopt, or a mergekit configuration (.yml, .yaml).",
        show_default=False,
    ),
]

FolderOption = Annotated[
    Path | None,
    typer.Option(
        "--to",
        metavar="DIR",
        help="The folder to write, such as models/merged. It must be new or empty.",
        show_default=False,
    ),
]

OverwriteOption = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace a folder that an earlier `moopt merge` wrote."),
]

DtypeOption = Annotated[
    DtypeName | None,
    typer.Option(
        "--dtype",
        help="What the weights are written in. Without it the recipe says so, else the base.",
        show_default=False,
    ),
]

ShardSizeOption = Annotated[
    str,
    typer.Option("--shard-size", metavar="SIZE", help="Most weights in one file, such as 500MB."),
]

JsonOption = Annotated[
    Path | None,
    typer.Option(
        "--json", metavar="FILE", help="Also write the recipe as JSON.", show_default=False
    ),
]

MergekitOption = Annotated[
    Path | None,
    typer.Option(
        "--mergekit",
        metavar="FILE",
        help="Also write the recipe as a mergekit configuration.",
        show_default=False,
    ),
]

FormatOption = Annotated[
    PointFormat,
    typer.Option("--format", help="How the end is told: for reading, or for programs: json."),
]
