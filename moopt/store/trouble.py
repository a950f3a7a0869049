"""Which errors of a database pass by themselves, or when somebody frees some space."""

from sqlalchemy.exc import DBAPIError

_POSTGRESQL_CLASSES = frozenset(
    {
        "08",  # the connection broke or cannot be made
        "40",  # a deadlock or a conflict between transactions
        "53",  # no space, no memory, too many connections
        "57",  # the server shuts down, starts up or was killed
    }
)
"""Beginnings of SQLSTATE codes."""

_SQLITE_MESSAGES = ("database or disk is full", "database is locked", "disk i/o error")


def is_passing(error: DBAPIError) -> bool:
    """Say whether to try again."""
    if error.connection_invalidated:
        return True
    code = getattr(error.orig, "sqlstate", None)
    if code is not None:
        return str(code)[:2] in _POSTGRESQL_CLASSES
    said = str(error.orig).lower()
    # A connection that cannot be made at all has no code.
    return any(each in said for each in (*_SQLITE_MESSAGES, "connection", "could not connect"))
