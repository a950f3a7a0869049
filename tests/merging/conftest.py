"""What merging is compared with: mergekit, on models of several architectures."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.merging.oracle.mergekit_oracle import TARGET, VARIABLE, MergekitOracle, find_python
from tests.merging.oracle.tiny_families import FAMILIES, Family, write_family


@pytest.fixture(scope="session")
def mergekit_python() -> Path:
    """Return the Python that has mergekit. Without one the test is skipped."""
    python = find_python()
    if python is None:
        pytest.skip(f"no mergekit to compare with: `make {TARGET}`, or name a Python in {VARIABLE}")
    return python


@pytest.fixture(scope="session")
def oracle(mergekit_python: Path) -> Iterator[MergekitOracle]:
    """Return mergekit, whose process starts with the first test that wants it."""
    with MergekitOracle(mergekit_python) as running:
        yield running


@pytest.fixture(scope="session", params=sorted(FAMILIES))
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Family:
    """Return a base and three experts of one architecture."""
    return write_family(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> torch.device:
    """Return a device. Without a GPU its tests are skipped."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("there is no CUDA device to merge on")
    return torch.device(request.param)
