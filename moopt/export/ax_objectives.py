"""What a study wants, as Ax's objectives, thresholds and outcome constraints.

Ax takes no constraint on an objective. Such a limit is put on a metric of its own, which has the
same measurements.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ax.core.map_metric import MapMetric
from ax.core.metric import Metric
from ax.core.objective import Objective as AxObjective
from ax.core.optimization_config import MultiObjectiveOptimizationConfig, OptimizationConfig
from ax.core.outcome_constraint import OutcomeConstraint as AxConstraint

from moopt.export.ax_names import safe_name
from moopt.study.objectives import Direction
from moopt.study.study import Study


@dataclass(frozen=True, slots=True)
class AxWishes:
    """What Ax is to optimize, and which metric of it is what."""

    config: OptimizationConfig
    metrics: tuple[tuple[str, str], ...]
    """Pairs of the name in Ax and that of the measurement in the study. The first with a
    measurement's name holds it."""

    lower_is_better: tuple[bool | None, ...]
    """Of each metric. None: Ax is to want neither."""

    def registered(self, *, with_steps: bool) -> list[Metric]:
        """Return the metrics for an experiment.

        Args:
            with_steps: Whether there are measurements at several steps of a trial.
        """
        kind = MapMetric if with_steps else Metric
        return [
            kind(name=name, lower_is_better=lower)
            for (name, _), lower in zip(self.metrics, self.lower_is_better, strict=True)
        ]


def ax_wishes(study: Study, taken: Iterable[str] = ()) -> AxWishes:
    """Return the objectives and constraints of a study for Ax.

    Args:
        study: What to say.
        taken: Names of Ax's parameters, which no metric may have.
    """
    used = list(taken)
    objectives: dict[str, str] = {}
    for objective in study.objectives:
        objectives[objective.name] = safe_name(objective.name, used)
        used.append(objectives[objective.name])
    limited: dict[str, str] = {}
    for constraint in study.outcome_constraints:
        ending = "_limit" if constraint.name in objectives else ""
        limited[constraint.name] = safe_name(constraint.name + ending, used)
        used.append(limited[constraint.name])
    metrics = [(name, measured) for measured, name in (*objectives.items(), *limited.items())]
    minimized = [each.direction is Direction.MINIMIZE for each in study.objectives]
    return AxWishes(
        _config(study, objectives, _limits(study, limited)),
        tuple(metrics),
        (*minimized, *(each.at_least is None for each in study.outcome_constraints)),
    )


def _config(
    study: Study, names: dict[str, str], constraints: list[AxConstraint]
) -> OptimizationConfig:
    signatures = {name: name for name in names.values()}
    signs = {
        each.name: "" if each.direction is Direction.MAXIMIZE else "-" for each in study.objectives
    }
    expression = ", ".join(f"{signs[measured]}{name}" for measured, name in names.items())
    objective = AxObjective(expression=expression, metric_name_to_signature=signatures)
    if len(study.objectives) == 1:
        return OptimizationConfig(objective, constraints)
    thresholds = [
        _limit(names[each.name], "<=" if signs[each.name] else ">=", each.reference)
        for each in study.objectives
        if each.reference is not None
    ]
    return MultiObjectiveOptimizationConfig(objective, constraints, thresholds)


def _limits(study: Study, names: dict[str, str]) -> list[AxConstraint]:
    found: list[AxConstraint] = []
    for each in study.outcome_constraints:
        low, high = each.at_least, each.at_most
        if low is not None:
            found.append(_limit(names[each.name], ">=", low))
        # Ax takes no limits that leave one value.
        if high is not None and high != low:
            found.append(_limit(names[each.name], "<=", high))
    return found


def _limit(name: str, sign: str, bound: float) -> AxConstraint:
    return AxConstraint(
        expression=f"{name} {sign} {bound!r}",
        metric_name_to_signature={name: name},
        relative=False,
    )
