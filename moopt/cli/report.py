"""`moopt report`: one file that tells what a search found."""

import importlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from moopt.cli.options import DEFAULT_STORE, StoreOption, StudyArgument
from moopt.cli.sources import StoredStudy, existing_store, stored_study
from moopt.errors import SelectionError
from moopt.reports.cards import Card
from moopt.reports.making_again import Source
from moopt.reports.page import report_page
from moopt.study.loading import defines, question_of
from moopt.study.study import Study
from moopt.study.trials import Trial

PAGE = frozenset({".html", ".htm"})
PAPER = frozenset({".pdf", ".png"})


def report(
    study: StudyArgument,
    *,
    to: Annotated[
        Path,
        typer.Option(
            "--to",
            metavar="FILE",
            help="The file to write, such as front.html, front.pdf or front.png. One that is there "
            "is replaced.",
            show_default=False,
        ),
    ],
    measured_only: Annotated[
        bool,
        typer.Option("--measured-only", help="Leave out what the model believes; it is quicker."),
    ] = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Write one file with figures and tables: HTML that opens offline, a PDF, or a PNG.

    Example: moopt report studies/merge_minilm.py --to front.html
    """
    if to.is_dir():
        raise SelectionError(f"--to needs a file, {str(to)!r} is a folder; add a name to it")
    if to.suffix.lower() not in PAGE | PAPER:
        raise SelectionError(f"--to needs a file that ends in .html, .pdf or .png, got {str(to)!r}")
    with existing_store(store) as opened:
        stored = stored_study(study, opened)
    cards = [] if measured_only else list(_model_cards(stored.study, stored.trials))
    to.parent.mkdir(parents=True, exist_ok=True)
    if to.suffix.lower() in PAPER:
        _write_paper(to, stored, cards)
    else:
        page = report_page(
            stored.study,
            stored.trials,
            question=question_of(stored.path),
            inferred=stored.inferred,
            cards=cards,
            source=Source(
                study,
                "" if store == DEFAULT_STORE else store,
                writes_models=stored.path is not None and defines(stored.path, "export"),
            ),
        )
        to.write_text(page, encoding="utf-8")
    typer.echo(f"wrote {to}", err=True)


def _model_cards(study: Study, trials: Sequence[Trial]) -> Iterator[Card]:
    # It needs torch, which takes seconds to load: only who asks for the model waits for it.
    module = importlib.import_module("moopt.reports.model_cards")
    make: Callable[[Study, Sequence[Trial]], Iterator[Card]] = module.model_cards
    return make(study, trials)


def _write_paper(to: Path, stored: StoredStudy, cards: Sequence[Card]) -> None:
    try:
        paper = importlib.import_module("moopt.reports.paper")
    except ModuleNotFoundError as error:
        raise SelectionError(
            f"a {to.suffix[1:].upper()} needs matplotlib, which is not installed: "
            "pip install 'moopt[paper]'; or write HTML"
        ) from error
    paper.write_paper(
        to, stored.study, stored.trials, cards=cards, question=question_of(stored.path)
    )
