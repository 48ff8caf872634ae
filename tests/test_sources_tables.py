"""The team's CSV, with all that happens to CSVs on their way."""

import csv
import io
from collections.abc import Sequence
from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.event import Reject, Sighting
from app.pipeline.sources.failures import SourceError
from app.pipeline.sources.formats.origin import Origin
from app.pipeline.sources.formats.table import COLUMNS, read_table
from app.pipeline.sources.formats.text import decode

ORIGIN = Origin(source="team", kind="csv", place="events.csv")


def read(
    *rows: dict[str, str], header: Sequence[str] = COLUMNS, delimiter: str = ","
) -> list[Sighting | Reject]:
    """The findings of a table with these rows; a row names only what is not blank."""
    file = io.StringIO()
    writer = csv.DictWriter(file, header, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return list(read_table(file.getvalue(), ORIGIN))


def one(**row: str) -> Sighting:
    """The sighting of a single row."""
    (finding,) = read({"event_name": "Salsa", "start_date": "2026-03-06"} | row)
    assert isinstance(finding, Sighting)
    return finding


def test_a_row_says_what_it_says() -> None:
    """Every column arrives in its field, as written."""
    found = one(
        end_date="2026-03-07",
        start_time="20:00:00",
        end_time="01:30",
        day_of_week="Saturday",
        event_type="social dance, live music",
        dance_style="salsa",
        description="One\r\n\r\nTwo — ñ",
        price="$15",
        location="Hall,\n1 Street",
        url="https://a.example/1",
        source="Studio",
        time_stamp="2026-01-02 03:04:05",
    )
    assert (found.start_date, found.start_time) == (date(2026, 3, 6), time(20))
    assert (found.end_date, found.end_time) == (date(2026, 3, 7), time(1, 30))
    assert found.weekday == "Saturday"
    assert (found.event_type, found.dance_style, found.price) == ("social dance, live music", "salsa", "$15")
    assert (found.description, found.location) == ("One\n\nTwo — ñ", "Hall, 1 Street")
    assert (found.url, found.publisher, found.updated) == (
        "https://a.example/1",
        "Studio",
        "2026-01-02 03:04:05",
    )
    assert found.line == 2


@pytest.mark.parametrize("blank", ["", " ", "nan", "NaT", "None", "NULL", "\\N", "<NA>"])
def test_what_exporters_write_for_nothing_is_nothing(blank: str) -> None:
    """Blank times and the words of pandas and PostgreSQL for NULL are no text."""
    found = one(start_time=blank, end_date=blank, price=blank)
    assert (found.start_time, found.end_date, found.price) == (None, None, "")


@pytest.mark.parametrize("written", ["24:30", "24:30:00", "24:30:00.000"])
def test_a_time_past_midnight_is_the_next_days(written: str) -> None:
    """24:30 is half past midnight of the day after, with a note."""
    found = one(start_time="20:00", end_time=written)
    assert (found.end_date, found.end_time) == (date(2026, 3, 7), time(0, 30))
    assert found.notes == (f"{written} read as 00:30 of the next day",)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"event_name": ""}, "no name"),
        ({"event_name": "n" * 501}, "the name has 501 characters, at most 500 are a title"),
        ({"start_date": ""}, "no start_date"),
        ({"start_date": "2026-02-30"}, "'2026-02-30' is not a date"),
        ({"start_date": "3/4/2026"}, "'3/4/2026' leaves open which number is the month"),
        ({"start_date": "March 6"}, "'March 6' does not name day, month and year"),
        ({"start_time": "late"}, "'late' is not a time of day"),
        ({"end_date": "9999-12-31", "end_time": "25:00"}, "date value out of range"),
    ],
)
def test_a_bad_row_is_a_reject_with_line_reason_and_text(row: dict[str, str], reason: str) -> None:
    """It is reported, and the row after it is read."""
    good = {"event_name": "Bachata", "start_date": "2026-03-06"}
    first, bad, last = read(
        good, {"event_name": "Salsa", "start_date": "2026-03-06"} | row, good | {"url": "x"}
    )
    assert isinstance(bad, Reject)
    assert (bad.place, bad.line, bad.reason) == ("events.csv", 3, reason)
    assert bad.raw.startswith(row.get("event_name", "Salsa")[:100])
    assert isinstance(first, Sighting)
    assert isinstance(last, Sighting)


def test_lines_are_counted_through_multi_line_fields() -> None:
    """A reject's line is where its row begins in the file."""
    rows = [{"event_name": "A", "start_date": "2026-03-06", "description": "1\n2\n3"}, {"event_name": "B"}]
    assert [finding.line for finding in read(*rows)] == [2, 5]


def test_a_row_with_too_few_or_too_many_fields_is_a_reject() -> None:
    """A field more or less means that nothing is in its column."""
    found = list(read_table("event_name,start_date\nSalsa,2026-03-06,$5\nSalsa\n\n,\n", ORIGIN))
    assert [(f.line, f.reason) for f in found if isinstance(f, Reject)] == [
        (2, "3 fields under 2 column names"),
        (3, "1 fields under 2 column names"),
    ]
    assert len(found) == 2


def test_a_row_that_comes_twice_is_reported_once_more() -> None:
    """The second of two equal rows is a reject that names the line of the first."""
    row = {"event_name": "Salsa", "start_date": "2026-03-06"}
    first, second = read(row, row | {"description": "again"})
    assert isinstance(first, Sighting)
    assert isinstance(second, Reject)
    assert second.reason.startswith("the same event as before (line 2)")


def test_ids_of_another_database_are_ignored() -> None:
    """`event_id` and `address_id` change nothing, not even the reference."""
    row = {"event_name": "Salsa", "start_date": "2026-03-06"}
    plain = read(row)
    with_ids = read(row | {"event_id": "7", "address_id": "9"}, header=["event_id", *COLUMNS, "address_id"])
    assert plain == with_ids


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_spreadsheets_exports_are_read(delimiter: str, encoding: str) -> None:
    """A BOM, another encoding or another separator make no difference."""
    text = (
        delimiter.join(["Event_Name", " start_date"])
        + "\r\n"
        + delimiter.join(["Fête", "2026-03-06"])
        + "\r\n"
    )
    (found,) = read_table(decode(text.encode(encoding)), ORIGIN)
    assert isinstance(found, Sighting)
    assert found.name == "Fête"


@pytest.mark.parametrize("text", ["", "<html><p>Sign in, please</p></html>", "name,date\nSalsa,2026-03-06\n"])
def test_what_is_no_table_of_events_fails_as_a_whole(text: str) -> None:
    """A file without the columns that an event needs is not a table of a thousand rejects."""
    with pytest.raises(SourceError, match="no column event_name and no column start_date"):
        list(read_table(text, ORIGIN))


@given(st.lists(st.fixed_dictionaries({name: st.text(max_size=12) for name in COLUMNS}), max_size=8))
def test_no_row_is_ever_lost(rows: list[dict[str, str]]) -> None:
    """Every row that says anything is a sighting or a reject."""
    assert len(read(*rows)) == sum(any(row.values()) for row in rows)
