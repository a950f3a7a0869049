import gzip
import logging
from pathlib import Path

import pytest

from moopt import Maximize, Trial
from moopt.errors import EvaluationError
from moopt.evaluators.classifiers import ClassifierAccuracy
from moopt.evaluators.measures import LiveMeasures
from moopt.evaluators.merge import MergeEvaluator
from moopt.evaluators.raced_merges import RacedMerges
from moopt.evaluators.racing import Racing
from moopt.merging.space import MergeSpace
from moopt.study.evaluation import Context
from tests.tiny_models import write_base, write_expert, write_table

EXPERTS = ("films", "mails")
NAMES = [f"{expert}_accuracy" for expert in EXPERTS]
RACING = Racing(dict.fromkeys(NAMES, Maximize))


@pytest.fixture(scope="module")
def merges(tmp_path_factory: pytest.TempPathFactory) -> MergeEvaluator:
    folder = tmp_path_factory.mktemp("models")
    base = write_base(folder / "base")
    experts = {
        name: write_expert(folder / name, base, seed, ("negative", "positive"))
        for seed, name in enumerate(EXPERTS)
    }
    tables = {
        name: write_table(folder / f"{name}.csv.gz", {"search": 32, "held_out": 8})
        for name in EXPERTS
    }
    space = MergeSpace("task_arithmetic", experts, base=base)
    return MergeEvaluator(space, ClassifierAccuracy(tables, max_tokens=8, batch_size=5))


def context(folder: Path, number: int, continues: int | None = None) -> Context:
    (folder / str(number)).mkdir()
    earlier = None if continues is None else folder / str(continues)
    return Context(
        "cpu", 0, folder / str(number), logging.getLogger("moopt.tests"), continues=earlier
    )


def test_a_merge_on_all_examples_measures_what_it_measures_without_a_race(
    merges: MergeEvaluator, tmp_path: Path
) -> None:
    raced = RacedMerges(merges, RACING)
    point = {"films": 0.4, "mails": 0.7}

    found = raced(Trial(0, point, fidelity=1.0), context(tmp_path, 0))

    assert found == merges(Trial(0, point), context(tmp_path, 1))


def test_a_merge_that_is_taken_further_measures_the_same(
    merges: MergeEvaluator, tmp_path: Path
) -> None:
    raced, point = RacedMerges(merges, RACING), {"films": 0.4, "mails": 0.7}

    part = raced(Trial(0, point, fidelity=0.25), context(tmp_path, 0))
    whole = raced(Trial(1, point, fidelity=1.0, continues=0), context(tmp_path, 1, 0))

    assert isinstance(part, dict)
    assert list(part) == NAMES
    assert whole == merges(Trial(2, point), context(tmp_path, 2))


def test_as_many_other_texts_have_another_digest(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base")
    expert = write_expert(tmp_path / "films", base, 0, ("negative", "positive"))
    table = write_table(tmp_path / "films.csv.gz", {"search": 8})
    again = write_table(tmp_path / "again.csv.gz", {"search": 8})
    others = tmp_path / "others.csv.gz"
    text = gzip.decompress(table.read_bytes()).replace(b"good", b"fine")
    others.write_bytes(gzip.compress(text))

    first, same, other = (
        ClassifierAccuracy({"films": each}, max_tokens=8).load(base, {"films": expert}, "cpu")
        for each in (table, again, others)
    )

    assert first.example_counts("search") == other.example_counts("search")
    assert first.example_digest("search") == same.example_digest("search")
    assert first.example_digest("search") != other.example_digest("search")


def test_measures_that_do_not_tell_their_examples_cannot_race(
    merges: MergeEvaluator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Whole:
        """Measures without examples."""

        model = None

        def measure(self, split: str) -> dict[str, tuple[float, float]]:
            return {split: (0.0, 0.0)}

    def live(trial: Trial, context: Context) -> LiveMeasures | Whole:
        del trial, context
        return Whole()

    monkeypatch.setattr(merges, "live", live)

    with pytest.raises(EvaluationError, match="by their examples, which Whole does not tell"):
        RacedMerges(merges, RACING)(Trial(0, {}, fidelity=1.0), context(tmp_path, 0))
