import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from moopt import Maximize, Measurement, Minimize, Trial
from moopt.errors import EvaluationError
from moopt.evaluators.aggregation import mean_of_sample, worst_case
from moopt.evaluators.repeated import Repeated
from moopt.study.evaluation import Context
from moopt.study.validation import Raw

DIRECTIONS = {"score": Maximize, "loss": Minimize}


class Counting:
    """Measures the number of its call, as a score and as a loss."""

    def __init__(self) -> None:
        self.seeds: list[int] = []

    def __call__(self, trial: Trial, context: Context) -> dict[str, Raw]:
        assert trial.seed == context.seed
        assert context.directory.is_dir()
        self.seeds.append(context.seed)
        return {"score": len(self.seeds), "loss": (len(self.seeds), 0.1)}


def by_seed(trial: Trial, context: Context) -> Mapping[str, Raw]:
    """Measure something that only the seed decides."""
    del trial
    return {"score": context.seed / 2**32}


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context("cpu", 7, tmp_path, logging.getLogger("moopt.tests"))


def test_every_part_has_a_seed_of_its_own_and_equal_trials_have_equal_seeds(
    context: Context,
) -> None:
    first, second = Counting(), Counting()

    Repeated([first] * 3, directions=DIRECTIONS)(Trial(0, {}), context)
    Repeated([second] * 3, directions=DIRECTIONS)(Trial(4, {}), context)

    assert len(set(first.seeds)) == 3
    assert second.seeds == first.seeds


def test_measurements_of_one_name_become_one(context: Context) -> None:
    repeated = Repeated([Counting()] * 3, directions=DIRECTIONS, aggregate=worst_case)

    found = repeated(Trial(0, {}), context)

    assert found == {"score": Measurement(1.0), "loss": Measurement(3.0, 0.1)}


def test_several_workloads_are_parts(context: Context) -> None:
    def easy(trial: Trial, context: Context) -> Mapping[str, Raw]:
        del trial, context
        return {"score": 3.0, "loss": 1.0}

    def hard(trial: Trial, context: Context) -> Mapping[str, Raw]:
        del trial, context
        return {"score": 1.0, "loss": None}

    found = Repeated([easy, hard], directions=DIRECTIONS)(Trial(0, {}), context)

    assert found == {"score": Measurement(2.0, 1.0), "loss": None}


def test_the_fidelity_may_be_the_number_of_parts_with_a_report_after_each(
    context: Context,
) -> None:
    reported: dict[float, Mapping[str, Raw]] = {}
    part = Counting()
    repeated = Repeated([part] * 5, directions=DIRECTIONS, is_fidelity=True)

    found = repeated(Trial(0, {}, fidelity=3.0), replace(context, report=reported.__setitem__))

    assert list(reported) == [1.0, 2.0, 3.0]
    assert found == reported[3.0]
    assert len(part.seeds) == 3


def test_a_trial_that_should_stop_returns_what_it_has(context: Context) -> None:
    part = Counting()
    repeated = Repeated([part] * 5, directions=DIRECTIONS, is_fidelity=True)

    found = repeated(
        Trial(0, {}, fidelity=5.0), replace(context, should_stop=lambda: len(part.seeds) == 2)
    )

    assert found["score"] == Measurement(1.5, 0.5)


def test_a_trial_that_is_taken_further_measures_only_what_is_missing_and_the_same(
    tmp_path: Path, context: Context
) -> None:
    earlier, later, whole = (tmp_path / name for name in ("earlier", "later", "whole"))
    for folder in (earlier, later, whole):
        folder.mkdir()
    repeated = Repeated([by_seed] * 4, directions=DIRECTIONS, is_fidelity=True)
    repeated(Trial(0, {}, fidelity=2.0), replace(context, directory=earlier))

    part = Counting()
    missing = Repeated([part] * 2 + [by_seed] * 2, directions=DIRECTIONS, is_fidelity=True)
    found = missing(
        Trial(1, {}, fidelity=4.0, continues=0),
        replace(context, directory=later, continues=earlier),
    )

    assert part.seeds == []
    assert found == repeated(Trial(2, {}, fidelity=4.0), replace(context, directory=whole))


@pytest.mark.parametrize("record", [None, "", "[1]", '[{"score": 1}]', '{"score": [1, 2]}'])
def test_without_a_sound_record_it_measures_from_the_start(
    record: str | None, tmp_path: Path, context: Context
) -> None:
    earlier = tmp_path / "earlier"
    earlier.mkdir()
    if record is not None:
        (earlier / "parts.json").write_text(record)
    part = Counting()

    Repeated([part] * 2, directions=DIRECTIONS, is_fidelity=True)(
        Trial(1, {}, fidelity=2.0, continues=0), replace(context, continues=earlier)
    )

    assert len(part.seeds) == 2


def test_another_fidelity_is_handed_to_all_parts(context: Context) -> None:
    def epochs(trial: Trial, context: Context) -> Mapping[str, Raw]:
        context.report(1.0, {"score": 0.0})
        return {"score": trial.fidelity}

    def refuse(fidelity: float, measurements: Mapping[str, Raw]) -> None:
        raise AssertionError((fidelity, measurements))

    found = Repeated([epochs] * 2, directions=DIRECTIONS, aggregate=mean_of_sample)(
        Trial(0, {}, fidelity=9.0), replace(context, report=refuse)
    )

    assert found["score"] == Measurement(9.0, 0.0)


def test_a_measurement_without_a_direction_is_named(context: Context) -> None:
    with pytest.raises(EvaluationError, match=r"\['score'\] have no direction; add them"):
        Repeated([by_seed], directions={})(Trial(0, {}), context)


def test_a_fidelity_that_counts_no_parts_is_refused(context: Context) -> None:
    repeated = Repeated([by_seed] * 2, directions=DIRECTIONS, is_fidelity=True)

    with pytest.raises(EvaluationError, match=r"1 to 2, got 2\.5; give the study"):
        repeated(Trial(0, {}, fidelity=2.5), context)


def test_nothing_measures_nothing() -> None:
    with pytest.raises(EvaluationError, match="one evaluator or more, got none"):
        Repeated([], directions={})
