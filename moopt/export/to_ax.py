"""A study and its trials as an experiment of Ax.

The experiment says all that Ax can say. The rest, and every number to its last bit, goes along as
text, so that `from_ax` gives the same study and the same trials.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from ax.core.arm import Arm
from ax.core.data import Data
from ax.core.experiment import Experiment
from ax.core.generator_run import GeneratorRun
from ax.core.trial import Trial as AxTrial
from ax.core.trial_status import TrialStatus

from moopt.export.ax_data import ax_rows, has_steps
from moopt.export.ax_objectives import ax_wishes
from moopt.export.ax_record import INFERRED, RECORD, trial_text
from moopt.export.ax_space import AxSpace, ax_space
from moopt.study.serialization import study_to_json
from moopt.study.study import Study
from moopt.study.trials import Trial, TrialState

STATUSES = {
    TrialState.PROPOSED: TrialStatus.CANDIDATE,
    TrialState.RUNNING: TrialStatus.RUNNING,
    TrialState.COMPLETED: TrialStatus.COMPLETED,
    TrialState.FAILED: TrialStatus.FAILED,
    TrialState.STOPPED: TrialStatus.EARLY_STOPPED,
    TrialState.CANCELLED: TrialStatus.ABANDONED,
}


def to_ax(study: Study, trials: Sequence[Trial], *, inferred: Collection[str] = ()) -> Experiment:
    """Return a study and its trials as an experiment of Ax.

    Args:
        study: With references, which Ax calls objective thresholds.
        trials: By number.
        inferred: Objectives whose reference the user did not give.

    Raises:
        StudyError: A parameter has more choices than Ax stores.
    """
    space = ax_space(study)
    wishes = ax_wishes(study, space.search_space.parameters)
    experiment = Experiment(
        space.search_space,
        name=study.name,
        optimization_config=wishes.config,
        metrics=wishes.registered(with_steps=has_steps(trials)),
        properties=_properties(study, inferred),
    )
    arms = {trial.number: _add(experiment, space, trial) for trial in trials}
    rows = list(ax_rows(trials, arms, wishes.metrics))
    if rows:
        experiment.attach_data(Data(rows))
    return experiment


def _properties(study: Study, inferred: Collection[str]) -> dict[str, str]:
    """Return what the user defined, and the references that were inferred, as texts."""
    references = {each.name: each.reference for each in study.objectives if each.name in inferred}
    defined = replace(
        study,
        objectives=[
            replace(each, reference=None) if each.name in references else each
            for each in study.objectives
        ],
    )
    return {
        RECORD: json.dumps(study_to_json(defined), allow_nan=False),
        INFERRED: json.dumps(references, allow_nan=False),
    }


def _add(experiment: Experiment, space: AxSpace, trial: Trial) -> str:
    """Enter a trial and return the name that Ax gives to its parameters."""
    arm = Arm(space.to_ax(trial.parameters, trial.fidelity))
    origin = trial.sampler or "moopt"
    run = GeneratorRun([arm], generator_key=origin, generation_node_name=origin)
    entered = AxTrial(experiment, run, index=trial.number)
    entered.update_run_metadata({RECORD: trial_text(trial)})
    reason = None
    if trial.failure is not None:
        reason = f"{trial.failure.kind.value}: {trial.failure.message}"
    # What is proposed again may have run before; in Ax a candidate has not.
    if trial.state is not TrialState.PROPOSED:
        _mark(entered, trial, reason)
    return entered.arm.name if entered.arm is not None else ""


def _mark(entered: AxTrial, trial: Trial, reason: str | None) -> None:
    """Put a trial of Ax into the state of a trial, at the times of that."""
    if trial.started is not None:
        entered.mark_running(no_runner_required=True, started_time=_local(trial.started))
    entered.mark_as(STATUSES[trial.state], unsafe=True, reason=reason, no_runner_required=True)
    if trial.ended is not None:
        # Ax has no other way to say when a trial ended than to end it now.
        vars(entered)["_time_completed"] = _local(trial.ended)


def _local(time: datetime) -> datetime:
    """Return a time as Ax writes times: of this place, without saying so."""
    return time.astimezone().replace(tzinfo=None)
