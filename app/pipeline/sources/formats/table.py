"""The team's CSV of events, as exported by databases, pandas and spreadsheets."""

import csv
import hashlib
import io
from collections.abc import Iterator
from datetime import date, time, timedelta
from typing import Final

from app.pipeline.event import Reject, Sighting
from app.pipeline.sources.formats.moments import read_moment, read_time
from app.pipeline.sources.formats.origin import Origin
from app.pipeline.sources.formats.text import one_line, plain

REQUIRED: Final = frozenset({"event_name", "start_date"})
COLUMNS: Final = (
    *("event_name", "start_date", "end_date", "start_time", "end_time", "day_of_week", "event_type"),
    *("dance_style", "description", "price", "location", "url", "source", "time_stamp"),
)
"""Columns that are read; others (`event_id` and `address_id` belong to another database) are not."""

_IDENTITY: Final = ("event_name", "start_date", "start_time", "location", "url")
_NOTHING: Final = frozenset({"", "nan", "nat", "none", "null", "<na>", "\\n"})
_LONGEST_NOTHING: Final = 4

Row = dict[str, str]


def read_table(text: str, origin: Origin) -> Iterator[Sighting | Reject]:
    """The events of a table; commas, semicolons and tabs separate.

    Args:
        text: the whole file.
        origin: where it was read.

    Yields:
        A sighting or a reject for each row, in order.

    Raises:
        SourceError: it is not a table of events.
    """
    return origin.distinct(_rows(text, origin))


def _rows(text: str, origin: Origin) -> Iterator[Sighting | Reject]:
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    try:
        header = [name.strip().lower() for name in next(reader, [])]
    except csv.Error as error:
        raise origin.failure(f"is not a table: {error}") from error
    missing = sorted(REQUIRED - set(header))
    if missing:
        raise origin.failure(f"is not a table of events: it has no column {' and no column '.join(missing)}")
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader, None)
        except csv.Error as error:
            yield origin.reject(f"not CSV: {error}", "", line)
            continue
        if fields is None:
            return
        if len(fields) != len(header) and any(fields):
            wrong = f"{len(fields)} fields under {len(header)} column names"
            yield origin.reject(wrong, ",".join(fields), line)
        elif any(fields):
            row = {
                name: "" if len(text) <= _LONGEST_NOTHING and text.lower() in _NOTHING else text
                for name, text in zip(header, map(str.strip, fields), strict=True)
            }
            yield _event(row, origin, line, fields)


def _event(row: Row, origin: Origin, line: int, fields: list[str]) -> Sighting | Reject:
    notes: list[str] = []
    try:
        if not row["start_date"]:
            raise ValueError("no start_date")  # noqa: TRY301 - one way out for every reason
        start = read_moment(row["start_date"]).day
        end = read_moment(row["end_date"]).day if row.get("end_date") else None
        start, start_time = _clock(row.get("start_time", ""), start, notes)
        until, end_time = _clock(row.get("end_time", ""), end or start, notes)
    except (ValueError, OverflowError) as error:
        return origin.reject(str(error), ",".join(fields), line)
    return origin.sighting(
        reference=hashlib.sha256("\x1f".join(row.get(name, "") for name in _IDENTITY).encode()).hexdigest(),
        name=one_line(row["event_name"]),
        start_date=start,
        start_time=start_time,
        end_date=until if end or until != start else None,
        end_time=end_time,
        weekday=row.get("day_of_week", ""),
        event_type=row.get("event_type", ""),
        dance_style=row.get("dance_style", ""),
        description=plain(row.get("description", "")),
        price=row.get("price", ""),
        location=one_line(row.get("location", "")),
        url=row.get("url", ""),
        publisher=row.get("source", ""),
        updated=row.get("time_stamp", ""),
        notes=tuple(notes),
        line=line,
        raw=",".join(fields),
    )


def _clock(text: str, day: date, notes: list[str]) -> tuple[date, time | None]:
    """The time, and the day that it falls on: `24:30` is 00:30 of the next day."""
    if not text:
        return day, None
    clock, days = read_time(text)
    if days:
        notes.append(f"{text} read as {clock:%H:%M} of the next day")
    return day + timedelta(days=days), clock
