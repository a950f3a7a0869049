"""The tables of the HTML page."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from html import escape

from moopt.front.front import Front
from moopt.front.recommendation import Recommendation
from moopt.reports.best import has_one_objective
from moopt.reports.failures import last_line
from moopt.reports.formatting import ABSENT, decimals_for, measurement_text, value_text
from moopt.reports.points import Points
from moopt.reports.recommended import recommended_table
from moopt.reports.sheet import html_table
from moopt.reports.tables import (
    limits_text,
    outcome_names,
    outcome_title,
    parameter_columns,
    parameter_value,
)
from moopt.study.likeness import likeness
from moopt.study.trials import Failure, FailureKind, Trial

MOST_NUMBERS = 12
MOST_COLUMNS = 9
"""Of a table that fits the page."""

MOST_FAILURES = 50
"""Kinds of message that are shown."""

LONGEST_LINE = 300
LONGEST_MESSAGE = 4000
"""Characters of a message that are shown."""


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
    return html_table([*head, "<th>reference point</th>"], rows)


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
    return html_table(head, rows) + (hint if len(head) > MOST_COLUMNS else "")


def recommendation_table(recommendation: Recommendation) -> str:
    """Return the recommended front as a table, the best in the first objective on top."""
    shown = recommended_table(recommendation)
    rows = [
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>'
        for row in shown.rows
    ]
    return html_table([f"<th>{escape(title)}</th>" for title in shown.columns], rows)


def failures_table(failed: Sequence[Trial]) -> str:
    """Return failures by kind and likeness of their messages, the most frequent first."""
    groups: dict[tuple[FailureKind, str], list[tuple[int, Failure]]] = defaultdict(list)
    for trial in failed:
        failure = trial.failure or Failure(FailureKind.CANDIDATE, "")
        groups[failure.kind, likeness(last_line(failure))].append((trial.number, failure))
    ordered = sorted(groups.items(), key=lambda each: -len(each[1]))
    rows = [
        f'<tr><th scope="row">{kind.value}</th><td>{len(members)}</td>'
        f'<td class="message">{_message(members[-1][1])}</td>'
        f'<td class="message">{_numbers([number for number, _ in members])}</td></tr>'
        for (kind, _), members in ordered[:MOST_FAILURES]
    ]
    head = ["<th>kind</th>", "<th>trials</th>", '<th class="text">last message</th>']
    table = html_table([*head, '<th class="text">numbers</th>'], rows)
    hidden = ordered[MOST_FAILURES:]
    if not hidden:
        return table
    trials = sum(len(members) for _, members in hidden)
    return f'{table}<p class="quiet">{len(hidden)} more kinds of message, {trials} trials.</p>'


def _message(failure: Failure) -> str:
    """Return the last line of a message, and what else there is of it to unfold."""
    whole, last = failure.message.strip(), last_line(failure)
    shown = escape(_cut(last, LONGEST_LINE))
    if whole in {"", _cut(last, LONGEST_LINE)}:
        return shown
    # Errors say at the end what went wrong.
    kept = whole if len(whole) <= LONGEST_MESSAGE else f"...{whole[3 - LONGEST_MESSAGE :]}"
    return f"<details><summary>{shown}</summary><pre>{escape(kept)}</pre></details>"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _numbers(numbers: Sequence[int]) -> str:
    shown = ", ".join(str(number) for number in numbers[:MOST_NUMBERS])
    hidden = len(numbers) - MOST_NUMBERS
    return f"{shown} and {hidden} more" if hidden > 0 else shown


def _first(index: int) -> str:
    return ' class="first"' if index == 0 else ""
