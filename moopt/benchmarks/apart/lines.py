"""The conversation with a peer that runs apart: one JSON object a line, a question and an answer.

The first line is the `Task`, answered by an empty object. Then come `ask`, answered by `values`,
the value of each axis; `tell`, of the proposal with a `number`; and `attach`, of a trial with
`values`. What is told are `losses`, null for a trial that failed, and `excesses`, by how much
limits are passed. Every answer has `cpu_seconds` and `peak_mib` of the process; one with
`exhausted` says that nothing is left to propose, one with `error` why there is no answer.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

STATUS = Path("/proc/self/status")
"""Where Linux tells a process of its memory."""


@dataclass(frozen=True, slots=True)
class Number:
    """One axis: what `moopt.benchmarks.peer_space.Axis` says, in the types of JSON."""

    name: str
    kind: str
    """`real`, `whole` or `pick`."""

    low: float
    high: float
    log: bool
    parent: str | None
    """The axis on which it depends. None: it always counts."""

    parent_values: Sequence[int]


@dataclass(frozen=True, slots=True)
class Task:
    """What to search."""

    numbers: Sequence[Number]
    objectives: int
    limits: int
    seed: int
    initial_trials: int | None
    reference: Sequence[float] | None
    """The worst losses of interest. None: not known."""

    def to_json(self) -> str:
        """Return it as one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "Task":
        """Read it from a line."""
        fields = json.loads(line)
        return cls(**{**fields, "numbers": [Number(**each) for each in fields["numbers"]]})


class ExhaustedError(Exception):
    """Nothing is left to propose."""


class Peer(Protocol):
    """What a program of this package has to offer."""

    def ask(self, number: int) -> Mapping[str, float]:
        """Return the values of a new proposal."""
        ...

    def tell(self, number: int, losses: list[float] | None, excesses: list[float]) -> None:
        """Learn what came of a proposal."""
        ...

    def attach(
        self, values: Mapping[str, float], losses: list[float] | None, excesses: list[float]
    ) -> None:
        """Learn of a trial that somebody else proposed."""
        ...


def serve(new: Callable[[Task], Peer]) -> None:
    """Answer questions until there are no more."""
    # Whatever else writes to the standard output would break the conversation.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        peer: Peer | None = None
        asked = 0
        for line in sys.stdin:
            answer: dict[str, Any] = {}
            try:
                if peer is None:
                    peer = new(Task.from_json(line))
                else:
                    question = json.loads(line)
                    answer = _answer(peer, question, asked)
                    asked += question["do"] == "ask"
            except ExhaustedError:
                answer = {"exhausted": True}
            except Exception as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            answer |= {"cpu_seconds": time.process_time(), "peak_mib": peak_mib()}
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


def peak_mib() -> float | None:
    """Return the most memory that this process has held; None where the system does not tell."""
    if not STATUS.exists():
        return None
    fields = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return int(fields["VmHWM"].split()[0]) / 1024


def worst(known: Sequence[Sequence[float]]) -> list[float] | None:
    """Return the worst of each loss; None where none is known."""
    return [max(column) for column in zip(*known, strict=True)] if known else None


def _answer(peer: Peer, question: Mapping[str, Any], asked: int) -> dict[str, Any]:
    match question["do"]:
        case "ask":
            return {"values": dict(peer.ask(asked))}
        case "tell":
            peer.tell(question["number"], question["losses"], question["excesses"])
        case "attach":
            peer.attach(question["values"], question["losses"], question["excesses"])
    return {}
