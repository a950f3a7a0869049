"""Measure a trial several times and make one measurement of it: seeds, folds, workloads.

Each part has a seed and a folder of its own. What the parts measured is kept in the trial's folder,
so that a trial that is taken further measures the missing parts only.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path

from moopt.errors import EvaluationError
from moopt.evaluators.aggregation import Aggregate, mean_of_sample
from moopt.study.evaluation import Context, Evaluator, Report, ignore_report, never_stop
from moopt.study.objectives import Direction
from moopt.study.trials import Measurement, Trial, evaluation_seed
from moopt.study.validation import check_measurements

_RECORD = "parts.json"


@dataclass(frozen=True, slots=True)
class Repeated:
    """An evaluator that measures by several others, one after the other.

    For seeds name one evaluator several times, `Repeated([evaluate] * 5, ...)`; for folds and
    workloads name several, each once.

    Raises:
        EvaluationError: There are no parts.
    """

    parts: Sequence[Evaluator]
    """In the order in which they measure."""

    _: KW_ONLY
    directions: Mapping[str, Direction]
    """Which values are better, for every name that the parts measure."""

    aggregate: Aggregate = mean_of_sample
    """How measurements of one name become one."""

    is_fidelity: bool = False
    """Whether the fidelity of the study counts the parts: then a trial measures as many as its
    fidelity says, the first ones, and reports after each. Otherwise the parts see the fidelity, and
    all of them measure at it."""

    def __post_init__(self) -> None:
        if not self.parts:
            raise EvaluationError("to measure repeatedly takes one evaluator or more, got none")

    def __call__(self, trial: Trial, context: Context) -> dict[str, Measurement | None]:
        """Return every measurement, aggregated over the parts.

        What one part did not measure is not measured.

        Raises:
            EvaluationError: A measurement has no direction, or the fidelity is no number of parts.
        """
        count = self._count(trial)
        found = _read(context.continues)[:count] if self.is_fidelity else []
        while len(found) < count:
            found.append(self._measured(len(found), trial, context))
            _write(context.directory, found)
            if self.is_fidelity:
                context.report(float(len(found)), self._aggregated(found))
                if context.should_stop():
                    break
        return self._aggregated(found)

    def _count(self, trial: Trial) -> int:
        if not self.is_fidelity or trial.fidelity is None:
            return len(self.parts)
        if trial.fidelity not in range(1, len(self.parts) + 1):
            raise EvaluationError(
                f"the fidelity counts the parts that measure, 1 to {len(self.parts)}, got "
                f"{trial.fidelity:g}; give the study Fidelity(..., low=1, high={len(self.parts)})"
            )
        return int(trial.fidelity)

    def _measured(self, place: int, trial: Trial, context: Context) -> dict[str, Measurement]:
        seed = evaluation_seed(context.seed, place)
        directory = context.directory / f"part-{place}"
        directory.mkdir(exist_ok=True)
        earlier = None if context.continues is None else context.continues / directory.name
        raw = self.parts[place](
            replace(trial, seed=seed, fidelity=None if self.is_fidelity else trial.fidelity),
            replace(
                context,
                seed=seed,
                directory=directory,
                continues=earlier,
                report=ignore_report,
                should_stop=never_stop,
            ),
        )
        return check_measurements(raw.measurements if isinstance(raw, Report) else raw)

    def _aggregated(
        self, found: Sequence[Mapping[str, Measurement]]
    ) -> dict[str, Measurement | None]:
        names = dict.fromkeys(name for part in found for name in part)
        missing = [name for name in names if name not in self.directions]
        if missing:
            raise EvaluationError(
                f"the measurements {missing} have no direction; add them to directions="
            )
        return {
            name: self.aggregate([part[name] for part in found], self.directions[name])
            if all(name in part for part in found)
            else None
            for name in names
        }


def _read(folder: Path | None) -> list[dict[str, Measurement]]:
    """Return what an earlier trial measured; nothing where its record is gone or broken."""
    if folder is None:
        return []
    try:
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        return [
            {name: Measurement(value, error) for name, (value, error) in part.items()}
            for part in record
        ]
    except (OSError, ValueError, AttributeError, TypeError):
        return []


def _write(folder: Path, found: Sequence[Mapping[str, Measurement]]) -> None:
    record = [{name: (each.mean, each.sem) for name, each in part.items()} for part in found]
    unfinished = folder / f".{_RECORD}"
    unfinished.write_text(json.dumps(record), encoding="utf-8")
    unfinished.replace(folder / _RECORD)
