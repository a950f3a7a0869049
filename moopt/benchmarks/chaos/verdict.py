"""What the record is worth after all that: compared with what the evaluations themselves said."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from moopt.benchmarks.chaos.evidence import Happened, Line, canonical
from moopt.benchmarks.chaos.sightings import Numbers, Sightings, numbers_of
from moopt.store.events import Event
from moopt.study.trials import FailureKind, Trial, TrialState


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one study."""

    asked: int
    """Trials."""

    completed: int
    given_up: int
    """Trials that failed because their processes were killed too often."""

    crashed: int
    """Trials whose evaluation raised an error."""

    begun: int
    """Evaluations."""

    finished: int
    """Evaluations that had measured everything."""

    saved: int
    """Trials with the measurements of an attempt that was not their last."""

    lost: tuple[str, ...]
    """Measurements that were finished and are not in the record as they were."""

    doubled: tuple[str, ...]
    """Trials that ended twice, or were started after their end."""

    repeated: tuple[str, ...]
    """Numbers that were handed out twice, and candidates that were given two."""

    unmet: tuple[str, ...]
    """What shows that the study has not the trials that were asked for."""

    @property
    def complaints(self) -> list[str]:
        """All that is wrong."""
        return [*self.lost, *self.doubled, *self.repeated, *self.unmet]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An evaluation that had measured everything."""

    number: int
    attempt: int
    numbers: Numbers
    began: float
    """On this machine's monotonic clock, as all moments."""

    handed_over: float | None
    """By when its process had surely handed over what it measured: it began another evaluation
    then. None: it never did."""


def judge(
    trials: Sequence[Trial],
    events: Sequence[Event],
    lines: Sequence[Line],
    seen: Sightings,
    *,
    asked: int,
) -> Verdict:
    """Compare the record with what evaluations and onlookers say.

    Args:
        trials: The record of the study, after its end.
        events: All of them.
        lines: What its evaluations say.
        seen: What was finished while it ran.
        asked: How many trials there were to be.
    """
    failures = Counter(trial.failure.kind for trial in trials if trial.failure is not None)
    evaluations = finished_evaluations(lines)
    attempts = {trial.number: trial.attempts for trial in trials}
    recorded = _recorded(trials)
    return Verdict(
        asked=asked,
        completed=len(recorded),
        given_up=failures[FailureKind.INFRASTRUCTURE],
        crashed=failures[FailureKind.CANDIDATE],
        begun=sum(line.happened is Happened.BEGAN for line in lines),
        finished=len(evaluations),
        saved=sum(
            each.numbers == recorded.get(each.number) and each.attempt < attempts[each.number]
            for each in evaluations
        ),
        lost=tuple(_lost(trials, evaluations, seen)),
        doubled=tuple(_doubled(trials, events)),
        repeated=tuple(_repeated(trials, lines)),
        unmet=tuple(_unmet(trials, asked)),
    )


def finished_evaluations(lines: Sequence[Line]) -> list[Evaluation]:
    """Return the evaluations that had measured everything, in the order in which they had."""
    began = {
        (line.process, line.number, line.attempt): line.moment
        for line in lines
        if line.happened is Happened.BEGAN
    }
    next_began: dict[int, float] = {}
    found = []
    for line in reversed(lines):
        if line.happened is Happened.BEGAN:
            next_began[line.process] = line.moment
        else:
            at = began[line.process, line.number, line.attempt]
            handed_over = next_began.get(line.process)
            numbers = dict(line.measurements)
            found.append(Evaluation(line.number, line.attempt, numbers, at, handed_over))
    return found[::-1]


def _recorded(trials: Sequence[Trial]) -> dict[int, Numbers]:
    return {
        trial.number: numbers_of(trial.measurements)
        for trial in trials
        if trial.state is TrialState.COMPLETED
    }


def _lost(trials: Sequence[Trial], evaluations: Sequence[Evaluation], seen: Sightings) -> list[str]:
    recorded = _recorded(trials)
    states = {trial.number: trial.state.value for trial in trials}
    counted = {
        each.number: each for each in evaluations if each.numbers == recorded.get(each.number)
    }
    lost = [
        f"trial {number} has {has}, which no evaluation of it measured"
        for number, has in recorded.items()
        if number not in counted
    ]
    lost += [
        f"trial {number} was recorded as {was.numbers}, it is {states.get(number)} with "
        f"{recorded.get(number)}"
        for number, was in seen.recorded.items()
        if recorded.get(number) != was.numbers
    ]
    known = [
        (number, sighting.numbers, sighting.moment, "its journal said")
        for number, sightings in seen.journaled.items()
        for sighting in sightings
    ] + [
        (each.number, each.numbers, each.handed_over, f"attempt {each.attempt} handed over")
        for each in evaluations
        if each.handed_over is not None
    ]
    for number, numbers, moment, said in known:
        # Of two that were measured at the same time, either may count.
        if number not in counted or counted[number].began > moment:
            lost.append(
                f"trial {number}: {said} {numbers}, and it is {states.get(number)} with "
                f"{recorded.get(number)}, measured later or never"
            )
    return lost


def _doubled(trials: Sequence[Trial], events: Sequence[Event]) -> list[str]:
    states: defaultdict[int | None, list[TrialState | None]] = defaultdict(list)
    for event in sorted(events, key=lambda event: event.revision):
        states[event.number].append(event.state)
    completed = TrialState.COMPLETED
    doubled = []
    for trial in trials:
        passed = states[trial.number]
        expected = 1 if trial.state is completed else 0
        if passed.count(completed) != expected or completed in passed[:-1]:
            doubled.append(f"trial {trial.number} is {trial.state.value}, it was {_told(passed)}")
        if passed.count(TrialState.RUNNING) != trial.attempts:
            doubled.append(f"trial {trial.number} has {trial.attempts} attempts: {_told(passed)}")
    return doubled


def _told(states: Sequence[TrialState | None]) -> str:
    return " -> ".join("unchanged" if state is None else state.value for state in states)


def _repeated(trials: Sequence[Trial], lines: Sequence[Line]) -> list[str]:
    parameters = {trial.number: canonical(trial.parameters) for trial in trials}
    keys = {trial.number: trial.key for trial in trials}
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    for number, text in parameters.items():
        numbers[text].append(number)
    begun = Counter(
        (line.number, line.attempt) for line in lines if line.happened is Happened.BEGAN
    )
    repeated = [
        f"trials {same} have the same parameters" for same in numbers.values() if len(same) > 1
    ]
    if len(set(keys.values())) < len(keys):
        repeated.append("two trials have the same key")
    repeated += [
        f"attempt {attempt} of trial {number} was evaluated {times} times"
        for (number, attempt), times in begun.items()
        if times > 1
    ]
    repeated += [
        f"trial {line.number} was evaluated with {line.parameters}, it has "
        f"{parameters.get(line.number)}"
        for line in lines
        if (parameters.get(line.number), keys.get(line.number)) != (line.parameters, line.key)
    ]
    return repeated


def _unmet(trials: Sequence[Trial], asked: int) -> list[str]:
    ended = {TrialState.COMPLETED, TrialState.FAILED}
    unmet = [
        f"trial {trial.number} is {trial.state.value} in the end"
        for trial in trials
        if trial.state not in ended
    ]
    if [trial.number for trial in trials] != list(range(asked)):
        unmet.append(f"{asked} trials were asked for, there are {len(trials)}")
    return unmet
