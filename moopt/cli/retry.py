"""`moopt retry`: failed trials that get another chance."""

from typing import Annotated

import typer

from moopt.cli.display import print_text
from moopt.cli.options import DEFAULT_STORE, StoreOption, StudyArgument
from moopt.cli.sources import existing_store, stored_study
from moopt.store.events import numbers_text


def retry(
    study: StudyArgument,
    *,
    trial: Annotated[
        list[int] | None,
        typer.Option(
            "--trial",
            metavar="N",
            help="A failed trial, such as 17; can be given several times. Without it: all that "
            "failed through no fault of their own (infrastructure, timeout).",
            show_default=False,
        ),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Put failed trials back: the next `moopt run` does them before it proposes others.

    Example: moopt retry merge_minilm --trial 17
    """
    with existing_store(store) as opened:
        name = stored_study(study, opened).study.name
        numbers = opened.retry(name, trial)
    if numbers:
        print_text(f"the next `moopt run` does again: {numbers_text(numbers)}\n")
    else:
        print_text(f"study {name!r} has no trial that failed through no fault of its own\n")
