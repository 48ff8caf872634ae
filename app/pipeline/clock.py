"""When an event takes place: wall clocks, time zones and the instants that they mean."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from app.pipeline.event import Sighting
from app.pipeline.vocabulary import load

_RULES: Final = load("clock")
DEFAULT_ZONE: Final[str] = _RULES["default"]
"""The zone of a venue that says nothing of where it is."""
_ALIASES: Final[dict[str, str]] = {name.casefold(): zone for name, zone in _RULES["aliases"].items()}
_WEEKDAYS: Final = {name.casefold(): day for day, names in enumerate(_RULES["weekdays"]) for name in names}
_OFFSET: Final = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})?", re.IGNORECASE)
_EARLIEST: Final = date(2000, 1, 2)
_LATEST: Final = date(2099, 11, 30)
_LONGEST: Final = timedelta(days=31)
_DAY: Final = timedelta(days=1)


class _Said(NamedTuple):
    """What a sighting says of its time; events repeat it, a weekly one apart from the date."""

    start_date: date
    start_time: time | None
    end_date: date | None
    end_time: time | None
    time_zone: str | None
    weekday: str


_said_by = attrgetter(*_Said._fields)


@dataclass(frozen=True, slots=True)
class When:
    """Instants, and the same on the venue's wall clock.

    Attributes:
        time_zone: IANA name.
        notes: what had to be interpreted.
        impossible: why no event can be then; blank when it can.
    """

    starts_at: datetime
    ends_at: datetime | None
    time_zone: str
    start_date: date
    start_time: time | None
    end_date: date | None
    end_time: time | None
    notes: tuple[str, ...] = ()
    impossible: str = ""


def settle(said: Sighting, venue_zone: str | None) -> When:
    """What a sighting's dates and times mean.

    The date wins over the weekday. An end before its start on the same day is on the next. A time that the
    clocks skip is read with the offset before they moved, as RFC 5545 says; of a time that they show twice
    the first is taken. What was read so is noted.

    Args:
        said: dates and times as the source wrote them.
        venue_zone: IANA name of the zone where it takes place; None when that is not known.
    """
    return _settle(_said_by(said), venue_zone)


@lru_cache(maxsize=50_000)
def _settle(fields: tuple[Any, ...], venue_zone: str | None) -> When:
    said = _Said(*fields)
    if not _EARLIEST <= said.start_date <= _LATEST:
        midnight = datetime.combine(said.start_date, time(), UTC)
        why = f"{said.start_date} is not between {_EARLIEST} and {_LATEST}"
        return When(midnight, None, "UTC", said.start_date, None, None, None, impossible=why)
    notes: list[str] = []
    written = said.start_date.weekday()
    if said.weekday and _WEEKDAYS.get(said.weekday.casefold().strip(" .,"), written) != written:
        notes.append(f"says {said.weekday}, but {said.start_date} is a {said.start_date:%A}: the date wins")
    spoken, home = _zones(said.time_zone, venue_zone, notes)
    if said.start_time is None:
        return _whole_days(said, home, notes)
    starts_at, local = _moment(said.start_date, said.start_time, spoken, home, notes)
    ends_at, local_end = _end(said, starts_at, spoken, home, notes)
    return When(
        starts_at,
        ends_at,
        home,
        local.date(),
        local.time(),
        local_end.date() if local_end else None,
        local_end.time() if local_end else None,
        tuple(notes),
    )


def _whole_days(said: _Said, home: str, notes: list[str]) -> When:
    starts_at, _ = _moment(said.start_date, time(), _zone(home), home, [])
    last = said.end_date
    if last is not None and not said.start_date <= last < said.start_date + _LONGEST:
        notes.append(f"the end {last} cannot be: left out")
        last = None
    return When(starts_at, None, home, said.start_date, None, last, None, tuple(notes))


def _end(
    said: _Said, starts_at: datetime, spoken: tzinfo, home: str, notes: list[str]
) -> tuple[datetime | None, datetime | None]:
    if said.end_time is None or said.start_time is None:
        return None, None
    day = said.end_date or said.start_date
    if day == said.start_date and said.end_time < said.start_time:
        day += _DAY
        notes.append(f"ends at {said.end_time:%H:%M}, past midnight: read as {day}")
    if not _EARLIEST <= day <= _LATEST:
        notes.append(f"the end {day} cannot be: left out")
        return None, None
    ends_at, local = _moment(day, said.end_time, spoken, home, notes)
    if ends_at == starts_at:
        return None, None
    if not starts_at < ends_at < starts_at + _LONGEST or local.date() < said.start_date - _DAY:
        notes.append(f"the end {day} {said.end_time:%H:%M} cannot be: left out")
        return None, None
    return ends_at, local


def _moment(day: date, clock: time, spoken: tzinfo, home: str, notes: list[str]) -> tuple[datetime, datetime]:
    """The instant of a wall clock's time, and the venue's wall clock (naive) at that instant."""
    wall = datetime.combine(day, clock.replace(tzinfo=None, fold=0))
    there = _zone(home)
    offset = _steady_offset(spoken, day)
    if offset is not None and spoken is there:
        return (wall - offset).replace(tzinfo=UTC), wall
    instant = wall.replace(tzinfo=spoken).astimezone(UTC)
    back = instant.astimezone(spoken).replace(tzinfo=None)
    if back != wall:
        notes.append(f"{wall:%Y-%m-%d %H:%M} is skipped by the clocks: read as {back:%H:%M}")
    elif instant != wall.replace(tzinfo=spoken, fold=1).astimezone(UTC):
        notes.append(f"{wall:%Y-%m-%d %H:%M} comes twice that night: the first is taken")
    return instant, instant.astimezone(there).replace(tzinfo=None, fold=0)


@lru_cache(maxsize=20_000)
def _steady_offset(zone: tzinfo, day: date) -> timedelta | None:
    """The offset from UTC that holds all of that day; None when the clocks move around it."""
    offsets = {datetime.combine(day + around * _DAY, time(), zone).utcoffset() for around in (-1, 0, 1, 2)}
    return offsets.pop() if len(offsets) == 1 else None


def _zones(said: str | None, venue_zone: str | None, notes: list[str]) -> tuple[tzinfo, str]:
    """The zone that the source's clock shows, and the one where the event takes place."""
    if not said:
        home = venue_zone or DEFAULT_ZONE
        return _zone(home), home
    found = _named(said)
    if found is None:
        home = venue_zone or DEFAULT_ZONE
        notes.append(f"the time zone {said[:80]!r} is unknown: read as {home}")
        return _zone(home), home
    if venue_zone:
        return found, venue_zone
    return found, found.key if isinstance(found, ZoneInfo) and "/" in found.key else DEFAULT_ZONE


@lru_cache(maxsize=2_000)
def _named(name: str) -> tzinfo | None:
    text = name.strip()
    text = _ALIASES.get(text.casefold(), text)
    if match := _OFFSET.fullmatch(text):
        sign, hours, minutes = match.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
        return timezone(offset if sign == "+" else -offset) if offset < _DAY else None
    try:
        return _zone(text)
    except (KeyError, OSError, ValueError):  # what ZoneInfo raises: unknown, a directory, not a name at all
        return None


@lru_cache(maxsize=2_000)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
