"""In what two definitions of a study differ, for reading."""

import json
from collections.abc import Sequence

from moopt.study.serialization import Json

CHANGEABLE = frozenset({"start_with"})
"""What may change while a study has trials: the trials mean the same as before."""

_NAMED = {
    "parameters": "parameter",
    "objectives": "objective",
    "outcome_constraints": "outcome constraint",
}
"""Fields that hold things with names, and what one of them is called."""


def differences(stored: Json, asked: Json) -> list[str]:
    """Return in what a definition differs from the stored one, a phrase each."""
    told: list[str] = []
    for field, value in asked.items():
        before = stored.get(field)
        if field in CHANGEABLE or text(before) == text(value):
            continue
        if field in _NAMED:
            told += _of_named(_NAMED[field], before or [], value)
        else:
            told.append(f"{field.replace('_', ' ')} was {_shown(before)} and is {_shown(value)}")
    return told


def text(value: object) -> str:
    """Return JSON text: unlike ==, it tells 1, 1.0 and true apart."""
    return json.dumps(value, sort_keys=True)


def _of_named(kind: str, before: Sequence[Json], now: Sequence[Json]) -> list[str]:
    old, new = ({each["name"]: each for each in side} for side in (before, now))
    told = [f"{kind} {name!r} is gone" for name in old if name not in new]
    told += [f"{kind} {name!r} is new" for name in new if name not in old]
    for name, each in new.items():
        was = old.get(name, each)
        told += [
            f"{kind} {name!r}: {field.replace('_', ' ')} was {_shown(was.get(field))} and is "
            f"{_shown(each.get(field))}"
            for field in {**was, **each}
            if text(was.get(field)) != text(each.get(field))
        ]
    return told or [f"the order of the {kind}s"]


def _shown(value: object) -> str:
    written = text(value)
    return written if len(written) <= 100 else f"{written[:97]}..."
