"""One HTML file that opens offline: figures, the front as a table, failures.

Plotly's script is embedded once; style, script and figures are in the page too.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from html import escape
from importlib import resources

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from moopt.front.front import Front, front_of
from moopt.reports.best import best_value_text, has_one_objective, numbers_text
from moopt.reports.best_plots import best_trials, progress_figure
from moopt.reports.front_plots import lines_figure, pairs_figure, plane_figure, space_figure
from moopt.reports.page_tables import (
    failures_table,
    front_table,
    objectives_table,
    recommendation_table,
)
from moopt.reports.points import Points, points_of
from moopt.reports.recommended import measured_title, recommendation_for, recommended_title
from moopt.reports.search_plots import (
    MOST_PARAMETERS,
    held_out_figure,
    hypervolume_figure,
    parameter_figures,
)
from moopt.reports.tables import parameter_columns
from moopt.study.study import Study
from moopt.study.trials import Trial, TrialState

SPACE_NOTE = "Drag to turn, scroll to come nearer. Every pair of objectives follows below."


def report_page(
    study: Study,
    trials: Sequence[Trial],
    *,
    question: str = "",
    inferred: Collection[str] = (),
) -> str:
    """Return the report of a study as HTML.

    Args:
        study: Objectives without a reference get one inferred from the trials.
        trials: In any state.
        question: What the study asks, such as the docstring of its file.
        inferred: Objectives whose reference the user did not give.
    """
    front = front_of(study, trials)
    points = points_of(front, trials)
    sections = [_header(front, trials, question, _origins(study, inferred))]
    figures: list[go.Figure] = []
    if points.all:
        is_alone = has_one_objective(study)
        first = _progress_section if is_alone else _front_section
        sections += [
            first(points, figures),
            _recommended_section(study, trials),
            _held_out_section(points, figures),
            "" if is_alone else _growth_section(points, figures),
            _parameter_section(points, figures),
        ]
    else:
        sections.append("<p>No trial has been measured yet, so there is nothing to draw.</p>")
    sections.append(_failures_section(trials))
    return _document(
        study.name, "\n".join(each for each in sections if each), has_figures=bool(figures)
    )


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


MOST_BEST = 10
"""Trials in the table of the best."""


def _document(title: str, body: str, *, has_figures: bool) -> str:
    def asset(name: str) -> str:
        return resources.files("moopt.reports").joinpath(name).read_text(encoding="utf-8")

    scripts = ""
    if has_figures:
        scripts = f"<script>{get_plotlyjs()}</script>\n<script>{asset('page.js')}</script>"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{escape(title)} · moopt</title>
<style>
{asset("page.css")}</style>
</head>
<body>
<main>
{body}
<footer>Made by moopt. Values are means ± standard errors.</footer>
</main>
{scripts}
</body>
</html>
"""


def _origins(study: Study, inferred: Collection[str]) -> dict[str, str]:
    """Return for each objective where its reference comes from."""
    return {
        objective.name: "inferred"
        if objective.reference is None or objective.name in inferred
        else "given"
        for objective in study.objectives
    }


def _header(
    front: Front, trials: Sequence[Trial], question: str, origins: Mapping[str, str]
) -> str:
    counts = Counter(trial.state for trial in trials)
    states = ", ".join(f"{counts[state]} {state.value}" for state in TrialState if counts[state])
    facts = [("trials", str(len(trials)), states), *_reached(front)]
    cells = "\n".join(
        f"<div><dt>{name}</dt><dd>{value}<small>{note}</small></dd></div>"
        for name, value, note in facts
    )
    asked = f'<p class="question">{escape(question)}</p>' if question else ""
    return f"""<header>
<h1>{escape(front.study.name)}</h1>
{asked}
<dl class="facts">
{cells}
</dl>
{objectives_table(front, origins)}
</header>"""


def _reached(front: Front) -> list[tuple[str, str, str]]:
    """Return how far the search got: what, how much, and a note."""
    if has_one_objective(front.study):
        if not front.trials:
            return []
        name = front.study.objectives[0].name
        return [(f"best {escape(name)}", best_value_text(front), numbers_text(front.trials))]
    facts = [("on the front", str(len(front.trials)), "no other trial beats them")]
    if front.trials:
        volume = f"{front.hypervolume():.5g}"
        facts += [
            ("hypervolume", volume, "from the reference point below"),
            ("knee", f"trial {front.knee().number}", "gives up least for what it gains"),
        ]
    return facts


def _progress_section(points: Points, figures: list[go.Figure]) -> str:
    note = "Each point is a trial, the line is the best value so far. Below are the best trials."
    section = _section("Progress", note, [progress_figure(points)], figures)
    if not points.front:
        return f"{section}\n<p>No trial meets every outcome constraint yet.</p>"
    return f"{section}\n{front_table(points, best_trials(points, MOST_BEST))}"


def _front_section(points: Points, figures: list[go.Figure]) -> str:
    note = "Each point is a trial. No other trial beats a point of the front in every objective."
    match len(points.study.objectives):
        case 2:
            drawn = [plane_figure(points)]
            if points.front:
                note += " The shaded region is what the front dominates."
        case 3:
            drawn, note = [space_figure(points), pairs_figure(points)], f"{note} {SPACE_NOTE}"
        case _:
            drawn = [lines_figure(points)]
            note += " Each line is a trial; every axis runs from the worst to the best value."
    section = _section(f"The {measured_title(points.study)}", note, drawn, figures)
    if not points.front:
        return f"{section}\n<p>No trial meets every outcome constraint yet.</p>"
    return f"{section}\n{front_table(points, points.front)}"


def _recommended_section(study: Study, trials: Sequence[Trial]) -> str:
    """Return what the model recommends; nothing for an exact study, whose front is no luck."""
    recommended = recommendation_for(study, trials)
    if recommended is None:
        return ""
    note = _RECOMMENDED_ALONE_NOTE if has_one_objective(study) else _RECOMMENDED_NOTE
    section = _section(f"The {recommended_title(study)}", note, [], [])
    if not recommended.front:
        return f"{section}\n<p>No trial is likely to meet every outcome constraint.</p>"
    return f"{section}\n{recommendation_table(recommended)}"


def _held_out_section(points: Points, figures: list[go.Figure]) -> str:
    figure = held_out_figure(points)
    if figure is None:
        return ""
    note = (
        "The search chose these trials by their measurements, which flatters them. Data that the "
        "search never saw tells what they are worth."
    )
    return _section("Search and held-out data", note, [figure], figures)


def _growth_section(points: Points, figures: list[go.Figure]) -> str:
    return _section("How the front grew", _GROWTH, [hypervolume_figure(points)], figures)


def _parameter_section(points: Points, figures: list[go.Figure]) -> str:
    hidden = len(parameter_columns(points.study)) - MOST_PARAMETERS
    is_alone = has_one_objective(points.study)
    shown = "progress" if is_alone else "front"
    note = f"A point is a trial, coloured as in the figure of the {shown}."
    if hidden > 0:
        note += f" The first {MOST_PARAMETERS} parameters are shown, {hidden} more are not."
    title = "Parameters and objective" if is_alone else "Parameters and objectives"
    return _section(title, note, parameter_figures(points), figures)


def _failures_section(trials: Sequence[Trial]) -> str:
    failed = [trial for trial in trials if trial.failure is not None]
    if not failed:
        return ""
    return f"<section>\n<h2>Failures</h2>\n{failures_table(failed)}\n</section>"


def _section(title: str, note: str, drawn: Sequence[go.Figure], figures: list[go.Figure]) -> str:
    parts = [f'<section>\n<h2>{escape(title)}</h2>\n<p class="quiet">{escape(note)}</p>']
    for figure in drawn:
        figures.append(figure)
        name = f"figure-{len(figures)}"
        # A `<` inside a script could end it, whatever it stands in.
        source = figure.to_json().replace("<", "\\u003c")
        parts.append(
            f'<div class="figure" id="{name}" style="min-height:{figure.layout.height}px"></div>\n'
            f'<script type="application/json" data-figure="{name}">{source}</script>'
        )
    parts.append("</section>")
    return "\n".join(parts)
