"""Cards of the model: every kind of study gets sensible ones, and hostile text stays text."""

import json
from dataclasses import replace

import pytest

from moopt.reports.cards import Card
from moopt.reports.figures import figure_json
from moopt.reports.growth_plots import growth_figure
from moopt.reports.model_cards import model_cards
from moopt.study.trials import Measurement
from tests.reports.learned_studies import tried
from tests.reports.made_trials import crashed, front_of_three, two_objectives

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cards() -> dict[str, Card]:
    return {card.name: card for card in model_cards(*tried(60))}


def test_the_cards_come_cheap_ones_first_and_all_can_be_shown(cards: dict[str, Card]) -> None:
    assert list(cards) == [
        "quality",
        "importance",
        "predicted-front",
        "baseline",
        "baseline-time",
        "slices-y0",
        "slices-y1",
        "slices-toxicity",
        "slices-success of a trial",
    ]
    for card in cards.values():
        assert not card.problem
        assert card.title
        assert card.note
        assert json.loads(card.figure)["data"]


def test_quality_has_a_row_for_each_outcome(cards: dict[str, Card]) -> None:
    table = cards["quality"].table

    assert table is not None
    assert [row[0] for row in table.rows] == ["y0", "y1", "toxicity"]
    assert all(float(str(row[2])) > 0.8 for row in table.rows)


def test_failures_are_explained_by_what_causes_them(cards: dict[str, Card]) -> None:
    figure = json.loads(cards["importance"].figure)

    # What has a large rate fails; the rows are sorted by importance over all outcomes.
    success = figure["data"][-1]
    assert success["y"][success["x"].index(max(success["x"]))] == "rate"
    assert "of all pairs" in cards["slices-success of a trial"].note


def test_markup_in_a_choice_is_text(cards: dict[str, Card]) -> None:
    for card in cards.values():
        figure = json.loads(card.figure)
        for trace in figure["data"]:
            assert all("<i>" not in text for text in trace.get("hovertext", []))
        for axis in figure["layout"].values():
            if isinstance(axis, dict):
                assert all("<i>" not in text for text in axis.get("ticktext", []))


@pytest.mark.parametrize("count", [0, 1])
def test_without_enough_trials_a_card_says_how_many_there_are(count: int) -> None:
    study, trials = tried(count, failing=False)

    (card,) = model_cards(study, trials)

    assert f"has {count}" in card.problem
    assert not card.figure


def test_where_all_trials_failed_a_card_says_so() -> None:
    (card,) = model_cards(two_objectives(), [crashed(number) for number in range(5)])

    assert "has 0" in card.problem


def test_a_constant_objective_is_no_reason_to_stop() -> None:
    study, trials = tried(12, failing=False)
    flat = [
        replace(trial, measurements={**trial.measurements, "y1": Measurement(0.5, 0.0)})
        for trial in trials
    ]

    cards = {card.name: card for card in model_cards(study, flat)}

    assert "y1 never changed" in cards["quality"].note
    assert "y1: does not change" in cards["importance"].note
    assert not cards["predicted-front"].problem


def test_many_objectives_and_one_have_cards_too() -> None:
    for objectives in (1, 9):
        cards = list(model_cards(*tried(7, objectives=objectives, failing=False)))

        assert not any(card.problem for card in cards)
        assert len(cards) == 6 + objectives


def test_figures_have_no_more_digits_than_can_be_seen() -> None:
    text = figure_json(growth_figure(two_objectives(), front_of_three()))

    assert max(len(str(abs(x))) for x in json.loads(text)["data"][0]["y"]) <= 9
