"""One HTML file that opens offline: what was asked, what was found, and how to have it again.

Plotly's script is embedded once; style, script and figures are in the page too.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from moopt.front.front import front_of
from moopt.reports.best import has_one_objective
from moopt.reports.best_plots import best_trials, progress_figure
from moopt.reports.cards import Card
from moopt.reports.figures import figure_json
from moopt.reports.formatting import quantity_text
from moopt.reports.front_plots import lines_figure, pairs_figure, plane_figure, space_figure
from moopt.reports.growth_plots import growth_figure
from moopt.reports.making_again import MOST_ROWS, Source, making_again
from moopt.reports.page_head import page_head, space_table
from moopt.reports.page_tables import failures_table, front_table, recommendation_table
from moopt.reports.points import Points, Role, points_of
from moopt.reports.recommended import measured_title, recommendation_for, recommended_title
from moopt.reports.search_plots import MOST_PARAMETERS, held_out_figure, parameter_figures
from moopt.reports.sheet import Sheet
from moopt.reports.tables import parameter_columns
from moopt.reports.thinning import MOST_LINES, evenly, thinned, thinned_note
from moopt.reports.timeline import timeline_figure
from moopt.study.study import Study
from moopt.study.trials import Trial

SPACE_NOTE = "Drag to turn, scroll to come nearer. Every pair of objectives follows below."

_GROWTH = (
    "Hypervolume is the part of the objective space that the front dominates, counted from the "
    "reference point. The line rises when a trial improves the front."
)
_RECOMMENDED_NOTE = (
    "Some trials owe their place on the measured front to noise. A model of all measurements tells "
    "luck from merit: means ± standard deviations are what it believes of the true values, and the "
    "chance is that of no other trial being better in every objective."
)
_RECOMMENDED_ALONE_NOTE = (
    "The best measurement may owe its place to noise. A model of all tells luck from merit: the "
    "mean ± standard deviation is what it believes of the true value, and the chance is that of no "
    "other trial being better."
)
_HELD_OUT = (
    "The search chose these trials by their measurements, which flatters them. Data that the "
    "search never saw tells what they are worth."
)

MOST_BEST = 10
"""Trials in the table of the best."""

MOST_IN_TABLE = 100
"""Trials of the front in its table."""

MOST_HELD_OUT = 40
MOST_CELLS = 200
"""Trials of one role in a figure of many panels."""

MOST_BARS = 500
"""Trials in the time line: the latest."""

MOST_RECOMMENDED = 1000
"""Trials up to which the front is recommended: beyond, a model of all of them takes minutes."""

BASELINES = ("baseline", "baseline-time")
"""Names of the cards that take the place of the figures of growth, over trials and over time."""


def report_page(
    study: Study,
    trials: Sequence[Trial],
    *,
    question: str = "",
    inferred: Collection[str] = (),
    cards: Sequence[Card] = (),
    source: Source | None = None,
) -> str:
    """Return the report of a study as HTML, as `report_sheet` writes it."""
    sheet = report_sheet(
        study, trials, question=question, inferred=inferred, cards=cards, source=source
    )
    return sheet.html()


def report_sheet(
    study: Study,
    trials: Sequence[Trial],
    *,
    question: str = "",
    inferred: Collection[str] = (),
    cards: Sequence[Card] = (),
    source: Source | None = None,
) -> Sheet:
    """Return the report of a study.

    Args:
        study: Objectives without a reference get one inferred from the trials.
        trials: In any state.
        question: What the study asks, such as the docstring of its file.
        inferred: Objectives whose reference the user did not give.
        cards: What the model makes of it, as `model_cards` yields it.
        source: How commands name the study. None: by its name, in the usual store.
    """
    front = front_of(study, trials)
    points = points_of(front, trials)
    sheet = Sheet(study.name)
    sheet.add(page_head(front, trials, question, inferred, study))
    count = quantity_text(len(study.parameters), "parameter")
    sheet.add(
        f"<details><summary>What was searched: {count}</summary>\n{space_table(study)}\n</details>"
    )
    if points.all:
        is_alone = has_one_objective(study)
        if is_alone:
            _add_progress(sheet, points)
        else:
            _add_front(sheet, points)
        if len(points.all) <= MOST_RECOMMENDED:
            _add_recommended(sheet, study, trials)
        _add_held_out(sheet, points)
        if not is_alone:
            _add_growth(sheet, study, trials, cards)
        _add_parameters(sheet, points)
        for card in cards:
            if card.name not in BASELINES:
                sheet.add_card(card)
        _add_making_again(sheet, points, source or Source(study.name))
        _add_timeline(sheet, trials)
    else:
        sheet.add("<p>No trial has been measured yet, so there is nothing to draw.</p>")
    _add_failures(sheet, trials)
    return sheet


def _add_progress(sheet: Sheet, points: Points) -> None:
    note = "Each point is a trial, the line is the best value so far. Below are the best trials."
    below = "<p>No trial meets every outcome constraint yet.</p>"
    if points.front:
        below = front_table(points, best_trials(points, MOST_BEST))
    figure = progress_figure(thinned(points))
    sheet.add_section("Progress", note + thinned_note(points), [figure], below=below)


def _add_front(sheet: Sheet, points: Points) -> None:
    note = "Each point is a trial. No other trial beats a point of the front in every objective."
    shown, told = thinned(points), thinned_note(points)
    match len(points.study.objectives):
        case 2:
            drawn = [plane_figure(shown)]
            if points.front:
                note += " The shaded region is what the front dominates."
        case 3:
            drawn = [space_figure(shown), pairs_figure(thinned(points, MOST_CELLS))]
            note = f"{note} {SPACE_NOTE}"
        case _:
            drawn, told = (
                [lines_figure(thinned(points, MOST_LINES))],
                thinned_note(points, MOST_LINES),
            )
            note += " Each line is a trial; every axis runs from the worst to the best value."
    below = "<p>No trial meets every outcome constraint yet.</p>"
    if points.front:
        below = front_table(points, points.front[:MOST_IN_TABLE])
        hidden = len(points.front) - MOST_IN_TABLE
        if hidden > 0:
            below += f'<p class="quiet">{hidden} more: <code>moopt front</code> lists all.</p>'
    sheet.add_section(f"The {measured_title(points.study)}", note + told, drawn, below=below)


def _add_recommended(sheet: Sheet, study: Study, trials: Sequence[Trial]) -> None:
    """Add what the model recommends; nothing for an exact study, whose front is no luck."""
    recommended = recommendation_for(study, trials)
    if recommended is None:
        return
    note = _RECOMMENDED_ALONE_NOTE if has_one_objective(study) else _RECOMMENDED_NOTE
    below = "<p>No trial is likely to meet every outcome constraint.</p>"
    if recommended.front:
        below = recommendation_table(recommended)
    sheet.add_section(f"The {recommended_title(study)}", note, below=below)


def _add_held_out(sheet: Sheet, points: Points) -> None:
    front = replace(
        points,
        roles={
            role: evenly(trials if role in {Role.FRONT, Role.KNEE} else [], MOST_HELD_OUT)
            for role, trials in points.roles.items()
        },
    )
    figure = held_out_figure(front)
    if figure is not None:
        hidden = len(points.front) - len(front.front)
        told = f" Drawn are {len(front.front)} of {len(points.front)}." if hidden else ""
        sheet.add_section("Search and held-out data", _HELD_OUT + told, [figure])


def _add_growth(sheet: Sheet, study: Study, trials: Sequence[Trial], cards: Sequence[Card]) -> None:
    """Add how the front grew, over trials and over time, beside random search where it is known."""
    known = {each.name: each for each in cards if each.figure}
    drawn, notes = [], [_GROWTH]
    for name, over_time in zip(BASELINES, (False, True), strict=True):
        if name in known:
            drawn.append(known[name].figure)
            notes += [known[name].note] if not over_time else []
        else:
            drawn.append(figure_json(growth_figure(study, trials, over_time=over_time)))
    note = " ".join(notes)
    sheet.add_section("How the front grew", note, drawn)


def _add_parameters(sheet: Sheet, points: Points) -> None:
    hidden = len(parameter_columns(points.study)) - MOST_PARAMETERS
    is_alone = has_one_objective(points.study)
    shown = "progress" if is_alone else "front"
    note = f"A point is a trial, coloured as in the figure of the {shown}."
    if hidden > 0:
        note += f" The first {MOST_PARAMETERS} parameters are shown, {hidden} more are not."
    title = "Parameters and objective" if is_alone else "Parameters and objectives"
    most = max(MOST_LINES // 2, MOST_CELLS // len(points.study.objectives))
    drawn = parameter_figures(thinned(points, most))
    sheet.add_section(title, note + thinned_note(points, most), drawn)


def _add_making_again(sheet: Sheet, points: Points, source: Source) -> None:
    if not points.front:
        return
    note = "Parameters with every digit, and the seed of the evaluation."
    if source.writes_models:
        note = f"The command writes the model, its recipe and a model card. {note}"
    if len(points.front) > MOST_ROWS:
        note += f" {MOST_ROWS} of {len(points.front)} trials are listed."
    listed = evenly(points.front, MOST_ROWS)
    sheet.add_section("How to make them again", note, below=making_again(listed, source))


def _add_timeline(sheet: Sheet, trials: Sequence[Trial]) -> None:
    begun = [trial for trial in trials if trial.started is not None]
    if not begun:
        return
    note = "A bar is a trial on the device that it ran on; gaps are idle time."
    if len(begun) > MOST_BARS:
        note += f" The latest {MOST_BARS} of {len(begun)} trials."
    sheet.add_section("Who was busy when", note, [timeline_figure(begun[-MOST_BARS:])])


def _add_failures(sheet: Sheet, trials: Sequence[Trial]) -> None:
    failed = [trial for trial in trials if trial.failure is not None]
    if failed:
        sheet.add(f"<section>\n<h2>Failures</h2>\n{failures_table(failed)}\n</section>")
