"""A schema.org `Schedule` to the days on which its event takes place (https://schema.org/Schedule)."""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any, Final, Literal, NamedTuple
from zoneinfo import available_timezones

from dateutil import rrule

from app.pipeline.sources.formats.moments import Moment, read_moment, read_time

MOST_OCCURRENCES: Final = 1_000
"""Of one schedule, within the days that are asked for."""

_FREQUENCIES: Final[dict[str, Literal[0, 1, 2, 3]]] = {
    "Y": rrule.YEARLY,
    "M": rrule.MONTHLY,
    "W": rrule.WEEKLY,
    "D": rrule.DAILY,
}
_WORDS: Final = {"daily": "P1D", "weekly": "P1W", "biweekly": "P2W", "monthly": "P1M", "yearly": "P1Y", "annually": "P1Y"}  # fmt: skip
_PERIOD: Final = re.compile(r"P(\d{1,3})([YMWD])", re.IGNORECASE)
_DURATION: Final = re.compile(r"P(?:(\d{1,2})D)?(?:T(?:(\d{1,3})H)?(?:(\d{1,4})M)?(?:\d+S)?)?", re.IGNORECASE)
_WEEKDAYS: Final = {"mo": rrule.MO, "tu": rrule.TU, "we": rrule.WE, "th": rrule.TH, "fr": rrule.FR, "sa": rrule.SA, "su": rrule.SU}  # fmt: skip
_DAY: Final = re.compile(r"([+-]?[1-5])?\s*(mo|tu|we|th|fr|sa|su)[a-z]*", re.IGNORECASE)
_FIRST_YEAR: Final = 1970
_MOST_PARTS: Final = 60


class Days(NamedTuple):
    """From which day to which, both included."""

    first: date
    last: date


class Times(NamedTuple):
    """When one occurrence starts and ends."""

    start: Moment
    end: Moment | None


def occurrences(schedule: Any, event: Times | None, days: Days) -> list[Times]:
    """The occurrences of an event within some days.

    What the schedule leaves out, its first day or its hours, is the event's own. A UTC offset is that of one
    day only: without a `scheduleTimezone` the hours are taken for the venue's own.

    Args:
        schedule: the JSON-LD object.
        event: when the event itself says that it takes place.
        days: no others are looked at, and so no schedule is endless.

    Raises:
        ValueError: it is no schedule, or one that no event has; the message goes on from "its eventSchedule".
    """
    if not isinstance(schedule, dict):
        raise ValueError("is no object")  # noqa: TRY004 - bad data, not a bad argument
    first, clock = _first(schedule, event)
    zone = _zone(schedule, event)
    length = _length(schedule, event, clock)
    excepted = {_moment(said) for said in _texts(schedule, "exceptDate")}
    starts = _starts(schedule, datetime.combine(first, clock or time()), days.last)
    found = (
        start
        for start in starts
        if start.date() >= days.first
        and not excepted & {Moment(start.date()), Moment(start.date(), start.time())}
    )
    return [_times(start, clock, length, zone) for start in islice(found, MOST_OCCURRENCES)]


def _starts(schedule: dict[str, Any], first: datetime, last: date) -> Iterator[datetime]:
    frequency, interval = _rhythm(schedule)
    end = min(last, _moment(until).day) if (until := _text(schedule, "endDate")) else last
    if first.year < _FIRST_YEAR:
        raise ValueError(f"repeats since {first.year}")
    days = [_weekday(text) for text in _parts(schedule, "byDay")]
    weeks = _numbers(schedule, "byMonthWeek", -5, 5)
    if weeks and days:
        days = [day(week) for day in days for week in weeks]
    if frequency == rrule.WEEKLY and any(day.n for day in days):
        raise ValueError("names a week of the month and repeats weekly")
    try:
        rule = rrule.rrule(
            frequency,
            dtstart=first,
            interval=interval,
            until=datetime.combine(end, time.max),
            byweekday=days or None,
            bymonth=_numbers(schedule, "byMonth", 1, 12) or None,
            bymonthday=_numbers(schedule, "byMonthDay", -31, 31) or None,
        )
    except (ValueError, TypeError) as error:
        raise ValueError(f"makes no sense: {error}") from error
    # The count is not given to rrule: RFC 5545 permits it or an end, and this may have both.
    count = _numbers(schedule, "repeatCount", 0, 100_000)
    return islice(rule, count[0]) if count else iter(rule)


def _first(schedule: dict[str, Any], event: Times | None) -> tuple[date, time | None]:
    said = _text(schedule, "startDate")
    if not said and event is None:
        raise ValueError("has no startDate, nor has the event")
    start = _moment(said) if said else None
    day = start.day if start else event.start.day if event else date.min
    clock = start.clock if start else None
    if hour := _text(schedule, "startTime"):
        clock = _clock(hour)
    return day, clock or (event.start.clock if event else None)


def _zone(schedule: dict[str, Any], event: Times | None) -> str | None:
    zone = _text(schedule, "scheduleTimezone")
    if zone in available_timezones():
        return zone
    return "UTC" if event and event.start.zone == "UTC" and not _text(schedule, "startTime") else None


def _length(schedule: dict[str, Any], event: Times | None, clock: time | None) -> timedelta | None:
    """From the start of an occurrence to its end; None when nothing says."""
    if clock is None:
        return None
    start = datetime.combine(date(2000, 1, 1), clock)
    if hour := _text(schedule, "endTime"):
        end = datetime.combine(start.date(), _clock(hour))
        return end - start if end > start else end - start + timedelta(days=1)
    if found := _DURATION.fullmatch(_text(schedule, "duration")):
        length = timedelta(days=int(found[1] or 0), hours=int(found[2] or 0), minutes=int(found[3] or 0))
        return length or None
    if event and event.end and event.start.clock and event.end.clock:
        length = datetime.combine(event.end.day, event.end.clock) - datetime.combine(
            event.start.day, event.start.clock
        )
        return length if timedelta() < length <= timedelta(days=1) else None
    return None


def _times(start: datetime, clock: time | None, length: timedelta | None, zone: str | None) -> Times:
    begins = Moment(start.date(), clock, zone)
    if length is None:
        return Times(begins, None)
    end = start + length
    return Times(begins, Moment(end.date(), end.time(), zone))


def _rhythm(schedule: dict[str, Any]) -> tuple[Literal[0, 1, 2, 3], int]:
    said = _text(schedule, "repeatFrequency")
    if not said:
        if _texts(schedule, "byDay"):
            return rrule.WEEKLY, 1
        raise ValueError("has no repeatFrequency")
    found = _PERIOD.fullmatch(_WORDS.get(said.rpartition("/")[2].lower(), said))
    if not found or not int(found[1]):
        raise ValueError(f"repeats {said[:40]!r}, which is no rhythm of days, weeks, months or years")
    return _FREQUENCIES[found[2].upper()], int(found[1])


def _weekday(text: str) -> rrule.weekday:
    found = _DAY.fullmatch(text.rpartition("/")[2])
    if not found:
        raise ValueError(f"names {text[:40]!r}, which is no day of the week")
    day = _WEEKDAYS[found[2].lower()]
    return day(int(found[1])) if found[1] else day


def _numbers(schedule: dict[str, Any], field: str, least: int, most: int) -> list[int]:
    said = _parts(schedule, field)
    try:
        numbers = [int(text) for text in said]
    except ValueError as error:
        raise ValueError(f"has a {field} that is no number") from error
    if any(not least <= number <= most or (least < 0 and not number) for number in numbers):
        raise ValueError(f"has a {field} that is not between {least} and {most}")
    return numbers


def _clock(text: str) -> time:
    moment, days = read_time(text.removesuffix("Z"))
    if days:
        raise ValueError(f"has the hour {text[:40]!r}")
    return moment


def _moment(text: str) -> Moment:
    moment = read_moment(text)
    return Moment(moment.day, moment.clock)


def _text(schedule: dict[str, Any], field: str) -> str:
    return next(iter(_texts(schedule, field)), "")


def _texts(schedule: dict[str, Any], field: str) -> Sequence[str]:
    """A field's values as texts, however they are written: one, several, as objects."""
    value = schedule.get(field)
    values = value if isinstance(value, list) else [value]
    texts: list[str] = []
    for one in values[:_MOST_PARTS]:
        said = one.get("@value", one.get("@id")) if isinstance(one, dict) else one
        if isinstance(said, str | int | float) and not isinstance(said, bool):
            texts.append(str(said).strip())
    return [text for text in texts if text]


def _parts(schedule: dict[str, Any], field: str) -> list[str]:
    """The same where several may stand in one text, between commas."""
    parts = [part.strip() for text in _texts(schedule, field) for part in text.split(",")]
    return [part for part in parts if part][:_MOST_PARTS]
