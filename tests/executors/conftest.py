"""A worker process for all tests of a module."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from moopt.executors.local import LocalExecutor
from tests.executors.faulty_study import STUDY_FILE


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trials")


@pytest.fixture(scope="module")
def executor(directory: Path) -> Iterator[LocalExecutor]:
    with closing(LocalExecutor(STUDY_FILE, workers=1, directory=directory)) as made:
        yield made
