"""The page of one study: what it is, how far it is, and its tabs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dash import dcc, html
from dash.development.base_component import Component

from moopt.dashboard.live import Snapshot
from moopt.dashboard.marks import counts_text
from moopt.dashboard.views import aria
from moopt.reports.best import best_value_text, has_one_objective
from moopt.reports.formatting import quantity_text
from moopt.study.trials import TrialState

Panel = Callable[[Snapshot], Component]
"""Makes a tab of a study."""


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab of the page."""

    title: str
    panel: Panel


def revision_id(tab: str) -> str:
    """Return the id of the store that changes when a tab has something new to show."""
    return f"revision-{tab}"


def panel_id(tab: str) -> str:
    """Return the id of what is in a tab."""
    return f"panel-{tab}"


def study_page(snapshot: Snapshot, tabs: Mapping[str, Tab], *, question: str = "") -> html.Div:
    """Return the page, with the first tab in it: the others are made when they are opened.

    Args:
        snapshot: The study.
        tabs: By name, in their order.
        question: What the study asks.
    """
    first = next(iter(tabs))
    name = snapshot.study.name
    return html.Div(
        [
            dcc.Store(id="study", data=name),
            dcc.Store(id="tab", data=first),
            dcc.Store(id="trouble", data=""),
            *(dcc.Store(id=revision_id(tab), data=[snapshot.revision]) for tab in tabs),
            dcc.Store(id=revision_id("growth")),
            html.Div(
                [
                    html.H1(name, id="study-name"),
                    *([html.P(question, className="question")] if question else []),
                    html.Div(facts(snapshot), id="facts", className="facts", role="status"),
                ],
                className="head",
            ),
            html.Div(
                [
                    html.Button(
                        tab.title,
                        id={"type": "tab", "name": key},
                        role="tab",
                        tabIndex=0 if key == first else -1,
                        **aria(selected="true" if key == first else "false"),
                    )
                    for key, tab in tabs.items()
                ],
                className="tabs",
                role="tablist",
                **aria(label="views of the study"),
            ),
            *(
                html.Div(
                    html.Div(tab.panel(snapshot) if key == first else None, id=panel_id(key)),
                    id={"type": "panel", "name": key},
                    role="tabpanel",
                    hidden=key != first,
                    **aria(label=tab.title),
                )
                for key, tab in tabs.items()
            ),
        ]
    )


def facts(snapshot: Snapshot) -> Sequence[Component]:
    """Return how far a study is, in a few numbers."""
    running = sum(trial.state is TrialState.RUNNING for trial in snapshot.trials)
    front = snapshot.front
    found = [
        _fact("trials", str(len(snapshot.trials)), counts_text(snapshot) or "none yet"),
        _fact(
            "now",
            f"{running} running" if running else "at rest",
            "this page follows" if running else "this page follows a run",
            kind="alive" if running else "",
        ),
    ]
    if front.trials and has_one_objective(front.study):
        objective = front.study.objectives[0].name
        found.append(
            _fact(f"best {objective}", best_value_text(front), f"trial {front.trials[0].number}")
        )
    else:
        found.append(_fact("on the front", str(len(front.trials)), "no other trial beats them"))
    if snapshot.points.knee is not None:
        found.append(
            _fact("knee", f"trial {snapshot.points.knee.number}", "gives up least for its gains")
        )
    return found


def spoken(snapshot: Snapshot) -> str:
    """Return the same in one sentence, for the list of studies."""
    text = counts_text(snapshot) or "no trial yet"
    return f"{text}; {quantity_text(len(snapshot.front.trials), 'trial')} on the front"


def _fact(name: str, value: str, note: str, *, kind: str = "") -> html.Div:
    return html.Div(
        [
            html.Span(name, className="fact-name"),
            html.Span(value, className=f"fact-value {kind}".strip()),
            html.Small(note),
        ]
    )
