"""The door of the command line: which commands there are, and what an error looks like.

Only the module of the command that is asked for is imported: help and usage errors come at once,
although `run` needs torch.
"""

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Annotated

import typer

import moopt
from moopt.cli.errors import NothingFoundError
from moopt.errors import (
    MergeError,
    MissingDependencyError,
    MooptError,
    SurrogateError,
    TrainingError,
)

COMMANDS = {
    "run": "Search: propose, train or merge, measure, until the trials are done.",
    "status": "Show how far a study is: trials by state, hypervolume, failures.",
    "front": "Show the front: the trials that no other trial beats.",
    "archive": "Show the best trial of every kind.",
    "pick": "Choose one trial of the front.",
    "export": "Write the model of one trial to a folder, with a model card.",
    "export-ax": "Write the study and its trials for Ax, as a JSON file.",
    "import-ax": "Enter an experiment of Ax into the store, as a study.",
    "merge": "Merge models by a recipe, without a search.",
    "report": "Write one file with figures and tables: HTML that opens offline, PDF or PNG.",
    "compare": "Compare studies, or the samplers of one, on one HTML page.",
    "dashboard": "Show studies in a browser while they run.",
    "trials": "List the trials, or what happened to them.",
    "retry": "Put failed trials back, to be done again.",
    "stop": "End the runs of a study from another terminal.",
    "store": "Check a store, bring it up to date, copy it.",
    "benchmark": "Race searches on problems with known fronts, or time merges.",
    "studies": "List the study files in ./studies and the studies in the store.",
}
"""What each command is for. Its function, or its own commands, have its name and lie in a module
of its name, with _ for -."""

EXTRAS = {"export-ax": "ax", "import-ax": "ax"}
"""Which extra of moopt a command needs."""

OVERVIEW = """Find the front of a training or merging study, and take a model from it.

STUDY is a study file, such as studies/merge_minilm.py, or the name of a study in the store.
The store is --store, or MOOPT_STORE, or moopt.db in the current folder.

Example: moopt run studies/merge_minilm.py --trials 50
"""
EPILOG = "Exit status: 0 done, 1 nothing came of it, 2 wrong call or study file, 130 interrupted."


FAULTS_OF_THE_RUN = (NothingFoundError, SurrogateError, TrainingError, MergeError)
"""The call was right, but it could not be carried out: exit status 1."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    Args:
        arguments: Those of the process if none are given.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words or bool(os.environ.get("MOOPT_DEBUG"))
    if not debug:
        sys.excepthook = _report_fault
    words = [word for word in words if word != "--debug"]
    asked = next((word for word in words if word in COMMANDS), None)
    try:
        command_line(asked)(words, prog_name="moopt")
    except MooptError as error:
        if debug:
            raise
        typer.echo(f"moopt: {error}", err=True)
        sys.exit(1 if isinstance(error, FAULTS_OF_THE_RUN) else 2)


def command_line(asked: str | None) -> typer.Typer:
    """Return the command line, of which only the command that is asked for can do anything."""
    app = typer.Typer(
        help=OVERVIEW,
        epilog=EPILOG,
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for name, summary in COMMANDS.items():
        if name == asked:
            found = _command(name)
            if isinstance(found, typer.Typer):
                app.add_typer(found, name=name)
            else:
                app.command(name, short_help=summary)(found)
        else:
            app.command(name, help=summary)(_elsewhere)
    return app


def _command(name: str) -> Callable[..., object] | typer.Typer:
    """Return the function of a command, or the commands that it has of its own."""
    place = name.replace("-", "_")
    try:
        found: Callable[..., object] | typer.Typer = getattr(
            importlib.import_module(f"moopt.cli.{place}"), place
        )
    except ModuleNotFoundError as error:
        if name not in EXTRAS or (error.name or "moopt").startswith("moopt"):
            raise
        raise MissingDependencyError(
            f"`moopt {name}` needs the package {error.name}, which is not installed; "
            f"pip install 'moopt[{EXTRAS[name]}]'"
        ) from error
    return found


def _options(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and exit.",
            is_eager=True,
            callback=lambda asked: _print_version() if asked else None,
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error. Or set MOOPT_DEBUG=1.")
    ] = False,
) -> None:
    """Take the options that come before a command; `main` has acted on --debug."""


def _print_version() -> None:
    typer.echo(f"moopt {moopt.__version__}")
    raise typer.Exit


def _elsewhere() -> None:
    """Stand for a command that was not asked for."""


def _report_fault(
    kind: type[BaseException], fault: BaseException, trace: TracebackType | None
) -> None:
    del trace
    typer.echo(
        f"moopt: unexpected {kind.__name__}: {fault}\n"
        "This is a fault of moopt or of the study file; --debug shows where it happened.",
        err=True,
    )
