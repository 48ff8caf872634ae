"""schema.org `eventSchedule`: which days a page that describes a repeating event means."""

import json
from collections.abc import Mapping
from datetime import date, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.pipeline.event import Reject, Sighting
from app.pipeline.sources.formats.origin import Origin
from app.pipeline.sources.formats.schedule import Days
from app.pipeline.sources.formats.structured_data import read_structured_data

URL = "https://www.hall.example/events/"
ORIGIN = Origin(source="hall", kind="jsonld", place=URL)
DAYS = Days(date(2026, 3, 1), date(2026, 3, 31))
EVENT: Mapping[str, object] = {
    "@type": "DanceEvent",
    "name": "Salsa",
    "startDate": "2026-03-06T20:00:00-08:00",
    "endDate": "2026-03-07T01:00:00-08:00",
}
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def page(schedule: object, **fields: object) -> str:
    """A page with an event on this schedule."""
    event = json.dumps({**EVENT, **fields, "eventSchedule": schedule})
    return f'<html><script type="application/ld+json">{event}</script></html>'


def findings(schedule: object, days: Days = DAYS, **fields: object) -> list[Sighting | Reject]:
    """What it gives."""
    return list(read_structured_data(page(schedule, **fields), ORIGIN, URL, days))


def march(*days: int) -> list[date]:
    """Days of March 2026."""
    return [date(2026, 3, day) for day in days]


@pytest.mark.parametrize(
    ("schedule", "days"),
    [
        ({"repeatFrequency": "P1W", "byDay": "https://schema.org/Friday"}, march(6, 13, 20, 27)),
        ({"repeatFrequency": "P1W", "byDay": ["Friday", "https://schema.org/Sunday"], "repeatCount": 3}, march(6, 8, 13)),
        ({"repeatFrequency": "P2W"}, march(6, 20)),
        ({"repeatFrequency": "Weekly", "byDay": "FR,SA", "endDate": "2026-03-14"}, march(6, 7, 13, 14)),
        ({"repeatFrequency": "P1W", "exceptDate": ["2026-03-13", "2026-03-20T20:00:00"]}, march(6, 27)),
        ({"repeatFrequency": "P1M", "byDay": "2FR"}, march(13)),
        ({"repeatFrequency": "P1M", "byDay": "Saturday", "byMonthWeek": -1}, march(28)),
        ({"repeatFrequency": "P1M", "byMonthDay": [10, 20]}, march(10, 20)),
        ({"repeatFrequency": "P1Y", "startDate": "2020-03-15"}, march(15)),
        ({"repeatFrequency": "P1D", "startDate": "2026-03-30"}, march(30, 31)),
        ({"repeatFrequency": "P1M", "byMonthDay": 30, "byMonth": 2}, []),
        ({"byDay": {"@id": "https://schema.org/Tuesday"}, "startDate": "2026-03-16"}, march(17, 24, 31)),
        ({"repeatFrequency": "P1D", "startDate": "2030-01-01"}, []),
    ],
)  # fmt: skip
def test_a_schedule_is_written_out(schedule: object, days: list[date]) -> None:
    """Rhythm, weekdays, counts, ends and exceptions, within the days that are asked for."""
    found = findings(schedule)
    assert [one.start_date for one in found if isinstance(one, Sighting)] == days
    assert len(found) == len(days)
    assert all(one.start_time == time(20) for one in found if isinstance(one, Sighting))


def test_an_occurrence_has_the_schedules_hours_in_the_venues_time() -> None:
    """An offset is that of the first day: after the clocks change it would be an hour off."""
    (found,) = findings(
        {"repeatFrequency": "P1W", "startTime": "19:30", "endTime": "00:30:00", "repeatCount": 1}
    )
    assert isinstance(found, Sighting)
    assert (found.start_time, found.end_date, found.end_time) == (time(19, 30), date(2026, 3, 7), time(0, 30))
    assert found.time_zone is None
    (zoned,) = findings(
        {
            "repeatFrequency": "P1W",
            "scheduleTimezone": "America/Toronto",
            "repeatCount": 1,
            "duration": "PT2H",
        }
    )
    assert isinstance(zoned, Sighting)
    assert (zoned.time_zone, zoned.end_time) == ("America/Toronto", time(22))
    (own,) = findings({"repeatFrequency": "P1W", "repeatCount": 1})
    assert isinstance(own, Sighting)
    assert (own.end_date, own.end_time) == (date(2026, 3, 7), time(1))


def test_two_schedules_of_a_day_are_two_occurrences() -> None:
    """A matinee and an evening have references of their own."""
    found = findings(
        [{"repeatFrequency": "P1W", "startTime": hour, "repeatCount": 1} for hour in ("15:00", "20:00")]
    )
    assert [one.start_time for one in found if isinstance(one, Sighting)] == [time(15), time(20)]
    assert len({one.reference for one in found if isinstance(one, Sighting)}) == 2


@pytest.mark.parametrize(
    ("schedule", "reason"),
    [
        ({"repeatFrequency": "PT1H"}, "no rhythm of days"),
        ({"repeatFrequency": "P0W"}, "no rhythm of days"),
        ({"repeatFrequency": "now and then"}, "no rhythm of days"),
        ({"repeatFrequency": "P1D", "startDate": "0001-01-01"}, "repeats since 1"),
        ({"repeatFrequency": "P1W", "byDay": "Someday"}, "no day of the week"),
        ({"repeatFrequency": "P1W", "byDay": "2FR"}, "repeats weekly"),
        ({"repeatFrequency": "P1M", "byMonth": 13}, "not between 1 and 12"),
        ({"repeatFrequency": "P1W", "repeatCount": "many"}, "is no number"),
        ({"repeatFrequency": "P1W", "exceptDate": "soon"}, "is not a date"),
        ({"repeatFrequency": "P1W", "startTime": "late"}, "is not a time of day"),
        ({}, "no repeatFrequency"),
        ("every Friday", "is no object"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_a_reject_and_the_event_stands(
    schedule: object, reason: str
) -> None:
    """The event's own day is still said."""
    bad, event = findings(schedule)
    assert isinstance(bad, Reject)
    assert reason in bad.reason
    assert isinstance(event, Sighting)
    assert event.start_date == date(2026, 3, 6)
    assert all(isinstance(one, Reject) for one in findings(schedule, startDate=None))


@settings(max_examples=40)
@given(
    names=st.sets(st.sampled_from(WEEKDAYS), min_size=1),
    first=st.dates(date(2025, 1, 1), date(2026, 4, 30)),
    weeks=st.integers(1, 3),
    count=st.none() | st.integers(0, 30),
    last=st.none() | st.dates(date(2026, 2, 1), date(2026, 4, 30)),
    excepted=st.sets(st.sampled_from(march(*range(1, 32))), max_size=5),
)
def test_weekly_schedules_are_what_counting_days_gives(
    *, names: set[str], first: date, weeks: int, count: int | None, last: date | None, excepted: set[date]
) -> None:
    """Against a walk over all days since the first."""
    schedule: dict[str, object] = {
        "repeatFrequency": f"P{weeks}W",
        "byDay": sorted(names),
        "startDate": first.isoformat(),
        "exceptDate": [day.isoformat() for day in sorted(excepted)],
    }
    schedule |= {} if count is None else {"repeatCount": count}
    schedule |= {} if last is None else {"endDate": last.isoformat()}
    monday = first - timedelta(days=first.weekday())
    walk = (first + timedelta(days=number) for number in range((DAYS.last - first).days + 1))
    comes = [day for day in walk if WEEKDAYS[day.weekday()] in names and not (day - monday).days // 7 % weeks]
    expected = [
        day
        for day in comes[:count]
        if DAYS.first <= day and (last is None or day <= last) and day not in excepted
    ]
    assert [one.start_date for one in findings(schedule) if isinstance(one, Sighting)] == expected
