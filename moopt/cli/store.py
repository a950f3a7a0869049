"""`moopt store`: look after a store: check it, bring it up to date, copy it."""

from typing import Annotated

import typer

from moopt.cli.display import print_table, print_text
from moopt.cli.errors import NothingFoundError
from moopt.cli.options import DEFAULT_STORE, StoreOption
from moopt.cli.sources import existing_store, holds_store
from moopt.errors import SelectionError
from moopt.reports.tables import Table
from moopt.store.checking import problems
from moopt.store.copying import copy_studies
from moopt.store.database import Database
from moopt.store.tables import HEAD

store = typer.Typer(
    help="Look after a store: check it, bring it up to date, copy it.", no_args_is_help=True
)


@store.command()
def check(*, store: StoreOption = DEFAULT_STORE) -> None:
    """Look for contradictions in a store. Exit status 1 where there are any.

    Example: moopt store check --store moopt.db
    """
    existing_store(store).close()
    database = Database(store)
    try:
        found = problems(database)
    finally:
        database.close()
    if found:
        raise NothingFoundError(
            f"the store {store!r} contradicts itself: {'; '.join(found)}. Keep a copy of it and "
            "tell the authors of moopt; `moopt store copy` may save what can be read"
        )
    print_text(f"the store {store} is in order\n")


@store.command()
def upgrade(*, store: StoreOption = DEFAULT_STORE) -> None:
    """Bring a store of an earlier moopt up to date. Every command does so when it opens one.

    Example: moopt store upgrade --store moopt.db
    """
    existing_store(store).close()
    print_text(f"the store {store} is up to date, version {HEAD}\n")


@store.command()
def copy(
    source: Annotated[str, typer.Argument(metavar="FROM", help="The store to read.")],
    target: Annotated[
        str,
        typer.Argument(metavar="TO", help="The store to write; it is made if it is not there."),
    ],
) -> None:
    """Copy all studies to another store, from SQLite to PostgreSQL or back, without loss.

    Stop the runs of these studies before: what they add meanwhile is not copied.

    Example: moopt store copy moopt.db postgresql://me@host/moopt
    """
    if not holds_store(source):
        raise SelectionError(f"there is no store {source!r} to copy; give one that `run` has made")
    giver = Database(source)
    try:
        taker = Database(target)
        try:
            copied = copy_studies(giver, taker)
        finally:
            taker.close()
    finally:
        giver.close()
    rows = tuple(
        (each.study, str(each.trials), str(each.measurements), str(each.events)) for each in copied
    )
    if rows:
        print_table(Table(("study", "trials", "measurements", "events"), rows))
    else:
        print_text(f"the store {source} has no study to copy\n")
