"""The judge of the chaos command sees what it is there to see: records that were tampered with."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from moopt.benchmarks.chaos.evidence import Happened, Line, append, canonical, read_lines
from moopt.benchmarks.chaos.sightings import Sightings
from moopt.benchmarks.chaos.verdict import Verdict, judge
from moopt.store.events import Event
from moopt.study.trials import Failure, FailureKind, Measurement, Trial, TrialState

PARAMETERS = ({"x": 0.25}, {"x": 0.75})
FIRST, SECOND, THIRD = ({"gain": (number, 0.1)} for number in (1.0, 2.0, 3.0))


def trial(number: int, gain: float) -> Trial:
    return Trial(
        number,
        PARAMETERS[number],
        state=TrialState.COMPLETED,
        measurements={"gain": Measurement(gain, 0.1)},
        attempts=1,
        key=f"key-{number}",
    )


def line(happened: Happened, number: int, attempt: int, process: int, moment: float) -> Line:
    return Line(
        happened,
        number,
        f"key-{number}",
        attempt,
        process,
        canonical(PARAMETERS[number]),
        moment=moment,
    )


def evaluation(
    number: int,
    attempt: int,
    process: int,
    numbers: dict[str, tuple[float, float]],
    *,
    at: float,
) -> list[Line]:
    began = line(Happened.BEGAN, number, attempt, process, at)
    finished = line(Happened.FINISHED, number, attempt, process, at + 1.0)
    return [began, replace(finished, measurements=numbers)]


def events_of(number: int, *states: TrialState) -> list[Event]:
    return [
        Event(10 * number + index, datetime.now(UTC), number, state, "", None)
        for index, state in enumerate(states)
    ]


ONCE = (TrialState.PROPOSED, TrialState.RUNNING, TrialState.COMPLETED)


@dataclass(frozen=True)
class Study:
    """Two trials that one process evaluated, the second after the first."""

    trials: Sequence[Trial] = (trial(0, 1.0), trial(1, 2.0))
    events: Sequence[Event] = (*events_of(0, *ONCE), *events_of(1, *ONCE))
    lines: Sequence[Line] = (
        *evaluation(0, 1, 7, FIRST, at=0.0),
        *evaluation(1, 1, 7, SECOND, at=2.0),
    )
    seen: Sightings = field(default_factory=Sightings)
    asked: int = 2

    def judged(self) -> Verdict:
        return judge(self.trials, self.events, self.lines, self.seen, asked=self.asked)


def test_a_record_of_what_was_measured_is_whole() -> None:
    verdict = Study().judged()

    assert verdict.complaints == []
    assert (verdict.completed, verdict.begun, verdict.finished, verdict.saved) == (2, 2, 2, 0)


def test_numbers_that_no_evaluation_measured_are_no_measurement() -> None:
    verdict = Study(trials=(trial(0, 1.5), trial(1, 2.0))).judged()

    assert any("which no evaluation of it measured" in each for each in verdict.lost)


def test_a_measurement_that_was_handed_over_and_is_not_recorded_is_lost() -> None:
    failure = Failure(FailureKind.INFRASTRUCTURE, "killed")
    failed = replace(trial(0, 1.0), state=TrialState.FAILED, measurements={}, failure=failure)
    ended = (TrialState.PROPOSED, TrialState.RUNNING, TrialState.FAILED)

    verdict = Study(
        trials=(failed, trial(1, 2.0)), events=(*events_of(0, *ended), *events_of(1, *ONCE))
    ).judged()

    assert verdict.given_up == 1
    assert len(verdict.lost) == 1
    assert "trial 0: attempt 1 handed over" in verdict.lost[0]


def test_a_measurement_that_its_process_did_not_live_to_hand_over_is_not_lost() -> None:
    killed = [
        line(Happened.BEGAN, 0, 1, 6, 0.0),
        *evaluation(0, 2, 7, FIRST, at=1.0),
    ]
    again = (TrialState.PROPOSED, TrialState.RUNNING, *ONCE)

    verdict = Study(
        trials=(replace(trial(0, 1.0), attempts=2), trial(1, 2.0)),
        events=(*events_of(0, *again), *events_of(1, *ONCE)),
        lines=(*killed, *evaluation(1, 1, 7, SECOND, at=3.0)),
    ).judged()

    assert verdict.complaints == []
    assert (verdict.begun, verdict.finished) == (3, 2)


def test_a_measurement_that_was_handed_over_and_is_measured_again_is_lost() -> None:
    again = (TrialState.PROPOSED, TrialState.RUNNING, *ONCE)

    verdict = Study(
        trials=(replace(trial(0, 3.0), attempts=2), trial(1, 2.0)),
        events=(*events_of(0, *again), *events_of(1, *ONCE)),
        lines=(*Study().lines, *evaluation(0, 2, 8, THIRD, at=5.0)),
    ).judged()

    assert len(verdict.lost) == 1
    assert "measured later or never" in verdict.lost[0]


def test_of_two_evaluations_at_the_same_time_either_may_count() -> None:
    again = (TrialState.PROPOSED, TrialState.RUNNING, *ONCE)
    study = Study(
        trials=(replace(trial(0, 3.0), attempts=2), trial(1, 2.0)),
        events=(*events_of(0, *again), *events_of(1, *ONCE)),
        lines=(*Study().lines, *evaluation(0, 2, 8, THIRD, at=0.5)),
    )
    first = replace(study, trials=(replace(trial(0, 1.0), attempts=2), trial(1, 2.0)))

    assert study.judged().complaints == []
    assert first.judged().complaints == []
    assert (study.judged().saved, first.judged().saved) == (0, 1)


def test_what_was_recorded_once_may_not_change(tmp_path: Path) -> None:
    seen = Sightings()
    seen.see([trial(0, 3.0)], tmp_path)

    verdict = Study(seen=seen).judged()

    assert len(verdict.lost) == 1
    assert "trial 0 was recorded as {'gain': (3.0, 0.1)}" in verdict.lost[0]


def test_what_stood_in_a_journal_has_to_be_in_the_record(tmp_path: Path) -> None:
    running = replace(trial(0, 1.0), state=TrialState.RUNNING, measurements={})
    journal = tmp_path / "0" / "outcome.json"
    journal.parent.mkdir()
    journal.write_text(json.dumps({"key": "key-0", "measurements": {"gain": [3.0, 0.1]}}))
    seen = Sightings()
    seen.see([running], tmp_path)
    late = [*evaluation(0, 1, 7, FIRST, at=1e12), *evaluation(1, 1, 8, SECOND, at=2.0)]

    verdict = Study(seen=seen, lines=late).judged()

    assert len(verdict.lost) == 1
    assert "trial 0: its journal said {'gain': (3.0, 0.1)}" in verdict.lost[0]


def test_a_journal_of_another_trial_of_this_number_says_nothing(tmp_path: Path) -> None:
    journal = tmp_path / "0" / "outcome.json"
    journal.parent.mkdir()
    journal.write_text(json.dumps({"key": "other", "measurements": {"gain": [3.0, 0.1]}}))
    seen = Sightings()

    seen.see([trial(0, 1.0)], tmp_path)

    assert not seen.journaled


def test_a_trial_that_is_completed_twice_counts_twice() -> None:
    twice = (*ONCE, TrialState.COMPLETED)

    verdict = Study(events=(*events_of(0, *twice), *events_of(1, *ONCE))).judged()

    assert verdict.doubled == (
        "trial 0 is completed, it was proposed -> running -> completed -> completed",
    )


def test_an_attempt_that_no_event_tells_of_is_seen() -> None:
    verdict = Study(trials=(replace(trial(0, 1.0), attempts=2), trial(1, 2.0))).judged()

    assert verdict.doubled == ("trial 0 has 2 attempts: proposed -> running -> completed",)


def test_an_attempt_that_is_evaluated_twice_was_handed_out_twice() -> None:
    lines = (*Study().lines, *evaluation(1, 1, 8, THIRD, at=2.0))

    verdict = Study(lines=lines).judged()

    assert verdict.repeated == ("attempt 1 of trial 1 was evaluated 2 times",)


def test_a_number_with_two_sets_of_parameters_was_handed_out_twice() -> None:
    stranger = replace(line(Happened.BEGAN, 1, 2, 8, 3.0), parameters='{"x": 0.5}')

    verdict = Study(lines=(*Study().lines, stranger)).judged()

    assert verdict.repeated == ('trial 1 was evaluated with {"x": 0.5}, it has {"x": 0.75}',)


def test_two_trials_with_the_same_parameters_are_one_candidate_twice() -> None:
    twin = replace(trial(1, 2.0), parameters=PARAMETERS[0])

    verdict = Study(trials=(trial(0, 1.0), twin)).judged()

    assert "trials [0, 1] have the same parameters" in verdict.repeated


def test_a_study_without_its_trials_is_named() -> None:
    running = replace(trial(1, 2.0), state=TrialState.RUNNING, measurements={})
    states = (TrialState.PROPOSED, TrialState.RUNNING)

    verdict = Study(
        trials=(trial(0, 1.0), running),
        events=(*events_of(0, *ONCE), *events_of(1, *states)),
        asked=3,
    ).judged()

    assert verdict.unmet == (
        "trial 1 is running in the end",
        "3 trials were asked for, there are 2",
    )


def test_lines_come_back_as_they_were_written(tmp_path: Path) -> None:
    lines = evaluation(0, 1, 7, {"gain": (0.1 + 0.2, 5e-324)}, at=1.5)

    append(tmp_path / "log.jsonl", lines[0])
    append(tmp_path / "log.jsonl", lines[1])

    assert read_lines(tmp_path / "log.jsonl") == lines
    assert read_lines(tmp_path / "none.jsonl") == []
