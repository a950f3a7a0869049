"""Ax's own model, fitted to the trials of a study, and what its figures are drawn of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ax.adapter.registry import Generators
from ax.adapter.torch import TorchAdapter
from ax.core.arm import Arm
from ax.core.data import Data
from ax.core.experiment import Experiment

from moopt.errors import SurrogateError
from moopt.export.ax_calls import attempted
from moopt.export.ax_flat import TrainingData, flat_study, flat_trials, training_data
from moopt.export.ax_objectives import ax_wishes
from moopt.export.ax_shown import join
from moopt.export.ax_space import AxSpace, ax_space
from moopt.export.to_ax import to_ax
from moopt.front.front import front_of
from moopt.front.values import measured_trials
from moopt.study.study import Study
from moopt.study.trials import Trial

MOST_TRIALS = 200
"""Trials that the model is fitted to: its time grows with their cube."""

MOST_SHOWN = 30
"""Trials in a slice or contour: a contour has a grid line for each."""


@dataclass(frozen=True, slots=True)
class AxModel:
    """A fitted model of Ax and what its figures need."""

    adapter: TorchAdapter
    experiment: Experiment
    """With every trial."""

    shown: Experiment
    """With the trials that slices and contours show."""

    space: AxSpace
    objectives: Mapping[str, str]
    """Ax's name of each objective."""

    around: str
    """Where slices and contours are taken, as a sentence."""

    used: int
    """To how many trials it is fitted."""

    limits: str
    """What the model was not told, as sentences; empty where it was told all."""


def fitted(study: Study, trials: Sequence[Trial]) -> AxModel:
    """Fit Ax's own model to the trials.

    Raises:
        SurrogateError: Ax cannot.
    """
    flat = flat_study(study, limits_objectives=False)
    points = flat_trials(study, trials)
    experiment = to_ax(flat, points)
    told = training_data(experiment, MOST_TRIALS)
    adapter = attempted("fit its model", lambda: _torch_adapter(experiment, told.data))
    space = ax_space(flat)
    measured = measured_trials(flat, points)
    front = front_of(study, trials).trials
    base = front_of(study, trials).knee() if front else None
    picked = _spread(measured, {trial.number for trial in front}, base)
    few = to_ax(flat, picked)
    around = "Everything else is in the middle of its range."
    if base is not None:
        values = next(trial for trial in points if trial.number == base.number).parameters
        few.status_quo = Arm(space.to_ax(values, None))
        around = f"Everything else is as in trial {base.number}, the knee of the front."
    names = ax_wishes(flat, space.search_space.parameters).metrics[: len(flat.objectives)]
    return AxModel(
        adapter,
        experiment,
        few,
        space,
        {measured: name for name, measured in names},
        around,
        told.used,
        _limits(told),
    )


def _torch_adapter(experiment: Experiment, data: Data) -> TorchAdapter:
    adapter = Generators.BOTORCH_MODULAR(experiment=experiment, data=data)
    if not isinstance(adapter, TorchAdapter):
        raise SurrogateError(f"it made a {type(adapter).__name__}")
    return adapter


def _limits(told: TrainingData) -> str:
    parts = []
    if told.left_out:
        together = told.used + told.left_out
        parts.append(f"The model is fitted to {told.used} of {together} measured trials.")
    if told.hidden:
        parts.append(
            f"Standard errors of {', '.join(told.hidden)} are known for some trials only, so the "
            "model learns the noise instead."
        )
    return join(parts)


def _spread(trials: Sequence[Trial], first: set[int], base: Trial | None) -> list[Trial]:
    """Return at most so many trials as are shown: of the front, then spread over the others."""
    wanted = first | ({base.number} if base is not None else set())
    chosen = [trial for trial in trials if trial.number in wanted][:MOST_SHOWN]
    if base is not None and all(trial.number != base.number for trial in chosen):
        chosen[-1] = next(trial for trial in trials if trial.number == base.number)
    others = [trial for trial in trials if trial.number not in wanted]
    room = MOST_SHOWN - len(chosen)
    step = max(1, -(-len(others) // room)) if room else len(others) + 1
    return sorted([*chosen, *others[::step][:room]], key=lambda trial: trial.number)
