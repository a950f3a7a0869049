"""Calls of Ax's analyses: they write no log, and what they raise is an error of ours."""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from ax.adapter.base import Adapter
from ax.analysis.analysis import Analysis
from ax.core.analysis_card import AnalysisCard
from ax.core.experiment import Experiment

from moopt.errors import SurrogateError

T = TypeVar("T")


def computed(
    analysis: Analysis, experiment: Experiment, adapter: Adapter | None = None
) -> list[AnalysisCard]:
    """Return the cards of an analysis, or one that says why there are none."""
    with _quiet():
        card = analysis.compute_or_error_card(experiment=experiment, adapter=adapter)
    return list(card.flatten())


def attempted(what: str, call: Callable[[], T]) -> T:
    """Return what a call of Ax gives.

    Raises:
        SurrogateError: The call raised an error.
    """
    with _quiet():
        try:
            return call()
        # Ax and the models below it are foreign code: whatever they raise belongs into the card.
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            raise SurrogateError(
                f"Ax could not {what}: {type(error).__name__}: {reason}"
            ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Ax from logging and warning: what it has to say is in its cards."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
