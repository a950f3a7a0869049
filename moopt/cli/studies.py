"""`moopt studies`: what there is to run and what was run."""

from collections import Counter
from pathlib import Path

from moopt.cli.display import print_table, print_text
from moopt.cli.options import DEFAULT_STORE, StoreOption
from moopt.cli.sources import existing_store, holds_store
from moopt.reports.formatting import ABSENT
from moopt.reports.tables import Table
from moopt.store.store import Store
from moopt.study.loading import question_of
from moopt.study.trials import TrialState

FOLDER = Path("studies")


def studies(*, store: StoreOption = DEFAULT_STORE) -> None:
    """List the study files in ./studies and the studies in the store.

    Study files are read, not run.

    Example: moopt studies
    """
    files = sorted(path for path in FOLDER.glob("*.py") if not path.name.startswith("_"))
    if files:
        asked = tuple((str(path), question_of(path) or ABSENT) for path in files)
        print_table(Table(("study file", "question"), asked))
    else:
        print_text(f"no study files in ./{FOLDER}\n")
    print_text("\n")
    if not holds_store(store):
        print_text(f"no store at {store} yet\n")
        return
    with existing_store(store) as opened:
        rows = [_row(opened, name) for name in opened.studies()]
    if rows:
        columns = ("study in the store", "trials", "completed", "failed", "study file")
        print_table(Table(columns, tuple(rows)))
    else:
        print_text(f"no study in the store {store} yet\n")


def _row(store: Store, name: str) -> tuple[str, ...]:
    counts = Counter(trial.state for trial in store.trials(name))
    numbers = (counts.total(), counts[TrialState.COMPLETED], counts[TrialState.FAILED])
    return (name, *map(str, numbers), str(store.path(name) or ABSENT))
