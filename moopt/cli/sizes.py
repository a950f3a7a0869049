"""Sizes as people write them."""

import re

from moopt.errors import SelectionError

UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
"""Bytes in what a size is given in."""


def size_in_bytes(text: str, option: str) -> int:
    """Return how many bytes a size such as 5GB or 500MiB has.

    Args:
        text: The size.
        option: What it was given to, for the message.

    Raises:
        SelectionError: It is no size, or 0.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) *([A-Z]*)", text.strip().upper())
    size = 0
    if found is not None and found[2] in UNITS:
        size = int(float(found[1]) * UNITS[found[2]])
    if size <= 0:
        raise SelectionError(
            f"{option} is a number of bytes such as 5GB, 500MB or 2GiB, got {text!r}"
        )
    return size
