import json
import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from moopt.export.ax_cards import ax_cards
from moopt.export.ax_flat import flat_trials
from moopt.optimizer import Optimizer
from moopt.reports.cards import Card
from moopt.study.objectives import Fidelity, Maximize, Objective
from moopt.study.parameters import Categorical, Continuous
from moopt.study.study import Study
from moopt.study.trials import Failure, FailureKind, Trial, TrialState
from tests.export.made_for_ax import MARKED, everything, trials_of

pytestmark = pytest.mark.slow

NAMED = (
    "ax_summary",
    "ax_trace",
    "ax_parallel_",
    "ax_progression_",
    "ax_improvement",
    "ax_feasibility",
    "ax_cross_validation_",
    "ax_sensitivity_",
    "ax_slice_",
    "ax_contour_",
)


def kinds(cards: Sequence[Card]) -> set[str]:
    """Return which of the cards that are asked for can be shown."""
    sound = [card.name for card in cards if not card.problem]
    return {kind for kind in NAMED if any(name.startswith(kind) for name in sound)}


def waves(objectives: int) -> Study:
    return Study(
        "waves",
        parameters=[Continuous("u", 0.0, 1.0), Continuous("v", 0.0, 1.0)],
        objectives=[Objective(f"y{i}", Maximize, reference=-2.0) for i in range(objectives)],
    )


def waves_of(study: Study, count: int) -> Sequence[Trial]:
    optimizer = Optimizer(study, "sobol")
    for trial in optimizer.ask(count):
        u, v = trial.parameters["u"], trial.parameters["v"]
        waves = {name: math.sin(3 * u + place) + v for place, name in enumerate(study.outcomes)}
        optimizer.tell(trial.number, waves)
    return optimizer.trials


@pytest.mark.parametrize("objectives", [2, 3])
def test_every_card_shows_a_study_with_everything(objectives: int) -> None:
    study = everything(objectives)

    cards = list(ax_cards(study, trials_of(study, 12)))

    assert [card.problem for card in cards if card.problem] == []
    assert kinds(cards) == set(NAMED)
    assert len({card.name for card in cards}) == len(cards)
    assert all(json.loads(card.figure)["data"] for card in cards if card.figure)
    figures = "".join(card.figure for card in cards)
    assert MARKED not in figures
    assert "&lt;b&gt;sgd&lt;/b&gt;" in figures


def test_measurements_at_a_lower_fidelity_are_not_modelled() -> None:
    study = everything(fidelity=Fidelity("epochs", low=1, high=9))
    whole, brief = trials_of(study, 12)[:2]

    flat = flat_trials(study, [whole, replace(brief, fidelity=3.0)])

    assert flat[0].measurements == whole.measurements
    assert flat[1].measurements == {}


def test_one_trial_says_what_is_missing_for_a_model() -> None:
    study = everything()

    cards = {card.name: card for card in ax_cards(study, trials_of(study, 12)[:1])}

    assert cards["ax_model"].problem == (
        "Ax's model needs 3 trials with every objective, there are 1."
    )
    assert cards["ax_trace"].figure


@pytest.mark.parametrize("states", [[], [TrialState.RUNNING] * 2, [TrialState.FAILED] * 4])
def test_without_a_measurement_every_card_says_so(states: list[TrialState]) -> None:
    study = everything()
    failure = Failure(FailureKind.CANDIDATE, "boom")
    trials = [
        Trial(
            each.number,
            each.parameters,
            state=state,
            failure=failure if state is TrialState.FAILED else None,
        )
        for each, state in zip(trials_of(study, 12), states, strict=False)
    ]

    cards = {card.name: card for card in ax_cards(study, trials)}

    assert cards["ax_summary"].problem == "No trial has a measurement yet."
    assert cards["ax_trace"].problem == "No trial has every objective yet."
    assert cards["ax_parallel_accuracy"].problem == "No trial has accuracy yet."
    assert cards["ax_model"].problem.endswith("there are 0.")


def test_nine_objectives_have_one_contour_each() -> None:
    study = waves(9)

    cards = list(ax_cards(study, waves_of(study, 8)))

    contours = [card.name for card in cards if card.name.startswith("ax_contour_")]
    assert len(contours) == 9
    assert [card.name for card in cards if card.problem] == ["ax_trace"]


def test_one_objective_shows_its_best_value() -> None:
    study = waves(1)

    cards = {card.name: card for card in ax_cards(study, waves_of(study, 6))}

    assert cards["ax_trace"].title == "Best value over trials"
    assert cards["ax_trace"].figure
    assert {"ax_contour_y0_u_v", "ax_contour_y0_v_u"} & set(cards)


def test_a_space_that_ax_cannot_store_is_one_card_that_says_why() -> None:
    study = Study(
        "wide",
        parameters=[Categorical("word", [f"w{index}" for index in range(1001)])],
        objectives=[Objective("y", Maximize)],
    )

    (card,) = ax_cards(study, [])

    assert "1001 values to choose from, Ax takes 1000 at most" in card.problem


def test_a_trace_without_references_is_not_drawn() -> None:
    study = Study(
        "free",
        parameters=[Continuous("x", 0.0, 1.0)],
        objectives=[Objective("y", Maximize), Objective("z", Maximize)],
    )
    measured = trials_of(everything(), 12)[0].measurements["accuracy"]
    trial = Trial(
        0, {"x": 0.5}, state=TrialState.COMPLETED, measurements={"y": measured, "z": measured}
    )

    cards = {card.name: card for card in ax_cards(study, [trial])}

    assert cards["ax_trace"].problem.startswith("There is no reference yet for y, z")
