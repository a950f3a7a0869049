"""The tables of the HTML page."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from html import escape

from moopt.front.front import Front
from moopt.front.recommendation import Recommendation
from moopt.reports.best import has_one_objective
from moopt.reports.formatting import ABSENT, decimals_for, measurement_text, value_text
from moopt.reports.points import Points
from moopt.reports.recommended import recommended_table
from moopt.reports.tables import (
    limits_text,
    outcome_names,
    outcome_title,
    parameter_columns,
    parameter_value,
)
from moopt.study.trials import Failure, FailureKind, Trial

MOST_NUMBERS = 12
MOST_COLUMNS = 9
"""Of a table that fits the page."""


def objectives_table(front: Front, origins: Mapping[str, str]) -> str:
    """Return what is wanted, how far the search got, and where hypervolume starts.

    Args:
        front: With references.
        origins: Where the reference of each objective comes from.
    """
    rows = []
    for objective in front.study.objectives:
        measured = [trial.measurements[objective.name] for trial in front.trials]
        decimals = decimals_for(measured)
        best = max(measured, key=lambda each: objective.direction.sign * each.mean, default=None)
        reference = ABSENT
        if objective.reference is not None:
            reference = (
                f'{objective.reference:.6g} <span class="quiet">{origins[objective.name]}</span>'
            )
        rows.append(
            f'<tr><th scope="row">{escape(objective.name)}</th>'
            f'<td class="text">{objective.direction.value}</td>'
            f"<td>{measurement_text(best, decimals)}</td><td>{reference}</td></tr>"
        )
    rows += [
        f'<tr><th scope="row">{escape(constraint.name)}</th>'
        f'<td class="text">{limits_text(constraint)}</td><td></td><td></td></tr>'
        for constraint in front.study.outcome_constraints
    ]
    title = "best" if has_one_objective(front.study) else "best on the front"
    head = ["<th>objective</th>", '<th class="text">wanted</th>', f"<th>{title}</th>"]
    return _table([*head, "<th>reference point</th>"], rows)


def front_table(points: Points, trials: Sequence[Trial]) -> str:
    """Return trials as a table; the knee is marked.

    Args:
        points: With the study and its knee.
        trials: In the order of the rows.
    """
    study = points.study
    has_held_out = any(trial.held_out for trial in trials)
    outcomes = outcome_names(study)
    decimals = {
        name: decimals_for(
            trial.measurements[name] for trial in trials if name in trial.measurements
        )
        for name in outcomes
    }
    columns = parameter_columns(study)
    note = "<span>search</span>" if has_held_out else ""
    head = ["<th>trial</th>"]
    for name in outcomes:
        head.append(f'<th class="first">{escape(outcome_title(study, name))}{note}</th>')
        if has_held_out:
            head.append("<th><span>held out</span></th>")
    head += [
        f"<th{_first(index)}>{escape('.'.join(column))}</th>"
        for index, column in enumerate(columns)
    ]
    rows = []
    for trial in trials:
        is_knee = points.knee is not None and trial.number == points.knee.number
        tag = '<span class="tag">knee</span>' if is_knee else ""
        cells = [f'<th scope="row">{trial.number}{tag}</th>']
        for name in outcomes:
            search = measurement_text(trial.measurements.get(name), decimals[name])
            cells.append(f'<td class="first">{search}</td>')
            if has_held_out:
                again = measurement_text(trial.held_out.get(name), decimals[name])
                cells.append(f'<td class="held-out">{again}</td>')
        cells += [
            f"<td{_first(index)}>{escape(value_text(parameter_value(trial, column)))}</td>"
            for index, column in enumerate(columns)
        ]
        kind = ' class="knee"' if is_knee else ""
        rows.append(f"<tr{kind}>{''.join(cells)}</tr>")
    hint = '<p class="quiet">The parameters follow to the right; scroll the table.</p>'
    return _table(head, rows) + (hint if len(head) > MOST_COLUMNS else "")


def recommendation_table(recommendation: Recommendation) -> str:
    """Return the recommended front as a table, the best in the first objective on top."""
    shown = recommended_table(recommendation)
    rows = [
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>'
        for row in shown.rows
    ]
    return _table([f"<th>{escape(title)}</th>" for title in shown.columns], rows)


def failures_table(failed: Sequence[Trial]) -> str:
    """Return failures by kind and message, the most frequent first."""
    groups: dict[tuple[FailureKind, str], list[int]] = defaultdict(list)
    for trial in failed:
        failure = trial.failure or Failure(FailureKind.CANDIDATE, "")
        groups[failure.kind, failure.message].append(trial.number)
    rows = [
        f'<tr><th scope="row">{kind.value}</th><td>{len(numbers)}</td>'
        f'<td class="message">{escape(message)}</td>'
        f'<td class="message">{_numbers(numbers)}</td></tr>'
        for (kind, message), numbers in sorted(groups.items(), key=lambda each: -len(each[1]))
    ]
    head = ["<th>kind</th>", "<th>trials</th>", '<th class="text">message</th>']
    return _table([*head, '<th class="text">numbers</th>'], rows)


def _table(head: Sequence[str], rows: Sequence[str]) -> str:
    return (
        f'<div class="wide" tabindex="0"><table>\n<thead><tr>{"".join(head)}</tr></thead>\n'
        f"<tbody>\n{chr(10).join(rows)}\n</tbody>\n</table></div>"
    )


def _numbers(numbers: Sequence[int]) -> str:
    shown = ", ".join(str(number) for number in numbers[:MOST_NUMBERS])
    hidden = len(numbers) - MOST_NUMBERS
    return f"{shown} and {hidden} more" if hidden > 0 else shown


def _first(index: int) -> str:
    return ' class="first"' if index == 0 else ""
