"""Does a study say what the store has of it?"""

import json

from moopt.errors import StudyError
from moopt.store.tables import StudyRow
from moopt.study.serialization import Json, study_from_json, study_to_json
from moopt.study.study import Study

CHANGEABLE = frozenset({"start_with"})
"""What may change while a study has trials: the trials mean the same as before."""


def stored_study(row: StudyRow) -> Study:
    """Return a study with the references that were inferred for it."""
    return study_from_json(row.definition).with_references(row.inferred)


def differs(row: StudyRow, study: Study) -> list[str]:
    """Return the fields in which a study differs from the one of the same name."""
    asked = study_to_json(study)
    # A study that came out of the store has its inferred references filled in.
    return min(
        _differences(row.definition, asked),
        _differences(study_to_json(stored_study(row)), asked),
        key=len,
    )


def check_same(row: StudyRow, study: Study) -> None:
    """Refuse a study that differs from the one of the same name.

    Raises:
        StudyError: It does, other than in what may change.
    """
    asked = study_to_json(study)
    differing = differs(row, study)
    if differing:
        shown = "; ".join(
            f"{field} was {_shown(row.definition[field])} and is {_shown(asked[field])}"
            for field in differing
        )
        raise StudyError(
            f"study {study.name!r} differs from the one of that name in the store in "
            f"{', '.join(differing)}: {shown}. Rename the study, or take another store"
        )


def _differences(stored: Json, asked: Json) -> list[str]:
    return [
        field
        for field in asked
        if field not in CHANGEABLE and _text(stored.get(field)) != _text(asked[field])
    ]


def _text(value: object) -> str:
    """Return JSON text: unlike ==, it tells 1, 1.0 and true apart."""
    return json.dumps(value, sort_keys=True)


def _shown(value: object) -> str:
    text = _text(value)
    return text if len(text) <= 200 else f"{text[:197]}..."
