"""iCalendar (RFC 5545): the occurrences of a calendar's events in a window of days."""

import hashlib
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import islice
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events
from icalendar.error import GloballyUniqueTZIDGuessed
from icalendar.prop import vBroken
from icalendar.timezone import tzp
from icalendar.timezone.zoneinfo import ZONEINFO

from app.pipeline.event import Reject, Sighting
from app.pipeline.sources.formats.moments import offset_name
from app.pipeline.sources.formats.origin import Origin
from app.pipeline.sources.formats.recurrence import check_recurrence, moment_of
from app.pipeline.sources.formats.text import one_line, plain

MOST_OCCURRENCES: Final = 1_000
"""Occurrences of one event in the window; the rest is a reject."""

# What icalendar, recurring-ical-events and dateutil raise on hostile input, which reaches all their corners.
_MALFORMED: Final = (
    *(ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError),
    AssertionError,  # by which icalendar refuses to write a property that it has read
)

_ESSENTIAL: Final = frozenset(
    {"DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID", "SUMMARY"}
)
_BROKEN: Final = re.compile(r"Cannot access '\w+' on broken property '([\w-]+)' \(.*?\): ")

Component = icalendar.Component


def read_calendar(text: str, origin: Origin, first: date, last: date) -> Iterator[Sighting | Reject]:
    """The occurrences between two days.

    Args:
        text: the whole calendar.
        origin: where it was read.
        first: first day of the window; what still goes on then belongs to it.
        last: last day of the window.

    Yields:
        A sighting for each occurrence, a reject for each event that makes no sense.

    Raises:
        SourceError: it is not a calendar.
    """
    # icalendar keeps the zones that one calendar defines for all others: two strangers' `Local` must not mix.
    tzp.use(_Zones())
    try:
        with warnings.catch_warnings(action="ignore", category=GloballyUniqueTZIDGuessed):
            components = icalendar.Calendar.from_ical(text, multiple=True)
    except _MALFORMED as error:
        raise origin.failure(f"is not an iCalendar: {_reason(error)}") from error
    calendars = [component for component in components if component.name == "VCALENDAR"]
    if not calendars:
        raise origin.failure("is not an iCalendar: it holds no VCALENDAR")
    return origin.distinct(_findings(calendars, origin, first, last))


class _Zones(ZONEINFO):
    """IANA's zones; a name that no file can have is as unknown as one that no file has."""

    def timezone(self, name: str) -> tzinfo | None:
        try:
            return super().timezone(name)
        except OSError:  # `America`, which is a directory, or a name of a thousand characters
            return None


def _findings(
    calendars: Iterable[Component], origin: Origin, first: date, last: date
) -> Iterator[Sighting | Reject]:
    for calendar in calendars:
        zones = calendar.walk("VTIMEZONE")
        by_uid: defaultdict[str, list[Component]] = defaultdict(list)
        for event in calendar.walk("VEVENT"):
            by_uid[str(event.get("UID", "")) or _digest(event)].append(event)
        for uid, components in by_uid.items():
            for events in _apart(components):
                raw = _raw(events[0])
                recurs = len(components) > 1 or "RRULE" in events[0] or "RDATE" in events[0]
                try:
                    notes = [note for event in events for note in _without_malformed(event)]
                    found = _occurrences(zones, events, first, last)
                    series = _Series(uid, recurs, _parameter(events[0], "TZID"), calendar, notes, raw)
                    for occurrence in found[:MOST_OCCURRENCES]:
                        yield _sighting(occurrence, series, origin)
                except _MALFORMED as error:
                    yield origin.reject(_reason(error), raw)
                    continue
                if len(found) > MOST_OCCURRENCES:
                    yield origin.reject(f"more than {MOST_OCCURRENCES} occurrences", raw)


def _apart(components: list[Component]) -> list[list[Component]]:
    """The components of one UID: a series with its moved occurrences, or what only shares the UID.

    Some programs write each occurrence as an event of its own under one UID; expanding these as a series
    would lose all but one.
    """
    moved = [event for event in components if "RECURRENCE-ID" in event]
    begins = [event for event in components if "RECURRENCE-ID" not in event]
    return [[*begins[:1], *moved], *([event] for event in begins[1:])]


class _Series(NamedTuple):
    """What holds for all occurrences of one event."""

    uid: str
    recurs: bool
    tzid: str
    calendar: Component
    notes: list[str]
    raw: str

    @property
    def calendar_zone(self) -> str | None:
        """The zone that the calendar names for all its events."""
        return str(self.calendar.get("X-WR-TIMEZONE", "")) or None

    @property
    def called_off(self) -> bool:
        """The calendar is a message that cancels its events."""
        return str(self.calendar.get("METHOD", "")).upper() == "CANCEL"


def _without_malformed(event: Component) -> Iterator[str]:
    """Take out malformed properties that an event can do without; a note for each."""
    for name in [name for name, value in event.items() if isinstance(value, vBroken)]:
        if name not in _ESSENTIAL:
            del event[name]
            yield f"{name} is malformed"


def _occurrences(zones: list[Component], events: list[Component], first: date, last: date) -> list[Component]:
    for event in events:
        check_recurrence(event)
    calendar = icalendar.Calendar()
    for component in (*zones, *events):
        calendar.add_component(component)
    found = recurring_ical_events.of(calendar).between(first, last + timedelta(days=1))
    return sorted(islice(found, MOST_OCCURRENCES + 1), key=lambda event: str(moment_of(event, "DTSTART")))


def _sighting(event: Component, series: _Series, origin: Origin) -> Sighting | Reject:
    start = moment_of(event, "DTSTART")
    start_date, start_time = _wall_clock(start)
    zone, zone_note = _zone(start, series)
    end_date, end_time = _end(event, start)
    latitude, longitude = _position(event)
    status = str(event.get("STATUS", "")).upper()
    return origin.sighting(
        reference=_reference(event, series),
        name=one_line(str(event.get("SUMMARY", ""))),
        start_date=start_date,
        start_time=start_time,
        end_date=end_date,
        end_time=end_time,
        time_zone=zone,
        description=plain(str(event.get("DESCRIPTION", ""))),
        dance_style=_categories(event),
        location=one_line(str(event.get("LOCATION", ""))),
        latitude=latitude,
        longitude=longitude,
        organiser=_organiser(event),
        url=str(event.get("URL", "")).strip(),
        cancelled=series.called_off or status == "CANCELLED",
        updated=_updated(event),
        notes=(*series.notes, *zone_note, *(["tentative"] if status == "TENTATIVE" else [])),
        raw=series.raw,
    )


def _wall_clock(moment: date | datetime) -> tuple[date, time | None]:
    if isinstance(moment, datetime):
        return moment.date(), moment.time().replace(microsecond=0)
    return moment, None


def _end(event: Component, start: date | datetime) -> tuple[date | None, time | None]:
    """The end on the start's wall clock; a whole day ends with itself, RFC 5545 names the day after."""
    if "DTEND" not in event:
        return None, None
    end = moment_of(event, "DTEND")
    if not isinstance(end, datetime):
        return max(end - timedelta(days=1), _wall_clock(start)[0]), None
    if isinstance(start, datetime) and start.tzinfo and end.tzinfo:
        end = end.astimezone(start.tzinfo)
    return None if end == start else end.date(), None if end == start else _wall_clock(end)[1]


def _zone(start: date | datetime, series: _Series) -> tuple[str | None, list[str]]:
    """IANA name where there is one, else the offset that the calendar defines, else the calendar's own zone."""
    if not isinstance(start, datetime):
        return None, []
    if isinstance(start.tzinfo, ZoneInfo):
        return start.tzinfo.key, []
    offset = start.utcoffset()
    if offset is not None:
        return offset_name(offset), []
    if series.tzid and series.calendar_zone:
        return series.calendar_zone, [f"unknown time zone {series.tzid} read as {series.calendar_zone}"]
    return series.tzid or series.calendar_zone, []


def _reference(event: Component, series: _Series) -> str:
    """UID, with the day and time that the recurrence rule meant; a moved occurrence keeps it."""
    meant: Any = event.get("RECURRENCE-ID") if series.recurs else None
    return f"{series.uid}/{meant.to_ical().decode()}" if meant is not None else series.uid


def _parameter(event: Component, name: str) -> str:
    return str(getattr(event.get("DTSTART"), "params", {}).get(name, ""))


def _categories(event: Component) -> str:
    values: Any = event.get("CATEGORIES", [])
    groups = values if isinstance(values, list) else [values]
    return ", ".join(str(one) for group in groups for one in getattr(group, "cats", []))


def _position(event: Component) -> tuple[float | None, float | None]:
    place: Any = event.get("GEO")
    return (None, None) if place is None else (float(place.latitude), float(place.longitude))


def _organiser(event: Component) -> str:
    organiser: Any = event.get("ORGANIZER", "")
    name = getattr(organiser, "params", {}).get("CN", "")
    return one_line(str(name or organiser).removeprefix("mailto:").removeprefix("MAILTO:"))


def _updated(event: Component) -> str:
    return moment_of(event, "LAST-MODIFIED").isoformat() if "LAST-MODIFIED" in event else ""


def _digest(event: Component) -> str:
    return hashlib.sha256(_raw(event).encode("utf-8", "replace")).hexdigest()


def _raw(event: Component) -> str:
    try:
        return str(event.to_ical().decode("utf-8", "replace")).replace("\r\n", "\n")
    except _MALFORMED:
        return str(event)


def _reason(error: BaseException) -> str:
    text = (str(error) or type(error).__name__).strip().splitlines()[0]
    return _BROKEN.sub(r"\1: ", text)[:200]
