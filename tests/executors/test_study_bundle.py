from pathlib import Path

import pytest

from moopt.errors import StudyError
from moopt.executors import study_bundle
from moopt.executors.study_bundle import Bundle, bundle_of, lies_here, pack


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    """Return a study file in a folder with much beside it."""
    folder = tmp_path / "work"
    for name in (
        *("study.py", "helping/words.py", "data/small.csv", "moopt.db", "moopt.db-wal"),
        *(".git/config", ".secret", "__pycache__/study.pyc", "moopt-artifacts/study/0/log.txt"),
        *("env/pyvenv.cfg", "env/lib/big.py"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name, encoding="utf-8")
    return folder / "study.py"


def test_code_and_small_data_are_shipped_and_nothing_else(study_file: Path) -> None:
    bundle = bundle_of(study_file)

    assert sorted(bundle.shipped) == ["data/small.csv", "helping/words.py", "study.py"]
    assert bundle.left_out == {}
    assert (bundle.folder, bundle.study_file) == (study_file.parent, "study.py")


def test_big_files_are_left_out_and_named(
    study_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_bundle, "MOST_BYTES_A_FILE", 14)

    bundle = bundle_of(study_file)

    assert bundle.left_out == {"helping/words.py": 16}
    assert sorted(bundle.shipped) == ["data/small.csv", "study.py"]


@pytest.mark.parametrize(("limit", "most"), [("MOST_BYTES", 20), ("MOST_FILES", 2)])
def test_a_folder_with_too_much_in_it_is_refused(
    study_file: Path, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    monkeypatch.setattr(study_bundle, limit, most)

    with pytest.raises(StudyError, match=r"too much lies beside .*study\.py .* a folder of their"):
        bundle_of(study_file)


def test_what_is_packed_is_the_study_and_a_package(study_file: Path, tmp_path: Path) -> None:
    package = tmp_path / "tool"
    (package / "inner").mkdir(parents=True)
    (package / "inner" / "code.py").write_text("", encoding="utf-8")
    target = tmp_path / "packed"

    pack(bundle_of(study_file), package, target)

    packed = sorted(str(f.relative_to(target)) for f in target.rglob("*") if f.is_file())
    assert packed == [
        "moopt_study_files/data/small.csv",
        "moopt_study_files/helping/words.py",
        "moopt_study_files/study.py",
        "tool/inner/code.py",
    ]


def test_a_study_lies_here_when_every_file_is_the_same(
    study_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_bundle, "MOST_BYTES_A_FILE", 14)
    bundle = bundle_of(study_file)
    assert lies_here(bundle)

    (study_file.parent / "helping" / "words.py").write_text("another size", encoding="utf-8")
    assert not lies_here(bundle)


@pytest.mark.parametrize("change", ["edited", "gone"])
def test_a_study_does_not_lie_here_when_a_file_is_another_or_missing(
    study_file: Path, change: str
) -> None:
    bundle: Bundle = bundle_of(study_file)
    helper = study_file.parent / "helping" / "words.py"
    helper.write_text(change, encoding="utf-8")
    if change == "gone":
        helper.unlink()

    assert not lies_here(bundle)
