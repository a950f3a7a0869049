"""The picture that stands in a figure's place until Plotly has drawn it."""

import re
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from dash import html
from playwright.sync_api import Browser, Route, expect

from moopt.benchmarks.made_trials import fill_store, tuning_study, tuning_trials
from moopt.dashboard.axes import axes_of
from moopt.dashboard.first_look import first_look
from moopt.dashboard.front_figures import Look, plane_figure, space_figure
from moopt.dashboard.live import Snapshot, snapshot_of
from moopt.dashboard.views import figure_data
from tests.dashboard.conftest import served, watched_page


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return snapshot_of(tuning_study("seen"), tuning_trials(80))


def picture(snapshot: Snapshot) -> html.Div:
    look = Look(tuple(axes_of(snapshot.study)[:2]))
    found = first_look(figure_data(plane_figure(snapshot, look)))
    assert isinstance(found, html.Div)
    return found


def circles(shown: html.Div) -> list[tuple[float, float]]:
    """Return how far from the left and from the top the points are, in percent."""
    source = unquote(vars(shown.children[0])["src"])
    found = re.findall(r'<circle cx="([-\d.]+)%" cy="([-\d.]+)%"', source)
    return [(float(across), float(down)) for across, down in found]


def test_every_point_of_the_figure_is_in_the_picture(snapshot: Snapshot) -> None:
    figure = figure_data(plane_figure(snapshot, Look(tuple(axes_of(snapshot.study)[:2]))))
    drawn = [trace for trace in figure["data"] if "customdata" in trace]

    assert len(circles(picture(snapshot))) == sum(len(trace["x"]) for trace in drawn)


def test_larger_values_lie_further_to_the_right_and_above() -> None:
    figure: dict[str, Any] = {
        "data": [
            {
                "type": "scatter",
                "mode": "markers",
                "x": [1.0, 3.0, None],
                "y": [10.0, 40.0, 5.0],
                "marker": {"color": "#000", "symbol": "circle", "size": 4},
            }
        ],
        "layout": {"margin": dict.fromkeys("lrtb", 10), "height": 100},
    }

    shown = first_look(figure)

    assert isinstance(shown, html.Div)
    low, high = circles(shown)
    assert 0 < low[0] < high[0] < 100
    assert 0 < high[1] < low[1] < 100


def test_numbers_at_the_axes_are_round_and_in_their_places(snapshot: Snapshot) -> None:
    spans = [each for each in picture(snapshot).children if isinstance(each, html.Span)]
    rows = [
        (float(vars(each)["style"]["left"][:-1]), float(vars(each)["children"]))
        for each in spans
        if vars(each)["className"] == "x"
    ]

    assert len(rows) >= 3
    slopes = {
        round((after[0] - before[0]) / (after[1] - before[1]), 1)
        for before, after in pairwise(rows)
    }
    assert len(slopes) == 1
    assert all(re.fullmatch(r"-?\d+(\.\d{1,2})?", f"{value:g}") for _, value in rows)


def test_names_are_shown_as_they_were_written() -> None:
    study = tuning_study("seen")
    words = [each.title for each in axes_of(study)[:2]]

    shown = picture(snapshot_of(study, tuning_trials(20)))

    assert [vars(each)["children"] for each in shown.children[-2:]] == [unescape(w) for w in words]


def test_what_is_not_in_the_plane_has_no_picture(snapshot: Snapshot) -> None:
    look = Look(tuple(axes_of(snapshot.study)[:3]))

    assert first_look(figure_data(space_figure(snapshot, look))) is None


def test_categories_have_no_picture(snapshot: Snapshot) -> None:
    axes = axes_of(snapshot.study)
    kinds = [axis for axis in axes if axis.column == ("optimizer",)]
    figure = figure_data(plane_figure(snapshot, Look((kinds[0], axes[0]))))

    assert first_look(figure) is None


def test_the_picture_gives_way_to_the_figure(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "seen.db"
    fill_store(path, tuning_study("seen"), tuning_trials(60))
    with served(path) as address, watched_page(browser) as (page, watch):
        script: list[Route] = []

        def hold(route: Route) -> None:
            script.append(route)

        page.route("**/*plotly*", hold)
        page.goto(f"{address}/study/seen")
        expect(page.locator(".first-look img")).to_be_visible()
        assert script
        for held in script:
            held.continue_()
        page.wait_for_selector("#panel-front .scatterlayer .trace")
        expect(page.locator(".first-look")).to_be_hidden()
    assert watch.said == []
