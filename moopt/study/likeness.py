"""Which failures are alike: their messages differ in names, paths and numbers only."""

import re

_NAMES = re.compile(r"'[^']*'|\S*/\S*|\d+")


def likeness(message: str) -> str:
    """Return what a message has in common with those of other trials that fail in the same way."""
    return _NAMES.sub("", message)
