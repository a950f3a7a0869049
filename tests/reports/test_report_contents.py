"""What a report carries besides the front: the space, what it took, the model, and the way back."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path

import plotly.graph_objects as go
import pytest
from PIL import Image

from moopt.front.front import front_of
from moopt.reports.cards import Card, Table
from moopt.reports.figures import blank_figure, figure_json
from moopt.reports.making_again import Source
from moopt.reports.on_paper import can_be_drawn
from moopt.reports.page import report_page, report_sheet
from moopt.reports.paper import _cover, write_paper
from moopt.reports.points import points_of
from moopt.reports.thinning import evenly, thinned
from moopt.study.study import Study
from moopt.study.trials import Measurement, Trial
from moopt.study.usage import Usage
from tests.reports.learned_studies import every_kind, tried
from tests.reports.made_trials import (
    NOON,
    completed,
    front_of_three,
    many_objectives,
    spread,
    two_objectives,
)

MEGABYTE = 1e6


def text_of(page: str) -> str:
    """Return what a page says outside of its figures and scripts."""
    return unescape(re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL))


def test_the_page_tells_what_was_searched() -> None:
    page = text_of(report_page(every_kind(), []))

    assert "What was searched: 6 parameters" in page
    assert "continuous, log scale" in page
    assert "optimizer is sgd" in page
    assert "news, mail, chat" in page


def test_the_page_tells_what_the_search_took() -> None:
    usage = Usage(90.0, 80.0, 45.0, None, None, "node", "cuda:0")
    trials = [replace(trial, usage=usage) for trial in front_of_three()[:4]]

    page = text_of(report_page(two_objectives(), trials))

    assert "<dt>time</dt><dd>4 min 0 s" in page
    assert "<dt>of evaluation</dt><dd>6 min 0 s" in page
    assert "<dt>of GPUs</dt><dd>3 min 0 s" in page


def test_every_model_of_the_front_comes_with_the_command_that_makes_it_again() -> None:
    source = Source("my studies/it's.py", "runs/big.db")

    page = text_of(report_page(two_objectives(), front_of_three(), source=source))

    assert (
        "moopt export 'my studies/it'\"'\"'s.py' --trial 1 --store runs/big.db --to models/trial-1"
        in page
    )
    (recipe,) = re.findall(r"<code>(\{[^<]*0\.0002[^<]*\})</code>", page)
    assert json.loads(recipe) == front_of_three()[1].parameters


def test_a_study_that_leaves_no_models_has_its_parameters_alone() -> None:
    source = Source("skills", writes_models=False)

    page = text_of(report_page(two_objectives(), front_of_three(), source=source))

    assert "moopt export" not in page
    assert "How to make them again" in page


def test_cards_are_sections_and_what_they_say_is_escaped() -> None:
    figure = blank_figure(height=100)
    figure.add_scatter(x=[1], y=[2], hovertext="</script><b>")
    cards = [
        Card("one", "<b>one</b>", note="a <i>note</i>", figure=figure_json(figure)),
        Card("two", "two", table=Table(["<u>x</u>"], [["<s>1</s>"], [None]])),
        Card("three", "three", problem="<em>cannot</em> be shown"),
    ]

    page = report_page(two_objectives(), front_of_three(), cards=cards)

    for markup in ("<b>one", "<i>note", "<u>x", "<s>1", "<em>cannot", "</script><b>"):
        assert markup not in page
    assert "&lt;em&gt;cannot&lt;/em&gt; be shown" in page


def test_cards_of_random_search_take_the_place_of_the_plain_growth() -> None:
    sheet = report_sheet(
        two_objectives(),
        front_of_three(),
        cards=[
            Card(
                "baseline",
                "Against random search",
                note="what random search does",
                figure=figure_json(blank_figure(height=77)),
            )
        ],
    )

    grown = [json.loads(each) for title, each in sheet.drawings if title == "How the front grew"]
    assert [each["layout"]["height"] for each in grown] == [77, 360]
    assert "what random search does" in sheet.html()
    assert "Against random search" not in sheet.html()


def many_trials(count: int) -> tuple[Study, list[Trial]]:
    study, some = tried(200)
    return study, [
        replace(
            some[number % 200],
            number=number,
            started=NOON + timedelta(seconds=number),
            ended=NOON + timedelta(seconds=number + 1),
            measurements={
                name: Measurement(each.mean + 1e-4 * (number % 977), each.sem)
                for name, each in some[number % 200].measurements.items()
            },
        )
        for number in range(count)
    ]


@pytest.mark.slow
def test_a_report_of_five_thousand_trials_stays_small_and_says_what_is_not_drawn() -> None:
    page = report_page(*many_trials(5000))

    # The cards of a model have half a megabyte at most.
    assert len(page.encode()) < 5.5 * MEGABYTE
    assert re.search(r"Drawn are 400 of \d+ trials that are dominated", page)
    assert "The latest 500 of 5000 trials" in page


def test_thinning_keeps_both_ends_and_the_knee() -> None:
    study = many_objectives(2)
    trials = spread(study, 100)

    assert [each.number for each in evenly(trials, 4)] == [0, 33, 66, 99]
    assert evenly(trials[:3], 4) == trials[:3]
    points = points_of(front_of(study, trials), trials)
    shown = thinned(points, 5)
    assert shown.knee is points.knee
    assert all(len(each) <= 5 for each in shown.roles.values())


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".pdf", ".png"])
def test_a_report_can_be_had_on_paper(tmp_path: Path, suffix: str) -> None:
    to = tmp_path / f"report{suffix}"
    trials = [*front_of_three(), completed(6, 0.85, 20.0)]

    write_paper(to, two_objectives(), trials, cards=[], question="is $5 <b>much</b>?")

    if suffix == ".pdf":
        assert to.read_bytes().startswith(b"%PDF")
        assert to.read_bytes().count(b"/Type /Page ") >= 2
    else:
        with Image.open(to) as picture:
            assert picture.size[0] > 1000
            assert len(picture.convert("RGB").getcolors(1 << 24) or []) > 50


@pytest.mark.slow
def test_long_questions_and_fronts_stay_on_the_pages(tmp_path: Path) -> None:
    to, study = tmp_path / "report.pdf", two_objectives()
    trials = [completed(each, 0.5 + each / 1000, 20.0 + each) for each in range(200)]

    front = front_of(study, trials)
    pages = list(_cover(front, trials, "is it so? " * 1000))

    assert len(pages) == 4
    lines = [text.get_position()[1] for page in pages for text in page.texts]
    assert min(lines) > 0.02
    assert max(lines) < 1.0
    write_paper(to, study, trials, cards=[], question="is it so? " * 1000)
    assert to.read_bytes().count(b"/Type /Page ") >= 5


def test_figures_in_space_are_left_out_on_paper() -> None:
    flat, deep = go.Figure(), go.Figure()
    flat.add_scatter(x=[1], y=[1])
    deep.add_scatter3d(x=[1], y=[1], z=[1])

    assert can_be_drawn(flat.to_json())
    assert not can_be_drawn(deep.to_json())
