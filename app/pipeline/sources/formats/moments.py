"""Dates and times as people and programs write them."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from functools import lru_cache
from typing import Final

from dateutil import parser

_AMBIGUOUS: Final = re.compile(r"\s*(\d{1,2})[/.-](\d{1,2})[/.-]\d{2,4}\b")
_MOST_MONTHS: Final = 12
_LONGEST: Final = 80
_HOUR: Final = re.compile(
    r"\s*(\d{1,2})(?:[:.h](\d{2}))?(?:[:.](\d{2})(?:\.\d+)?)?\s*(a\.?m\.?|p\.?m\.?)?\s*", re.IGNORECASE
)
# What a text does not name is taken from the default: two that have nothing in common show what is named.
_DEFAULTS: Final = (
    datetime(2004, 1, 1),  # noqa: DTZ001 - a wall clock
    datetime(2008, 2, 2),  # noqa: DTZ001 - a wall clock
)
_HALF_DAY: Final = 12
_HOURS: Final = 24


@dataclass(frozen=True, slots=True)
class Moment:
    """A day, perhaps with a time on a zone's wall clock."""

    day: date
    clock: time | None = None
    zone: str | None = None
    """UTC offset such as `-08:00`, `UTC`, or None when the text names none."""

    @property
    def instant(self) -> datetime | None:
        """The instant, when time and offset are known."""
        if self.clock is None or self.zone is None:
            return None
        return datetime.fromisoformat(
            f"{self.day}T{self.clock}{'+00:00' if self.zone == 'UTC' else self.zone}"
        )

    def seen_from(self, other: "Moment") -> "Moment":
        """The same instant on the other's wall clock; itself when one of the two has no offset."""
        here, there = self.instant, other.instant
        if here is None or there is None or self.zone == other.zone:
            return self
        moved = here.astimezone(there.tzinfo)
        return Moment(moved.date(), moved.time(), other.zone)


@lru_cache(maxsize=4_096)
def read_moment(text: str) -> Moment:
    """Read ISO 8601, or a date in words.

    Raises:
        ValueError: it is no date, it names no year, or `3/4/2026` leaves open what is the month.
    """
    text = text.strip()
    if not text or len(text) > _LONGEST:
        raise ValueError(f"{text[:_LONGEST]!r} is not a date")
    try:
        return Moment(date.fromisoformat(text))
    except ValueError:
        pass
    try:
        return _moment(datetime.fromisoformat(text))
    except ValueError:
        return _in_words(text)


@lru_cache(maxsize=4_096)
def read_time(text: str) -> tuple[time, int]:
    """Read a time of day: `20:30`, `8:30 pm`, `24:30`, `2h15`.

    Returns:
        The time, and how many days later it is: 1 for `24:30`.

    Raises:
        ValueError: it is no time.
    """
    found = _HOUR.fullmatch(text[:_LONGEST])
    if not found:
        raise ValueError(f"{text[:_LONGEST]!r} is not a time of day")
    hour, minute, second = (int(part or 0) for part in found.groups()[:3])
    half = (found[4] or "").lower()
    if half:
        if not 1 <= hour <= _HALF_DAY:
            raise ValueError(f"{text!r} is not a time of day")
        hour = hour % _HALF_DAY + (_HALF_DAY if half.startswith("p") else 0)
    days, hour = divmod(hour, _HOURS)
    if days > 1:
        raise ValueError(f"{text!r} is not a time of day")
    return time(hour, minute, second), days


def offset_name(offset: timedelta) -> str:
    """A UTC offset as text: `UTC`, `-08:00`; seconds are dropped."""
    minutes = round(offset.total_seconds() / 60)
    sign, (hours, minutes) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    return f"{sign}{hours:02}:{minutes:02}" if hours or minutes else "UTC"


def _in_words(text: str) -> Moment:
    numbers = _AMBIGUOUS.match(text)
    if numbers and int(numbers[1]) <= _MOST_MONTHS and int(numbers[2]) <= _MOST_MONTHS:
        raise ValueError(f"{text!r} leaves open which number is the month")
    try:
        first, second = (parser.parse(text, default=default, tzinfos=_offset) for default in _DEFAULTS)
    except (ValueError, ArithmeticError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"{text!r} is not a date") from error
    if first.date() != second.date():
        raise ValueError(f"{text!r} does not name day, month and year")
    return _moment(first) if re.search(r"\d\s*(?::|[ap]\.?m)", text, re.IGNORECASE) else Moment(first.date())


def _offset(_name: str | None, seconds: int | None) -> timezone | None:
    """The zone for dateutil; an abbreviation such as PST is none, it means the venue's own time."""
    return None if seconds is None else timezone(timedelta(seconds=seconds))


def _moment(moment: datetime) -> Moment:
    offset = moment.utcoffset()
    return Moment(
        moment.date(), moment.time().replace(microsecond=0), None if offset is None else offset_name(offset)
    )
