"""`moopt stop`: end the runs of a study from another terminal."""

from typing import Annotated

import typer

from moopt.cli.display import print_text
from moopt.cli.options import DEFAULT_STORE, StoreOption, StudyArgument
from moopt.cli.sources import existing_store, stored_study


def stop(
    study: StudyArgument,
    *,
    now: Annotated[
        bool, typer.Option("--now", help="Do not wait for running trials: they are done again.")
    ] = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """End the runs of a study, wherever they are: running trials finish, no other is started.

    The same `moopt run` goes on later.

    Example: moopt stop merge_minilm
    """
    with existing_store(store) as opened:
        name = stored_study(study, opened).study.name
        drivers = opened.drivers.present(name)
        if not drivers:
            print_text(f"nothing runs of study {name!r}\n")
            return
        opened.ask_to_stop(name, at_once=now)
    how = "now" if now else "when their running trials have ended"
    names = ", ".join(each.driver.name for each in drivers)
    print_text(f"asked {len(drivers)} to stop {how}: {names}\n")
