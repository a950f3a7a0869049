"""`moopt export`: the model of one trial as a folder."""

import inspect
from pathlib import Path
from typing import Annotated

import typer

from moopt.cli.options import (
    DEFAULT_STORE,
    KneeOption,
    PreferOption,
    StoreOption,
    StudyArgument,
    TrialOption,
    WhereOption,
)
from moopt.cli.selectors import Selector, choose
from moopt.cli.sources import (
    StoredStudy,
    artifacts,
    existing_store,
    named_study,
    named_study_file,
    study_file,
)
from moopt.cli.target_folder import appearing, check_new_or_empty
from moopt.errors import EvaluationError, MooptError, SelectionError
from moopt.export.model_card import Origin, write_model_card
from moopt.front.front import front_of
from moopt.study.loading import StudyFile, question_of


def export(
    study: StudyArgument,
    *,
    to: Annotated[
        Path,
        typer.Option(
            "--to",
            metavar="DIR",
            help="The folder to write, such as models/knee. It must be new or empty.",
            show_default=False,
        ),
    ],
    knee: KneeOption = False,
    prefer: PreferOption = None,
    trial: TrialOption = None,
    where: WhereOption = None,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Write the model of one trial to a folder, with its recipe and a model card.

    Example: moopt export studies/merge_minilm.py --knee --to models/knee
    """
    selector = Selector(knee=knee, prefer=prefer, trial=trial, where=where or ())
    check_new_or_empty(to)
    with existing_store(store) as opened:
        file = study_file(study, opened)
        stored = named_study(file.study.name, opened)
    _export(file, stored, selector, to=to, source=study, own=artifacts(store))


def export_named(study: str, *, to: Path, trial: int, store: str) -> None:
    """Write the model of one trial to a folder, asked for by somebody who may not choose files.

    Args:
        study: A name in the store, never a file: nothing but that study's own file is run.
        to: The folder; new or empty.
        trial: Its number.
        store: The store.

    Raises:
        SelectionError: There is no such study or trial, or it leaves no model.
        EvaluationError: The study's `export` failed.
    """
    check_new_or_empty(to)
    with existing_store(store) as opened:
        file = named_study_file(study, opened)
        stored = named_study(study, opened)
    _export(file, stored, Selector(trial=trial), to=to, source=study, own=artifacts(store))


def _export(
    file: StudyFile, stored: StoredStudy, selector: Selector, *, to: Path, source: str, own: Path
) -> None:
    """Write the selected trial's model; `own` has what trials of all studies left behind."""
    chosen = choose(stored.study, stored.trials, selector)
    front = front_of(stored.study, stored.trials)
    on_front = any(each.number == chosen.number for each in front.trials)
    origin = Origin(
        stored.study,
        chosen,
        question=question_of(file.path),
        source=source,
        front_size=len(front.trials) if on_front else None,
    )
    _write(file, origin, to, own / file.study.name / str(chosen.number))
    typer.echo(f"wrote trial {chosen.number} to {to}", err=True)


def _write(file: StudyFile, origin: Origin, folder: Path, own: Path) -> None:
    """Write a trial's model to a folder; `own` is the trial's, where its checkpoint may be."""
    if file.export is None:
        raise SelectionError(
            f"{file.path} defines no `export`, so its trials leave no model; "
            "add `def export(trial, directory)` that writes one"
        )
    try:
        with appearing(folder) as staging:
            known = inspect.signature(file.export).parameters
            more = {"folder": own} if "folder" in known else {}
            file.export(origin.trial, staging, **more)
            write_model_card(staging, origin)
    except MooptError:
        raise
    # The hook is foreign code: whatever it raises belongs into the message.
    except Exception as error:
        raise EvaluationError(
            f"`export` of {file.path} failed on trial {origin.trial.number}: "
            f"{type(error).__name__}: {error}"
        ) from error
