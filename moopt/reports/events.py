"""What happened to a study, as rows."""

import csv
import io
from collections.abc import Sequence
from datetime import UTC

from moopt.reports.formatting import ABSENT
from moopt.reports.tables import Json, Table
from moopt.store.events import Event

COLUMNS = ("time", "trial", "state", "cause")


def event_table(events: Sequence[Event]) -> Table:
    """Return a table to read, in local time to the second."""
    rows = tuple(
        (
            each.time.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
            ABSENT if each.number is None else str(each.number),
            ABSENT if each.state is None else each.state.value,
            each.cause,
        )
        for each in events
    )
    return Table(COLUMNS, rows)


def events_to_json(study: str, events: Sequence[Event]) -> Json:
    """Return the events as JSON, the oldest first; times are in UTC."""
    return {"study": study, "events": [_event_to_json(each) for each in events]}


def events_to_csv(events: Sequence[Event]) -> str:
    """Return the events as CSV with a header; what there is not is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, ["time", "trial", "state", "cause", "driver", "revision"])
    writer.writeheader()
    writer.writerows(_event_to_json(each) for each in events)
    return text.getvalue()


def _event_to_json(event: Event) -> Json:
    return {
        "time": event.time.astimezone(UTC).isoformat(),
        "trial": event.number,
        "state": None if event.state is None else event.state.value,
        "cause": event.cause,
        "driver": event.driver,
        "revision": event.revision,
    }
