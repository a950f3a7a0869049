"""What Ax's cards are drawn of: the same trials in a space that Ax's models and figures can take.

Ax's figures leave out trials that lack a conditional parameter, and its model fills those in with
values of its own. So conditions are dropped here and what is inactive is filled in with the middle
of its range. Measurements at a lower fidelity than the highest are left out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

import numpy as np
from ax.core.data import Data, DataRow
from ax.core.experiment import Experiment

from moopt.export.ax_data import final_rows
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter, Value
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from moopt.study.trials import Trial, TrialState


def flat_study(study: Study, *, limits_objectives: bool = True) -> Study:
    """Return a study without conditions and without a fidelity.

    Args:
        study: What it is made of.
        limits_objectives: Whether outcome constraints on objectives stay: Ax models what they limit
            a second time.
    """
    objectives = {each.name for each in study.objectives}
    return replace(
        study,
        parameters=[replace(each, when=None) for each in study.parameters],
        outcome_constraints=[
            each
            for each in study.outcome_constraints
            if limits_objectives or each.name not in objectives
        ],
        fidelity=None,
        start_with=(),
    )


def flat_trials(study: Study, trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials as points of the flat study, without what was reported on the way."""
    middles = {each.name: middle(each) for each in study.parameters}
    return [
        replace(
            trial,
            parameters={**middles, **trial.parameters},
            fidelity=None,
            continues=None,
            measurements=trial.measurements if _counts(study, trial) else {},
            partial={},
        )
        for trial in trials
    ]


def middle(parameter: Parameter) -> Value:
    """Return a value amid those of a parameter."""
    match parameter:
        case Continuous(low=low, high=high, log=log):
            return math.sqrt(low) * math.sqrt(high) if log else low + (high - low) / 2
        case Integer(low=low, high=high, step=step):
            return low + (high - low) // (2 * step) * step
        case Categorical(choices=choices):
            return choices[len(choices) // 2]
        case Simplex(parts=parts, bounds=bounds):
            low, high = np.array(bounds).T
            weights = low + (1.0 - low.sum()) * (high - low) / max((high - low).sum(), 1e-300)
            return dict(zip(parts, weights.tolist(), strict=True))
        case never:
            assert_never(never)


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Data that Ax's model can be fitted to."""

    data: Data
    used: int
    """Of how many trials it is."""

    left_out: int
    """How many trials are not in it: those of which a measurement is missing, where they are few,
    and what would be too many."""

    hidden: Sequence[str]
    """Measurements whose standard errors are hidden."""


def training_data(experiment: Experiment, at_most: int) -> TrainingData:
    """Return what Ax's model can be fitted to.

    Where standard errors of a measurement are known for some trials only, none is given: Ax's model
    needs all of them or none. Where a tenth of the trials or less lack a measurement, they are left
    out: with them Ax makes another kind of model, which its cross-validation may not take.

    Args:
        experiment: Of the flat study.
        at_most: How many trials, spread over all that were measured.
    """
    data = final_rows(experiment.lookup_data())
    frame = data.df
    measured = sorted(data.trial_indices)
    counts = frame.groupby("trial_index")["metric_name"].nunique()
    whole = [index for index in measured if counts[index] == len(data.metric_names)]
    kept = whole if len(measured) - len(whole) <= max(1, len(measured) // 10) else measured
    if len(kept) > at_most:
        places = np.linspace(0, len(kept) - 1, at_most).round().astype(int)
        kept = [kept[place] for place in places]
    frame = frame[frame["trial_index"].isin(kept)]
    mixed = [
        str(name)
        for name, rows in frame.groupby("metric_name")
        if rows["sem"].isna().any() and not rows["sem"].isna().all()
    ]
    rows = [
        DataRow(
            int(row.trial_index),
            row.arm_name,
            row.metric_name,
            row.metric_signature,
            row.mean,
            math.nan if row.metric_name in mixed else row.sem,
        )
        for row in frame.itertuples(index=False)
    ]
    return TrainingData(Data(rows), len(kept), len(measured) - len(kept), mixed)


def _counts(study: Study, trial: Trial) -> bool:
    whole = study.fidelity is None or trial.fidelity == study.fidelity.high
    return trial.state is TrialState.COMPLETED and whole
