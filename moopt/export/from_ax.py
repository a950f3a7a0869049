"""An experiment of Ax as a study and its trials.

What moopt exported comes back equal, with what was added or changed in Ax since. What somebody made
in Ax comes as far as a study can say it; anything else is refused.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ax.core.data import Data, DataRow
from ax.core.experiment import Experiment

from moopt.errors import StudyError
from moopt.export.ax_data import ax_rows
from moopt.export.ax_foreign_space import (
    foreign_fidelity,
    foreign_space,
    foreign_sums,
    study_names,
)
from moopt.export.ax_foreign_wishes import foreign_wishes
from moopt.export.ax_objectives import ax_wishes
from moopt.export.ax_record import INFERRED, RECORD
from moopt.export.ax_space import AxSpace, ax_space
from moopt.export.ax_trials import agrees, as_changed, readings, recorded_trial, trial_of_ax
from moopt.export.to_ax import STATUSES
from moopt.study.serialization import study_from_json
from moopt.study.study import Study
from moopt.study.trials import Measurement, Trial

Cells = dict[tuple[int, str, float | None], Measurement]
"""Measurements by trial, metric of Ax and step."""


@dataclass(frozen=True, slots=True)
class AxReading:
    """What an experiment of Ax says, as a study."""

    defined: Study
    """As its user has it."""

    study: Study
    """With the references that were inferred."""

    space: AxSpace
    """How its parameters are named and valued in Ax."""

    trials: tuple[Trial, ...]
    misfits: tuple[str, ...]
    """Why trials of Ax are none of the study; they are not among the trials."""

    inferred: Mapping[str, float]
    """The references that no user gave, by objective."""


def from_ax(experiment: Experiment) -> tuple[Study, list[Trial]]:
    """Return an experiment of Ax as a study and its trials.

    Raises:
        StudyError: It has what a study does not: sums as objectives, parameters on a logit scale,
            limits relative to a baseline, trials of several arms or outside of the space.
    """
    read = read_experiment(experiment, experiment.lookup_data())
    if read.misfits:
        raise StudyError(f"{len(read.misfits)} of Ax's trials cannot be read: {read.misfits[0]}")
    return read.study, list(read.trials)


def read_experiment(experiment: Experiment, data: Data) -> AxReading:
    """Return what an experiment says, leaving out trials that are no points of the study.

    Args:
        experiment: What to read.
        data: What was measured.

    Raises:
        StudyError: It has what a study does not.
    """
    text = vars(experiment)["_properties"].get(RECORD)
    if text is None:
        defined, space, metrics = _foreign(experiment)
        inferred: Mapping[str, float] = {}
        recorded: dict[int, Trial] = {}
    else:
        defined, space, metrics = _own(experiment, text)
        inferred = json.loads(vars(experiment)["_properties"].get(INFERRED, "{}"))
        recorded = _recorded(experiment)
    study = defined.with_references(inferred)
    read = readings(data, metrics)
    untouched = _untouched(experiment, data, metrics, recorded.values())
    trials: list[Trial] = []
    misfits: list[str] = []
    for index in sorted(experiment.trials):
        if index in untouched:
            trials.append(recorded[index])
            continue
        found, number = experiment.trials[index], trials[-1].number + 1 if trials else 0
        try:
            now = trial_of_ax(study, space, found, number, read)
        except StudyError as error:
            misfits.append(str(error))
            continue
        if index in recorded:
            is_moved = found.status is not STATUSES[recorded[index].state]
            now = as_changed(recorded[index], now, is_moved=is_moved)
        trials.append(now)
    return AxReading(defined, study, space, tuple(trials), tuple(misfits), inferred)


def _own(experiment: Experiment, text: str) -> tuple[Study, AxSpace, Mapping[str, str]]:
    study = study_from_json(json.loads(text))
    space = ax_space(study)
    known, found = set(space.search_space.parameters), set(experiment.search_space.parameters)
    if known != found:
        raise StudyError(
            f"the experiment was exported with the parameters {sorted(known)} and now has "
            f"{sorted(found)}; export the study again"
        )
    return study, space, dict(ax_wishes(study, known).metrics)


def _foreign(experiment: Experiment) -> tuple[Study, AxSpace, Mapping[str, str]]:
    space = foreign_space(experiment.search_space)
    wishes = foreign_wishes(experiment)
    parameters = {slot.parameter.name: slot.parameter for slot in space.slots}
    (name,) = study_names([experiment.name if experiment.has_name else "ax"]).values()
    study = Study(
        name,
        parameters=list(parameters.values()),
        objectives=wishes.objectives,
        outcome_constraints=wishes.outcome_constraints,
        linear_constraints=foreign_sums(space),
        fidelity=foreign_fidelity(space),
    )
    return study, space, wishes.metrics


def _recorded(experiment: Experiment) -> dict[int, Trial]:
    found = {index: recorded_trial(trial) for index, trial in experiment.trials.items()}
    return {index: trial for index, trial in found.items() if trial is not None}


def _untouched(
    experiment: Experiment, data: Data, metrics: Mapping[str, str], recorded: Iterable[Trial]
) -> set[int]:
    """Return the trials that are in Ax as moopt recorded them."""
    trials = list(recorded)
    arms = {trial.number: "" for trial in trials}
    known = _cells(ax_rows(trials, arms, list(metrics.items())))
    frame = data.full_df
    now = _cells(
        DataRow(
            int(row.trial_index),
            row.arm_name,
            row.metric_name,
            row.metric_signature,
            row.mean,
            row.sem,
            step=getattr(row, "step", None),
        )
        for row in frame.itertuples(index=False)
        if row.metric_name in metrics and math.isfinite(row.mean)
    )
    differing = {key[0] for key in known.keys() ^ now.keys()}
    differing |= {key[0] for key in known.keys() & now.keys() if not agrees(known[key], now[key])}
    return {
        trial.number
        for trial in trials
        if trial.number not in differing
        and experiment.trials[trial.number].status is STATUSES[trial.state]
    }


def _cells(rows: Iterable[DataRow]) -> Cells:
    cells: Cells = {}
    for row in rows:
        # A step that is missing is read as NaN.
        step = None if row.step is None or math.isnan(row.step) else float(row.step)
        sem = None if math.isnan(row.se) else float(row.se)
        cells[row.trial_index, row.metric_name, step] = Measurement(float(row.mean), sem)
    return cells
