"""What `--transfer-from` names, and what a run is told of it."""

from collections.abc import Sequence

import typer

from moopt.cli.sources import existing_store, stored_study
from moopt.encoding.sources import instructive, match_source
from moopt.errors import SelectionError
from moopt.store.store import Store
from moopt.study.source import Source
from moopt.study.study import Study


def earlier_studies(words: Sequence[str] | None, study: Study, store: Store) -> list[Source]:
    """Return the studies to learn from, and say what each has to do with the one to be searched.

    Args:
        words: Study files or names in the store; with `@STORE` behind them, in another one. None:
            those that the study learns from already.
        study: What is to be searched.
        store: Of the run.

    Raises:
        SelectionError: A store has no such study, or it is the one to be searched.
        StudyError: A study has nothing to do with the one to be searched.
        StoreError: There is no such store.
    """
    found = []
    for each in words or ():
        source = instructive(_source(each, study, store))
        typer.echo(f"learns from {match_source(study, source).description}", err=True)
        found.append(source)
    if not words:
        for kept in store.sources(study.name):
            count = len(kept.trials)
            typer.echo(f"learns from {kept.name!r}, a copy of {count} of its trials", err=True)
    return found


def _source(words: str, study: Study, store: Store) -> Source:
    # Names of studies have no @; URLs of stores may have one.
    name, _, place = words.partition("@")
    if place:
        with existing_store(place) as other:
            earlier = stored_study(name, other)
    else:
        earlier = stored_study(name, store)
        if earlier.study.name == study.name:
            raise SelectionError(
                f"study {study.name!r} learns from its own trials anyway; name another one with "
                "--transfer-from, or one of this name in another store: NAME@STORE"
            )
    return Source(earlier.study, earlier.trials)
