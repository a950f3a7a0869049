"""Cards of what the surrogates make of a study: how far to trust them, and what they believe.

All come from one model that is learned once. It learns from at most some hundred trials: who looks
at a study of thousands should not wait for minutes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Float

from moopt.errors import MooptError
from moopt.front.front import front_of
from moopt.front.values import measured_trials
from moopt.reports.best import has_one_objective
from moopt.reports.cards import Card
from moopt.reports.figures import figure_json
from moopt.reports.growth import growth_of
from moopt.reports.growth_plots import growth_figure
from moopt.reports.importance_plots import MOST_BARS, importance_figure, importance_order
from moopt.reports.predicted_front import LIKELY, predict_front
from moopt.reports.predicted_plots import predicted_figure, untried_table
from moopt.reports.quality_plots import quality_figure, quality_table
from moopt.reports.random_baseline import MOST_TRIALS, random_baseline
from moopt.reports.slice_plots import MOST_PANELS, slice_figure
from moopt.study.study import Study
from moopt.study.trials import Trial
from moopt.surrogates.left_out import left_out_predictions
from moopt.surrogates.sensitivity import importances
from moopt.surrogates.slices import slices_through
from moopt.surrogates.study_model import MOST, SUCCESS, StudyModel, learn_study

GROUP = "Model"

MANY, FEWER = 1000, 200
"""Of more trials than the first, the model learns from as many as the second: pages of thousands
take their time as it is."""

_QUALITY = (
    "Each trial as the model predicts it from all the others, with an interval that should hold "
    "95\u00a0% of the measurements. Points near the line and a rank correlation near 1: believe "
    "the model. Hyperparameters are those of all trials."
)
_IMPORTANCE = (
    "Total Sobol indices on the posterior median: the share of an outcome's variance over the "
    "space that is left while all other parameters are held. With interactions they sum to more "
    "than 1. A conditional parameter counts by how often it is active, a simplex as a whole."
)
_PREDICTED = (
    "Posterior means ± standard deviations. Open diamonds are points that nobody has tried and "
    "that are believed to beat what was tried; the best of many predictions flatter themselves. "
    "Points are left out that are more likely than not to fail or to break a constraint."
)
_BASELINE = (
    "What random search is believed to reach with as many trials, as the model predicts: random "
    "points, outcomes drawn from the posterior with the usual noise; median and quartiles."
)


def model_cards(study: Study, trials: Sequence[Trial]) -> Iterator[Card]:
    """Yield what the surrogates make of a study, what is cheap first.

    Args:
        study: Where it lacks references, they are inferred from the trials.
        trials: In any state.
    """
    try:
        model = learn_study(study, trials, most=FEWER if len(trials) > MANY else MOST)
    except MooptError as error:
        yield Card("model", "Model", problem=str(error), group=GROUP)
        return
    subset = ""
    if model.left_out:
        count = len(model.trials) + len(model.crashed)
        subset = f" Learned from {count} trials: the front, and others evenly."
    looking = _Looking(model, tuple(trials))
    first = _made("quality", "How well the model predicts", looking.quality)
    yield replace(first, note=first.note + subset)
    # What comes next needs them all, and they take a moment.
    indices = importances(model)
    for name, title, make in (
        ("importance", "Which parameters matter", partial(looking.importance, indices)),
        ("predicted-front", "The front that the model believes in", looking.predicted),
    ):
        yield _made(name, title, make)
    yield from looking.baselines()
    yield from looking.slices(indices)


def _made(name: str, title: str, make: Callable[[Card], Card]) -> Card:
    card = Card(name, title, group=GROUP)
    try:
        return make(card)
    except MooptError as error:
        return replace(card, problem=str(error))


@dataclass(frozen=True, slots=True)
class _Looking:
    """A model, and what is seen in it."""

    model: StudyModel
    trials: tuple[Trial, ...]

    def quality(self, card: Card) -> Card:
        found = [each for each in left_out_predictions(self.model) if each.name != SUCCESS]
        if not found:
            return replace(card, problem="Every objective is computed by a formula.")
        drawn = quality_figure(found)
        constant = [each.name for each in found if np.ptp(each.measured) == 0]
        note = f" {', '.join(constant)} never changed." if constant else ""
        return replace(
            card, note=_QUALITY + note, figure=figure_json(drawn), table=quality_table(found)
        )

    def importance(self, indices: Float[np.ndarray, "p k"], card: Card) -> Card:
        parameters = [each.name for each in self.model.study.parameters]
        moving = [k for k, column in enumerate(indices.T) if np.nan_to_num(column).any()]
        if not moving:
            return replace(card, problem="No outcome changes with the parameters, so far.")
        flat = [name for k, name in enumerate(self.model.names) if k not in moving]
        note = f" {', '.join(flat)}: does not change." if flat else ""
        tied = [x for x, row in zip(parameters, indices, strict=True) if np.isnan(row).all()]
        if tied:
            note += f" {', '.join(tied)}: cannot move alone under the linear constraints."
        if len(parameters) > MOST_BARS:
            note += f" The first {MOST_BARS} of {len(parameters)} are shown."
        names = [self.model.names[k] for k in moving]
        drawn = importance_figure(indices[:, moving], parameters, names)
        return replace(card, note=_IMPORTANCE + note, figure=figure_json(drawn))

    def predicted(self, card: Card) -> Card:
        found = predict_front(self.model)
        if not found.front:
            return replace(
                card, problem="No point is likely to succeed and to meet every constraint."
            )
        study = self.model.study
        return replace(
            card,
            note=_PREDICTED,
            figure=figure_json(predicted_figure(study, found)),
            table=untried_table(study, found) if found.untried else None,
        )

    def baselines(self) -> Iterator[Card]:
        """Yield random search beside the study, over trials and over time."""
        study = self.model.study
        growth = growth_of(study, self.trials)
        count = len(growth.trials)
        found = random_baseline(self.model, count)
        note = f" Of {count} trials the first {MOST_TRIALS}." if count > MOST_TRIALS else ""
        drawn = growth_figure(study, self.trials, baseline=found)
        yield Card(
            "baseline",
            "Against random search",
            note=_BASELINE + note,
            figure=figure_json(drawn),
            group=GROUP,
        )
        if not np.isnan(growth.seconds).all():
            drawn = growth_figure(study, self.trials, baseline=found, over_time=True)
            yield Card(
                "baseline-time",
                "Against random search, over time",
                note=f"{_BASELINE} It is as fast as the search was.{note}",
                figure=figure_json(drawn),
                group=GROUP,
            )

    def slices(self, indices: Float[np.ndarray, "p k"]) -> Iterator[Card]:
        """Yield a card of slices for each outcome, through the trial that is looked at first."""
        through = chosen_trial(self.model.study, self.trials)
        if through is None:
            return
        names = [each.name for each in self.model.study.parameters]
        order = [names[row] for row in importance_order(indices)]
        slices = slices_through(self.model, through.parameters)
        slices.sort(key=lambda each: order.index(each.column[0]))
        if not slices:
            return
        note = (
            f"Posterior mean ± two standard deviations along each parameter through trial "
            f"{through.number} (dotted), all others held; the most important first."
        )
        if len(slices) > MOST_PANELS:
            note += f" {MOST_PANELS} of {len(slices)} are shown."
        for column, name in enumerate(self.model.names):
            is_success = name == SUCCESS
            title = "Chance of success" if is_success else f"{name} along each parameter"
            drawn = slice_figure(self.model.study, slices, column, share=is_success)
            yield Card(
                f"slices-{name}",
                title,
                note=note + self._told_apart() if is_success else note,
                figure=figure_json(drawn),
                group=GROUP,
            )

    def _told_apart(self) -> str:
        """Return how well the model would have told which trials fail."""
        (found,) = (each for each in left_out_predictions(self.model) if each.name == SUCCESS)
        good, bad = found.means[found.measured > LIKELY], found.means[found.measured <= LIKELY]
        if not len(good) or not len(bad):
            return ""
        share = float((good[:, None] > bad).mean())
        return (
            f" Of a trial that succeeded and one that failed, it would have given the first the "
            f"better chance in {share:.0%} of all pairs, from the others."
        )


def chosen_trial(study: Study, trials: Sequence[Trial]) -> Trial | None:
    """Return the trial to look around: the knee, the best, or else any that was measured."""
    front = front_of(study, trials)
    if front.trials:
        return front.trials[0] if has_one_objective(study) else front.knee()
    return next(iter(measured_trials(study, trials)), None)
