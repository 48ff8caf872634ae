"""The hours that an event's name says: doors at 8, band at 9."""

import re
from dataclasses import dataclass
from typing import Final

from app.pipeline.vocabulary import load

_ITEMS: Final = r"(?:free )?(?:" + "|".join(load("matching")["timetable"]) + r")\b"
_DIGITS: Final = r"\d\d?(?::[0-5]\d|h(?:[0-5]\d)?)?"
_HALF: Final = r"\s?[ap]\.?m\b\.?"
_UNTIL: Final = rf"(?:\s?[-\u2013]\s?{_DIGITS}(?:{_HALF})?)?"
_ITEM: Final = re.compile(
    rf"\b{_ITEMS}(?: opens?| starts?)?:?(?: (?:at|from|@))? ?(?P<after>{_DIGITS})(?:{_HALF})?{_UNTIL}(?![\w/])"
    rf"|(?<![\w:])(?P<before>{_DIGITS})(?:{_HALF})? {_ITEMS}",
    re.IGNORECASE,
)
_HOUR: Final = re.compile(
    rf"(?:\bat |@ ?)({_DIGITS})(?!\w)|\b({_DIGITS}){_HALF}|\b(\d\d?:[0-5]\d|\d\d?h(?:[0-5]\d)?)\b|\b(noon|midnight)\b",
    re.IGNORECASE,
)
_MENTION: Final = re.compile(r"\d|noon|midnight", re.IGNORECASE)
_HALF_A_DAY: Final = 12


@dataclass(frozen=True, slots=True)
class Timetable:
    """What a name says of hours.

    Attributes:
        rest: the name without the items of its timetable.
        hours: in minutes after noon or midnight.
    """

    rest: str
    hours: frozenset[int]


def timetable_of(name: str) -> Timetable:
    """Take the timetable out of a name: its doors, or two items and more; one alone is the event itself."""
    if not _MENTION.search(name):
        return Timetable(name, frozenset())
    hours = {_minutes(next(filter(None, found))) for found in _HOUR.findall(name)}
    items = list(_ITEM.finditer(name))
    if len(items) < 2 and not any("doors" in item[0].casefold() for item in items):  # noqa: PLR2004
        return Timetable(name, frozenset(hours))
    hours |= {_minutes(item["after"] or item["before"]) for item in items}
    return Timetable(_ITEM.sub(" ", name), frozenset(hours))


def _minutes(hour: str) -> int:
    if not hour[0].isdigit():
        return 0
    whole, _, minutes = hour.casefold().replace("h", ":").partition(":")
    return int(whole) % _HALF_A_DAY * 60 + int(minutes or 0)
