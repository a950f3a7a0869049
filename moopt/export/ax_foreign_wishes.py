"""Objectives and constraints that somebody made in Ax, as a study's."""

from collections.abc import Mapping
from dataclasses import dataclass

from ax.core.experiment import Experiment
from ax.core.optimization_config import MultiObjectiveOptimizationConfig, OptimizationConfig
from ax.core.outcome_constraint import OutcomeConstraint as AxConstraint
from ax.core.types import ComparisonOp

from moopt.errors import StudyError
from moopt.export.ax_foreign_space import study_names
from moopt.study.objectives import Direction, Objective, OutcomeConstraint


@dataclass(frozen=True, slots=True)
class ForeignWishes:
    """What an experiment of Ax optimizes."""

    objectives: tuple[Objective, ...]
    outcome_constraints: tuple[OutcomeConstraint, ...]
    metrics: Mapping[str, str]
    """The study's name of each metric of Ax."""


def foreign_wishes(experiment: Experiment) -> ForeignWishes:
    """Return what an experiment of Ax is to optimize.

    Raises:
        StudyError: It says nothing of that, or something that a study cannot say.
    """
    config = experiment.optimization_config
    if config is None:
        raise StudyError("the experiment has no objective; call Ax's configure_optimization before")
    wanted = config.objective.metric_names
    # Where a part of several is a sum, there are fewer parts than metrics.
    if config.is_bope_problem or len(config.objective.expression.split(",")) < len(wanted):
        raise StudyError(
            f"the objective {config.objective.expression!r} is a sum or a preference; moopt takes "
            "objectives of one metric each, so make each term an objective, or measure the sum"
        )
    names = study_names(experiment.metrics)
    references = _references(config)
    objectives = tuple(
        Objective(
            names[metric],
            Direction.MAXIMIZE if weight > 0 else Direction.MINIMIZE,
            reference=references.get(metric),
        )
        for metric, (_, weight) in zip(wanted, config.objective.metric_weights, strict=True)
    )
    limits: dict[str, dict[str, float]] = {}
    for constraint in config.outcome_constraints:
        metric, side, bound = _limit(constraint)
        limits.setdefault(names[metric], {})[side] = bound
    constraints = tuple(OutcomeConstraint(name, **sides) for name, sides in limits.items())
    return ForeignWishes(objectives, constraints, names)


def _references(config: OptimizationConfig) -> dict[str, float]:
    if not isinstance(config, MultiObjectiveOptimizationConfig):
        return {}
    limits = [_limit(each) for each in config.objective_thresholds]
    return {metric: bound for metric, _, bound in limits}


def _limit(constraint: AxConstraint) -> tuple[str, str, float]:
    """Return the metric, the side and the bound of a constraint."""
    if constraint.relative:
        raise StudyError(f"Ax's {constraint} is relative to a baseline; give it the bound itself")
    if len(constraint.metric_names) > 1 or constraint.metric_weights[0][1] != 1:
        raise StudyError(f"Ax's {constraint} limits a sum; moopt limits one measurement each")
    side = "at_most" if constraint.op is ComparisonOp.LEQ else "at_least"
    return constraint.metric_names[0], side, constraint.bound
