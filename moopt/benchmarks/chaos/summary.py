"""The table at the end."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console

from moopt.benchmarks.chaos.faults import KILLS, Fault
from moopt.benchmarks.chaos.rounds import Round

OUT = Console(highlight=False, soft_wrap=True)
ERR = Console(stderr=True, highlight=False, soft_wrap=True)
_MOST_SHOWN = 20


@dataclass
class Summary:
    """All rounds and all that was done to them."""

    rounds: list[Round] = field(default_factory=list)
    struck: Sequence[Fault] = ()

    @property
    def complaints(self) -> list[str]:
        """All that is wrong, with the number of its study."""
        return [
            f"study {index}: {complaint}"
            for index, each in enumerate(self.rounds)
            for complaint in each.complaints
        ]


def print_progress(summary: Summary) -> None:
    """Say on standard error how far it is."""
    latest = summary.rounds[-1]
    kills = sum(fault in KILLS for fault in summary.struck)
    ERR.print(
        f"study {len(summary.rounds) - 1}: {latest.verdict.completed} of {latest.verdict.asked} "
        f"trials in {latest.seconds:.0f} s, {len(latest.complaints)} complaints; {kills} kills"
    )


def print_summary(summary: Summary, *, store: str, seconds: float) -> None:
    """Print what was done, what came of it, and what is wrong."""
    counted = Counter(summary.struck)
    verdicts = [each.verdict for each in summary.rounds]
    completed = sum(each.completed for each in verdicts)
    crashed = sum(each.crashed for each in verdicts)
    given_up = sum(each.given_up for each in verdicts)
    begun = sum(each.begun for each in verdicts)
    rows: list[tuple[str, object]] = [
        ("store", store),
        ("studies", len(summary.rounds)),
        ("kills", sum(counted[fault] for fault in KILLS)),
        *((f"  {fault}", counted[fault]) for fault in Fault if fault in KILLS),
        *((f"{fault}", counted[fault]) for fault in Fault if fault not in KILLS),
        ("trials asked for", sum(each.asked for each in verdicts)),
        ("  completed", completed),
        ("  failed: the evaluation raised", crashed),
        ("  given up: killed too often", given_up),
        ("evaluations begun", begun),
        ("  finished", sum(each.finished for each in verdicts)),
        ("kept from an earlier attempt", sum(each.saved for each in verdicts)),
        ("finished measurements lost", sum(len(each.lost) for each in verdicts)),
        ("trials that counted twice", sum(len(each.doubled) for each in verdicts)),
        ("numbers handed out twice", sum(len(each.repeated) for each in verdicts)),
        ("studies without their trials", sum(bool(each.unmet) for each in verdicts)),
        ("drivers that gave up", sum(len(each.gave_up) for each in summary.rounds)),
        ("left running, locked or broken", sum(len(each.left) for each in summary.rounds)),
        ("minutes", f"{seconds / 60:.1f}"),
    ]
    for name, value in rows:
        OUT.print(f"{name:<34}{value!s:>10}", markup=False)
    for complaint in summary.complaints[:_MOST_SHOWN]:
        OUT.print(complaint, markup=False)
