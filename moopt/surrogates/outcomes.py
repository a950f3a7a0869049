"""All outcomes of a study under one model, each with the data that it has."""

from dataclasses import replace

import torch
from botorch.models.gp_regression import SingleTaskGP
from botorch.models.model import Model, ModelList
from botorch.models.model_list_gp_regression import ModelListGP

from moopt.encoding.space import SpaceEncoding
from moopt.encoding.training_data import Limit, TrainingData
from moopt.errors import SurrogateError
from moopt.surrogates.formula import formula_model
from moopt.surrogates.gaussian_process import gaussian_process

LIKELY = 0.5
"""A candidate is worth trying where more than so large a share of its like succeeded."""


def fit_outcomes(encoding: SpaceEncoding, data: TrainingData) -> Model:
    """Return a model of the outcomes, in the order of `data.names`.

    Outcomes are independent. Each Gaussian process sees the trials in which its outcome was
    measured; objectives with a formula are computed.

    Raises:
        SurrogateError: An outcome was never measured, or no process fits it.
    """
    formulas = {each.name: each for each in encoding.study.objectives if each.formula is not None}
    models: list[Model] = []
    for column, name in enumerate(data.names):
        if name in formulas:
            models.append(formula_model(encoding, formulas[name]))
            continue
        rows = data.measured(column)
        if not rows.any():
            raise SurrogateError(
                f"{name!r} was not measured in any of the trials; nothing to learn"
            )
        models.append(
            gaussian_process(
                name,
                data.points[rows],
                data.outcomes[rows, column],
                data.standard_errors[rows, column],
            )
        )
    return _joined(models)


def with_success(model: Model, data: TrainingData) -> tuple[Model, TrainingData]:
    """Add the share of trials that succeed as one more outcome, limited from below.

    Where trials failed by their own fault, a process over success (1) and failure (0) keeps the
    search away from their like, without forbidding what was never tried.
    """
    if len(data.crashed) == 0:
        return model, data
    points = torch.cat([data.points, data.crashed])
    success = torch.cat([torch.ones(len(data.points)), torch.zeros(len(data.crashed))]).to(points)
    process = gaussian_process("success", points, success, torch.full_like(success, torch.nan))
    known = list(model.models) if isinstance(model, ModelList) else [model]
    rows = torch.ones(len(data.points), 1).to(points)
    extended = replace(
        data,
        names=(*data.names, "success"),
        outcomes=torch.cat([data.outcomes, rows], dim=1),
        standard_errors=torch.cat([data.standard_errors, torch.full_like(rows, torch.nan)], dim=1),
        limits=(*data.limits, Limit(outcome=len(data.names), sign=-1.0, bound=-LIKELY)),
    )
    return _joined([*known, process]), extended


def _joined(models: list[Model]) -> Model:
    processes = [model for model in models if isinstance(model, SingleTaskGP)]
    if len(processes) == len(models):
        return ModelListGP(*processes)
    return ModelList(*models)
