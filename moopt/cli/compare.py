"""`moopt compare`: several studies, or the samplers of one, on one page."""

from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import typer

from moopt.cli.options import DEFAULT_STORE, StoreOption
from moopt.cli.sources import existing_store
from moopt.errors import SelectionError
from moopt.reports.comparison import Group, Run, by_sampler
from moopt.reports.comparison import compare as compared
from moopt.reports.comparison_page import comparison_page
from moopt.store.store import Store


def compare(
    studies: Annotated[
        list[str],
        typer.Argument(
            metavar="[GROUP=]STUDY[@STORE]...",
            help="Names of studies, such as digits, or 'bayes=digits-seed-*' for several that "
            "differ by chance alone, or digits@runs/old.db for one of another store.",
            show_default=False,
        ),
    ],
    *,
    to: Annotated[
        Path,
        typer.Option(
            "--to",
            metavar="FILE",
            help="The HTML file to write, such as compared.html. One that is there is replaced.",
            show_default=False,
        ),
    ],
    by_samplers: Annotated[
        bool,
        typer.Option(
            "--by-sampler", help="Compare the samplers within each study: each has its trials."
        ),
    ] = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Compare studies with the same objectives: hypervolume with its spread, what runs attain.

    Example: moopt compare 'ours=digits-auto-*' 'random=digits-random-*' --to compared.html
    """
    if to.is_dir() or to.suffix.lower() not in {".html", ".htm"}:
        raise SelectionError(f"--to needs a file that ends in .html, got {str(to)!r}")
    groups = _unlike([_group(words, store) for words in studies])
    if by_samplers:
        groups = _by_samplers(groups)
    page = comparison_page(compared(groups))
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text(page, encoding="utf-8")
    typer.echo(f"wrote {to}", err=True)


def _group(words: str, default: str) -> Group:
    """Return the studies that an argument names."""
    # Names of studies have neither @ nor =; URLs of stores may have both.
    names, _, store = words.partition("@")
    label, _, pattern = names.rpartition("=")
    with existing_store(store or default) as opened:
        found = [name for name in opened.studies() if fnmatchcase(name, pattern)]
        if not found:
            known = ", ".join(map(repr, opened.studies())) or "none"
            raise SelectionError(
                f"no study in {store or default} is called {pattern!r}; there are: {known}"
            )
        runs = tuple(_run(opened, name, store) for name in found)
    return Group(label or names, runs)


def _run(store: Store, name: str, where: str) -> Run:
    return Run(
        f"{name}@{where}" if where else name,
        store.study(name),
        tuple(store.trials(name)),
        frozenset(store.inferred(name)),
    )


def _unlike(groups: list[Group]) -> list[Group]:
    """Return the groups with names that tell them apart; those named alike become one.

    Studies of one name from several stores are told apart by the store.
    """
    counts = Counter(group.name for group in groups)
    merged: dict[str, tuple[Run, ...]] = {}
    for group in groups:
        alone = counts[group.name] > 1 and len(group.runs) == 1
        own = alone and group.runs[0].name.partition("@")[0] == group.name
        name = group.runs[0].name if own else group.name
        if own and name in merged:
            raise SelectionError(f"{name} is named twice; give each study once")
        merged[name] = (*merged.get(name, ()), *group.runs)
    return [Group(name, runs) for name, runs in merged.items()]


def _by_samplers(groups: list[Group]) -> list[Group]:
    """Return a group for each sampler, of the trials that it proposed in each run."""
    merged: dict[str, tuple[Run, ...]] = {}
    for group in groups:
        for run in group.runs:
            for part in by_sampler(run):
                name = part.name if len(groups) == 1 else f"{group.name}, {part.name}"
                merged[name] = (*merged.get(name, ()), *part.runs)
    return [Group(name, runs) for name, runs in merged.items()]
