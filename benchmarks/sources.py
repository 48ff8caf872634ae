"""Reading: how long the formats take to become sightings, next to what they are made with."""

import csv
import io
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import icalendar
import recurring_ical_events

from app.pipeline.event import Unchanged
from app.pipeline.sources import Fetcher, FetchSettings, Remembered, collect, read_sources
from app.pipeline.sources.formats.calendar import read_calendar
from app.pipeline.sources.formats.origin import Origin
from app.pipeline.sources.formats.table import COLUMNS, read_table
from benchmarks.measure import ratio, table, take_turns

ROWS: Final = 100_000
SERIES: Final = 300
ROUNDS: Final = 3
TODAY: Final = date(2026, 3, 1)
LAST: Final = TODAY + timedelta(days=119)
ORIGIN: Final = Origin(source="benchmark", kind="csv", place="events.csv")


class _Memory(dict[tuple[str, str], Remembered]):
    """A memory for one run."""

    def recall(self, source: str, place: str) -> Remembered | None:
        return self.get((source, place))

    def remember(self, source: str, place: str, page: Remembered) -> None:
        self[source, place] = page


def events_csv(rows: int) -> str:
    """A table of so many events, with the team's columns."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for number in range(rows):
        day = TODAY + timedelta(days=number % 180)
        writer.writerow(
            (
                *(
                    f"Salsa {number}",
                    day,
                    day,
                    "20:00:00",
                    "23:30:00",
                    f"{day:%A}",
                    "social dance",
                    "salsa, bachata",
                ),
                *("Come and dance with us. " * 8, "$15", "Studio, 1312 Government St, Victoria, BC V8W 1Y8"),
                *(f"https://studio.example/{number}", "Studio", "2026-01-02 03:04:05"),
            )
        )
    return file.getvalue()


def weekly_calendar(series: int) -> str:
    """A calendar of so many weekly events without end."""
    event = (
        "BEGIN:VEVENT\r\nUID:{0}\r\nSUMMARY:Salsa {0}\r\nDTSTART;TZID=America/Vancouver:20260102T200000\r\n"
        "DTEND;TZID=America/Vancouver:20260102T230000\r\nRRULE:FREQ=WEEKLY\r\nLOCATION:Studio\r\nEND:VEVENT\r\n"
    )
    events = "".join(map(event.format, range(series)))
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}END:VCALENDAR\r\n"


def main() -> None:
    """Print the table."""
    text, calendar = events_csv(ROWS), weekly_calendar(SERIES)

    def bare_calendar() -> int:
        parsed = icalendar.Calendar.from_ical(calendar)
        return len(recurring_ical_events.of(parsed).between(TODAY, LAST + timedelta(days=1)))

    with TemporaryDirectory() as folder:
        path = Path(folder)
        (path / "events.csv").write_text(text)
        (path / "sources.toml").write_text('[[source]]\nname = "b"\nkind = "csv"\nplaces = ["events.csv"]\n')
        (source,) = read_sources(path / "sources.toml").sources
        memory = _Memory()

        def again() -> int:
            with Fetcher(FetchSettings(), memory, folder=path) as fetcher:
                return sum(1 for _ in collect(source, fetcher, TODAY))

        assert again() == ROWS
        with Fetcher(FetchSettings(), memory, folder=path) as fetcher:
            assert [type(finding) for finding in collect(source, fetcher, TODAY)] == [Unchanged]
        taken = take_turns(
            {
                "csv.DictReader": lambda: sum(1 for _ in csv.DictReader(io.StringIO(text))),
                "table": lambda: sum(1 for _ in read_table(text, ORIGIN)),
                "unchanged": again,
                "recurring-ical-events": bare_calendar,
                "calendar": lambda: sum(1 for _ in read_calendar(calendar, ORIGIN, TODAY, LAST)),
            },
            rounds=ROUNDS,
        )
    rows = [
        (f"{ROWS:,} CSV rows into sightings", "table", "csv.DictReader"),
        (f"{ROWS:,} CSV rows, unchanged", "unchanged", "csv.DictReader"),
        (f"{bare_calendar():,} occurrences of {SERIES} weekly events", "calendar", "recurring-ical-events"),
    ]
    cells = [
        (
            what,
            f"{taken[ours].median:.2f} s",
            f"{theirs} {taken[theirs].median:.2f} s",
            f"{ratio(taken[ours], taken[theirs]):.2f}",
        )
        for what, ours, theirs in rows
    ]
    print(table(("reading", "here", "bare", "ratio"), cells))
