"""What was measured is found again, and nothing else is."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moopt.executors.journal import FILES, digest_of, read_outcome, write_outcome
from moopt.study.evaluation import Evaluation, Split
from moopt.study.parameters import Parameters
from moopt.study.trials import Failure, FailureKind, Measurement, Trial
from moopt.study.usage import Usage
from moopt.study.validation import Raw, check_measurements

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
ERRORS = st.floats(0.0, allow_infinity=False)
RAW: st.SearchStrategy[Raw] = st.one_of(
    st.none(), NUMBERS, st.tuples(NUMBERS, ERRORS), st.builds(Measurement, NUMBERS, ERRORS)
)
NAMES = st.text(st.characters(codec=None), max_size=12)
PARAMETERS: st.SearchStrategy[Parameters] = st.dictionaries(
    NAMES,
    st.one_of(
        NUMBERS,
        st.integers(),
        st.booleans(),
        NAMES,
        st.dictionaries(NAMES, st.floats(0.0, 1.0), min_size=1),
    ),
    max_size=4,
)
USAGE = Usage(1.5, 0.1 + 0.2, 0.0, 2**33 + 1, None, "host", "cpu")
TRIAL = Trial(3, {"rate": 0.1, "mixture": {"news": 0.25, "mail": 0.75}}, seed=7, key="abc")
OUTCOME = Evaluation({"accuracy": 0.5, "latency": (1.0, 0.25)}, USAGE)


@given(PARAMETERS, st.dictionaries(NAMES, RAW, max_size=4), st.sampled_from(Split))
def test_what_was_measured_is_found_with_every_digit(
    parameters: Parameters, measured: dict[str, Raw], split: Split
) -> None:
    trial = Trial(0, parameters, seed=2**32 - 1, key="k")
    with TemporaryDirectory() as folder:
        write_outcome(Path(folder), trial, split, Evaluation(measured, USAGE), study_file="f")

        found = read_outcome(Path(folder), trial, split, study_file="f")

    assert found is not None
    assert isinstance(found.outcome, Mapping)
    assert list(found.outcome) == list(measured)
    assert check_measurements(found.outcome) == check_measurements(measured)
    assert found.usage == USAGE


def kept(directory: Path, split: Split = Split.SEARCH) -> Path:
    write_outcome(directory, TRIAL, split, OUTCOME, study_file="one")
    return directory / FILES[split]


@pytest.mark.parametrize(
    "other",
    [
        Trial(3, TRIAL.parameters, seed=7, key="xyz"),
        Trial(3, TRIAL.parameters, seed=7),
        Trial(3, TRIAL.parameters, seed=8, key="abc"),
        Trial(3, TRIAL.parameters, seed=7, key="abc", fidelity=1.0),
        Trial(3, {**TRIAL.parameters, "rate": 0.2}, seed=7, key="abc"),
        Trial(3, {"rate": 0.1}, seed=7, key="abc"),
    ],
    ids=["key", "no key", "seed", "fidelity", "value", "parameter"],
)
def test_an_outcome_of_another_trial_does_not_count(tmp_path: Path, other: Trial) -> None:
    kept(tmp_path)

    assert read_outcome(tmp_path, other, Split.SEARCH, study_file="one") is None


def test_a_whole_number_is_not_a_truth_value(tmp_path: Path) -> None:
    write_outcome(tmp_path, Trial(0, {"n": 1}, key="k"), Split.SEARCH, OUTCOME, study_file="one")

    found = read_outcome(tmp_path, Trial(0, {"n": True}, key="k"), Split.SEARCH, study_file="one")

    assert found is None


def test_data_of_the_search_and_held_out_data_are_kept_apart(tmp_path: Path) -> None:
    kept(tmp_path, Split.HELD_OUT).rename(tmp_path / FILES[Split.SEARCH])

    assert read_outcome(tmp_path, TRIAL, Split.SEARCH, study_file="one") is None
    assert read_outcome(tmp_path, TRIAL, Split.HELD_OUT, study_file="one") is None


def test_after_an_evaluator_was_mended_only_held_out_figures_count(tmp_path: Path) -> None:
    kept(tmp_path, Split.SEARCH)
    kept(tmp_path, Split.HELD_OUT)

    assert read_outcome(tmp_path, TRIAL, Split.SEARCH, study_file="two") is None
    assert read_outcome(tmp_path, TRIAL, Split.HELD_OUT, study_file="two") == OUTCOME


@pytest.mark.parametrize(
    "harm",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text[:0],
        lambda text: text.replace("0.5", "0.6"),
        lambda text: text.replace("0.25\n", "NaN\n"),
        lambda text: text.replace('"usage"', '"costs"'),
        lambda text: json.dumps({**json.loads(text), "measurements": {}}),
        lambda text: json.dumps([text]),
        lambda text: "\x00" * len(text),
    ],
    ids=["torn", "empty", "number", "nan", "field", "measurements", "list", "zeros"],
)
def test_a_file_that_somebody_harmed_does_not_count(
    tmp_path: Path, harm: Callable[[str], str]
) -> None:
    path = kept(tmp_path)
    path.write_text(harm(path.read_text(encoding="ascii")), encoding="ascii")

    assert read_outcome(tmp_path, TRIAL, Split.SEARCH, study_file="one") is None


def test_neither_failures_nor_trials_without_a_key_are_kept(tmp_path: Path) -> None:
    failed = Evaluation(Failure(FailureKind.CANDIDATE, "no"))
    write_outcome(tmp_path, TRIAL, Split.SEARCH, failed, study_file="one")
    write_outcome(tmp_path, Trial(0, {}), Split.SEARCH, OUTCOME, study_file="one")

    assert list(tmp_path.iterdir()) == []


def test_nothing_but_the_outcome_is_left_in_the_folder(tmp_path: Path) -> None:
    kept(tmp_path)
    kept(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["outcome.json"]


def test_a_digest_tells_files_apart(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1", encoding="utf-8")
    (tmp_path / "b").write_text("2", encoding="utf-8")

    assert digest_of(tmp_path / "a") != digest_of(tmp_path / "b")
