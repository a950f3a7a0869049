import pytest

from moopt.cli.sizes import size_in_bytes
from moopt.errors import SelectionError


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("8GB", 8_000_000_000),
        ("8 GiB", 8 * 2**30),
        ("0.5gb", 500_000_000),
        ("500MB", 500_000_000),
        ("12", 12),
    ],
)
def test_a_size_is_a_number_of_bytes(text: str, size: int) -> None:
    assert size_in_bytes(text, "--memory-limit") == size


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "0", "8 gigabytes", "1e9"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(SelectionError, match="--memory-limit is a number of bytes such as 5GB"):
        size_in_bytes(text, "--memory-limit")
