import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from moopt import Maximize, Minimize, Trial
from moopt.errors import EvaluationError
from moopt.evaluators.example_record import RECORD, data_name, read_scores, write_scores
from moopt.evaluators.racing import Racing, lost
from moopt.study.evaluation import Context, Report
from moopt.study.validation import check_measurements

COUNT = 240
DIRECTIONS = {"skill": Maximize, "loss": Minimize}
DATA = data_name(dict.fromkeys(DIRECTIONS, COUNT), "search", 0, "table")


@dataclass
class Table:
    """Measures a model whose scores on all examples are known beforehand."""

    scores: dict[str, np.ndarray]
    asked: dict[str, list[int]] = field(default_factory=lambda: {"skill": [], "loss": []})
    digest: str = "table"
    model: nn.Module = field(default_factory=nn.Module)

    def measure(self, split: str) -> dict[str, tuple[float, float]]:
        return {
            name: self.summary(name, split, range(COUNT), each)
            for name, each in self.scores.items()
        }

    def example_counts(self, split: str) -> dict[str, int]:
        del split
        return {name: len(each) for name, each in self.scores.items()}

    def example_digest(self, split: str) -> str:
        del split
        return self.digest

    def example_scores(self, name: str, split: str, places: Sequence[int]) -> np.ndarray:
        del split
        self.asked[name].extend(places)
        return self.scores[name][list(places)]

    def summary(
        self, name: str, split: str, places: Sequence[int], scores: np.ndarray
    ) -> tuple[float, float]:
        del name, split, places
        return scores.mean(), scores.std(ddof=1) / np.sqrt(len(scores))


def table(skill: float, loss: float, seed: int = 0) -> Table:
    """Return a model that is so good on average; what is hard is hard for all."""
    generator = np.random.default_rng(seed)
    difficulty = np.random.default_rng(99).normal(size=(2, COUNT))
    own = 0.5 * generator.normal(size=(2, COUNT))
    own -= own.mean(axis=1, keepdims=True)
    return Table({"skill": skill - difficulty[0] + own[0], "loss": loss + difficulty[1] + own[1]})


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return at(tmp_path, 0)


def at(root: Path, number: int) -> Context:
    folder = root / str(number)
    folder.mkdir(exist_ok=True)
    return Context("cpu", 0, folder, logging.getLogger("moopt.tests"))


def run(
    measures: Table, root: Path, number: int, fidelity: float = 1.0, alpha: float = 0.05
) -> tuple[float, dict[str, tuple[float, float]]]:
    """Race one model and return how far it came and what was measured."""
    outcome = Racing(DIRECTIONS, alpha=alpha).measure(
        measures, Trial(number, {}, fidelity=fidelity), at(root, number), "search"
    )
    if isinstance(outcome, Report):
        found = check_measurements(outcome.measurements)
        return outcome.fidelity, {k: (each.mean, each.sem or 0.0) for k, each in found.items()}
    return fidelity, outcome


def approximately(measured: Mapping[str, tuple[float, float]]) -> dict[str, object]:
    """Return measurements that equal those whose examples were summed in another order."""
    return {name: pytest.approx(each) for name, each in measured.items()}


def test_a_model_that_is_worse_in_everything_is_stopped_early(tmp_path: Path) -> None:
    run(table(2.0, 0.0), tmp_path, 0)
    worse = table(0.0, 2.0, seed=1)

    share, measured = run(worse, tmp_path, 1)

    assert share == 1 / 8
    assert len(worse.asked["skill"]) == len(worse.asked["loss"]) == COUNT / 8
    assert measured["skill"][0] == pytest.approx(worse.scores["skill"].mean(), abs=0.3)


@pytest.mark.parametrize(("skill", "loss"), [(5.0, 9.0), (-5.0, -1.0)])
def test_a_model_that_is_worse_in_one_objective_only_is_never_stopped(
    skill: float, loss: float, tmp_path: Path
) -> None:
    run(table(2.0, 0.0), tmp_path, 0)
    other = table(skill, loss, seed=1)

    share, measured = run(other, tmp_path, 1)

    assert share == 1.0
    assert measured == approximately(other.measure("search"))


def test_models_that_were_measured_on_other_examples_stop_no_others(tmp_path: Path) -> None:
    run(table(2.0, 0.0), tmp_path, 0)
    elsewhere = replace(table(0.0, 2.0, seed=1), digest="as many others")

    assert run(elsewhere, tmp_path, 1)[0] == 1.0


def test_stopped_models_and_partial_ones_stop_no_others(tmp_path: Path) -> None:
    run(table(2.0, 0.0), tmp_path, 0, fidelity=0.5)

    assert run(table(0.0, 2.0, seed=1), tmp_path, 1)[0] == 1.0


@given(
    st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=1, max_size=6),
    st.tuples(st.integers(-3, 3), st.integers(-3, 3)),
)
def test_where_values_are_exact_only_dominated_models_lose(
    others: list[tuple[int, int]], values: tuple[int, int]
) -> None:
    found = lost(np.array(values, dtype=float), np.zeros(2), np.array(others, dtype=float))

    expected = [
        all(theirs >= ours for theirs, ours in zip(other, values, strict=True)) and other != values
        for other in others
    ]
    assert found.tolist() == expected


@given(
    st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=1, max_size=6),
    st.tuples(st.integers(-3, 3), st.integers(-3, 3)),
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
)
def test_doubt_saves_models(
    others: list[tuple[int, int]], values: tuple[int, int], margins: tuple[int, int]
) -> None:
    means, beside = np.array(values, dtype=float), np.array(others, dtype=float)

    doubted = lost(means, np.array(margins, dtype=float), beside)

    assert not (doubted & ~lost(means, np.zeros(2), beside)).any()


@pytest.mark.slow
def test_models_that_are_not_dominated_are_seldom_stopped(tmp_path: Path) -> None:
    """The worst case: a hair better than one other in one objective, much worse in the other."""
    alpha, stopped, races = 0.1, 0, 100
    for seed in range(races):
        root = tmp_path / str(seed)
        root.mkdir()
        run(table(1.0, 0.0, seed=10_000 + seed), root, 0)
        share, _ = run(table(1.001, 3.0, seed=seed), root, 1, alpha=alpha)
        stopped += share < 1

    assert stopped / races <= alpha


def test_a_trial_that_is_taken_further_measures_what_is_missing(tmp_path: Path) -> None:
    model, racing = table(2.0, 0.0), Racing(DIRECTIONS)
    run(model, tmp_path, 0, fidelity=0.25)
    first = {name: list(places) for name, places in model.asked.items()}
    outcome = racing.measure(
        model,
        Trial(1, {}, fidelity=1.0, continues=0),
        replace(at(tmp_path, 1), continues=tmp_path / "0"),
        "search",
    )

    assert len(first["skill"]) == COUNT / 4
    assert sorted(model.asked["skill"]) == list(range(COUNT))
    assert outcome == run(table(2.0, 0.0), tmp_path, 2)[1]


def test_every_model_sees_the_examples_in_the_same_random_order(tmp_path: Path) -> None:
    one, other = table(2.0, 0.0), table(2.0, 0.0, seed=5)

    run(one, tmp_path, 0, fidelity=0.25)
    run(other, tmp_path, 1)

    assert other.asked["skill"][: COUNT // 4] == one.asked["skill"]
    assert one.asked["skill"] != sorted(one.asked["skill"])


def test_a_part_says_how_uncertain_it_is_and_the_whole_has_the_error_of_a_mean(
    tmp_path: Path,
) -> None:
    model = table(2.0, 0.0)

    errors = [run(model, tmp_path, 0, share)[1]["skill"][1] for share in (0.125, 0.5, 1.0)]

    assert errors == sorted(errors, reverse=True)
    assert errors[-1] == pytest.approx(model.scores["skill"].std(ddof=1) / np.sqrt(COUNT))


def test_it_reports_on_the_way_and_stops_when_told(context: Context) -> None:
    reported: list[float] = []

    outcome = Racing(DIRECTIONS).measure(
        table(2.0, 0.0),
        Trial(0, {}, fidelity=1.0),
        replace(
            context,
            report=lambda share, _: reported.append(share),
            should_stop=lambda: reported[-1] == 0.25,
        ),
        "search",
    )

    assert reported == [0.125, 0.25]
    assert isinstance(outcome, Report)
    assert outcome.fidelity == 0.25


def test_without_a_fidelity_all_is_measured_and_kept(tmp_path: Path, context: Context) -> None:
    model = table(2.0, 0.0)

    found = Racing(DIRECTIONS).measure(model, Trial(0, {}), context, "search")

    kept = read_scores(tmp_path / "0", DATA)
    assert found == approximately(model.measure("search"))
    assert kept is not None
    assert sorted(kept["skill"]) == sorted(model.scores["skill"])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"nonsense"])
def test_broken_records_are_as_good_as_none(content: bytes, tmp_path: Path) -> None:
    run(table(2.0, 0.0), tmp_path, 0)
    (tmp_path / "0" / RECORD).write_bytes(content)
    (tmp_path / "workers").mkdir()

    assert run(table(0.0, 2.0, seed=1), tmp_path, 1)[0] == 1.0


def test_records_of_other_examples_are_as_good_as_none(tmp_path: Path) -> None:
    at(tmp_path, 0)
    write_scores(tmp_path / "0", table(2.0, 0.0).scores, "others")

    assert run(table(0.0, 2.0, seed=1), tmp_path, 1)[0] == 1.0


def test_an_objective_that_is_not_measured_by_examples_is_refused(context: Context) -> None:
    racing = Racing({**DIRECTIONS, "latency": Minimize})

    with pytest.raises(EvaluationError, match=r"\['latency'\] are not among \['loss', 'skill'\]"):
        racing.measure(table(2.0, 0.0), Trial(0, {}, fidelity=1.0), context, "search")


@pytest.mark.parametrize(("shares", "alpha"), [((0.5, 0.25), 0.05), ((1.0,), 0.05), ((0.5,), 0.0)])
def test_a_race_that_cannot_be_is_refused(shares: tuple[float, ...], alpha: float) -> None:
    with pytest.raises(EvaluationError, match="needs ascending shares between 0 and 1"):
        Racing(DIRECTIONS, shares=shares, alpha=alpha)
