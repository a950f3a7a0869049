"""How trials are drawn: told apart by symbol and label, not by colour alone."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from moopt.dashboard.live import Snapshot
from moopt.reports.failures import last_line
from moopt.reports.formatting import shortened
from moopt.reports.points import INKS, Ink, Role, hover_text
from moopt.study.trials import Trial, TrialState

FRONT, KNEE = "on the front", "knee"
DOMINATED, INFEASIBLE = "dominated", "infeasible"
STOPPED, RUNNING, FAILED = "stopped early", "running", "failed"
LOWER = "lower fidelity"
CHOSEN, NEIGHBOUR, OUTSIDE = "chosen", "neighbour", "outside the bounds"

SYMBOLS: Mapping[str, Ink] = {
    DOMINATED: Ink("#7d868f", "circle-open", 6, 0.75),
    INFEASIBLE: Ink("#b3668f", "x-thin-open", 8, 0.9),
    STOPPED: Ink("#7d868f", "square-open", 7, 0.75),
    LOWER: Ink("#7d868f", "triangle-down-open", 7, 0.75),
    FAILED: Ink("#c0392b", "y-down-open", 10, 0.9),
    RUNNING: Ink("#0b9b74", "triangle-up-open", 10, 1.0),
    FRONT: INKS[Role.FRONT],
    KNEE: INKS[Role.KNEE],
}
"""In the order of drawing: what matters most lies on top."""

PICKED: Mapping[str, Ink] = {
    OUTSIDE: Ink("#7d868f", "x-thin-open", 8, 0.8),
    FRONT: Ink("#2b7fc3", "circle-open", 8, 0.9),
    NEIGHBOUR: Ink("#2b7fc3", "square", 9, 1.0),
    CHOSEN: Ink("#d55e00", "star", 17, 1.0),
}
"""How the trials of a front are drawn beside the one that is chosen."""

IN_SPACE = {
    "square": "square",
    "star": "diamond",
    "x-thin-open": "x",
    "y-down-open": "cross",
    "triangle-up-open": "diamond-open",
    "square-open": "square-open",
    "triangle-down-open": "square",
}
"""What stands for the symbols that there are not in three dimensions."""


@dataclass(frozen=True, slots=True)
class Group:
    """Trials that are drawn alike."""

    label: str
    ink: Ink
    trials: Sequence[Trial]

    @property
    def is_best(self) -> bool:
        """Whether they are the front, or part of it."""
        return self.label in {FRONT, KNEE, NEIGHBOUR, CHOSEN}


def groups_of(snapshot: Snapshot) -> list[Group]:
    """Return all trials but cancelled ones by what they are, in the order of drawing."""
    roles = snapshot.points.roles
    measured = {trial.number for trials in roles.values() for trial in trials}
    others = [trial for trial in snapshot.trials if trial.number not in measured]
    found: dict[str, Sequence[Trial]] = {
        DOMINATED: roles[Role.DOMINATED],
        INFEASIBLE: roles[Role.INFEASIBLE],
        FRONT: roles[Role.FRONT],
        KNEE: roles[Role.KNEE],
        RUNNING: [each for each in others if each.state is TrialState.RUNNING],
        FAILED: [each for each in others if each.state is TrialState.FAILED],
        STOPPED: [each for each in others if each.state is TrialState.STOPPED],
        # A completed trial that is no point of the front's space has a lower fidelity.
        LOWER: [each for each in others if each.state is TrialState.COMPLETED],
    }
    return [Group(label, ink, found[label]) for label, ink in SYMBOLS.items() if found[label]]


def counts_text(snapshot: Snapshot) -> str:
    """Return how many trials are in which state, such as `40 completed, 2 running`."""
    counts = {state: sum(trial.state is state for trial in snapshot.trials) for state in TrialState}
    return ", ".join(f"{count} {state.value}" for state, count in counts.items() if count)


def hover_of(trial: Trial) -> str:
    """Return what a trial says under the pointer, with its state where it is not measured."""
    text = hover_text(trial)
    if trial.state is not TrialState.COMPLETED:
        text += f"<br><i>{trial.state.value}</i>"
    if trial.failure is not None:
        text += f": {html.escape(shortened(last_line(trial.failure), 120))}"
    return text
