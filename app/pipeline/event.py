"""What a source says, as collected: sightings, rejects, and that a place is unchanged."""

import hashlib
import math
import re
from dataclasses import dataclass
from datetime import date, time
from operator import attrgetter
from typing import Final, overload

LONGEST_NAME: Final = 500
"""Characters of a name; more is not a title."""
LONGEST_REFERENCE: Final = 200
"""Characters; a longer reference is replaced by its digest, so that it fits a PostgreSQL index entry."""
LONGEST_RAW: Final = 2_000
"""Characters of a refused text that are kept."""

# jsonb refuses U+0000; UTF-8 has no lone surrogates.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What one source said about one occurrence of an event, before any normalising.

    Texts are the source's own, blank when it said nothing; characters that PostgreSQL cannot store are taken
    out. Dates and times are on the wall clock of `time_zone`. `pydantic_core.to_json` and
    `pydantic.TypeAdapter(Sighting)` carry it to JSON and back unchanged.

    Raises:
        ValueError: a required text is blank, the name is too long, a coordinate is not on Earth, or a time
            carries a zone of its own.
    """

    source: str
    """Name of the entry in the list of sources."""
    kind: str
    """Kind of the source, such as `icalendar`."""
    place: str
    """File or URL that was read."""
    reference: str
    """The source's own stable id of this occurrence, unique within `source` and `place`."""
    name: str
    """The event's title."""
    start_date: date
    """Day on which it starts."""
    start_time: time | None = None
    """Time at which it starts; None when the source names only the day."""
    end_date: date | None = None
    """Day on which it ends, inclusive; None when not said."""
    end_time: time | None = None
    """Time at which it ends; before `start_time` on the same day it means the next day."""
    time_zone: str | None = None
    """IANA name or UTC offset (`-08:00`) or what the source wrote; None is the venue's own time."""
    weekday: str = ""
    """Day of the week as written; it may contradict the date."""
    description: str = ""
    """Plain text."""
    event_type: str = ""
    """What the source calls it: `social dance`, `class`, `DanceEvent`."""
    dance_style: str = ""
    """Styles, categories or keywords, separated by commas."""
    price: str = ""
    """Price as written: `$15 at the door`, `Free`, `10 - 20`."""
    currency: str | None = None
    """ISO 4217 code, when the format has a field for it."""
    location: str = ""
    """Where it takes place, in one line, as written."""
    venue_name: str = ""
    street: str = ""
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""
    latitude: float | None = None
    """Degrees north, WGS 84."""
    longitude: float | None = None
    """Degrees east, WGS 84."""
    organiser: str = ""
    publisher: str = ""
    """Where the source itself has it from (column `source` of the team's CSV)."""
    url: str = ""
    """The event's own page."""
    cancelled: bool = False
    """The source says that it does not take place."""
    updated: str = ""
    """When the source last changed it, as given."""
    line: int | None = None
    """Line of the file, where lines mean something; from 1."""
    notes: tuple[str, ...] = ()
    """What reading it had to interpret, such as `24:30 read as 00:30 of the next day`."""

    def __post_init__(self) -> None:
        """Take out what cannot be stored; refuse what cannot be an event."""
        together = "".join(filter(None, _texts_of(self)))
        if not together.isprintable() and _UNSTORABLE.search(together):
            for field in _TEXTS:
                object.__setattr__(self, field, _storable(getattr(self, field)))
        if self.notes:
            object.__setattr__(self, "notes", tuple(_storable(note) for note in self.notes))
        for field, text in zip(_REQUIRED, _required_of(self), strict=True):
            if not text or text.isspace():
                raise ValueError(f"no {field}")
        if len(self.name) > LONGEST_NAME:
            raise ValueError(f"the name has {len(self.name)} characters, at most {LONGEST_NAME} are a title")
        if len(self.reference) > LONGEST_REFERENCE:
            digest = hashlib.sha256(self.reference.encode()).hexdigest()
            object.__setattr__(self, "reference", f"sha256:{digest}")
        if self.latitude is not None or self.longitude is not None:
            _check_degrees("latitude", self.latitude, 90)
            _check_degrees("longitude", self.longitude, 180)
        if (self.start_time and self.start_time.tzinfo) or (self.end_time and self.end_time.tzinfo):
            raise ValueError("a time carries its own zone; it belongs into time_zone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """Something in a source that is not an event, with the reason: kept, never silently dropped."""

    source: str
    """Name of the entry in the list of sources."""
    kind: str
    """Kind of the source, such as `csv`."""
    place: str
    """File or URL that was read."""
    reason: str
    """What is wrong with it, for a person."""
    raw: str
    """The refused text, its first `LONGEST_RAW` characters."""
    line: int | None = None
    """Line of the file, where lines mean something; from 1."""

    def __post_init__(self) -> None:
        """Take out what cannot be stored and cut what is too long to keep."""
        object.__setattr__(self, "reason", _storable(self.reason))
        object.__setattr__(self, "raw", _storable(self.raw[:LONGEST_RAW]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """All sightings and rejects that the source gave of this place last time still stand."""

    source: str
    """Name of the entry in the list of sources."""
    place: str
    """File or URL, equal to the `place` of what it gave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A place could not be read this time: what it gave before stands, and the run says so and ends with 1."""

    source: str
    """Name of the entry in the list of sources."""
    place: str
    """File or URL, equal to the `place` of what it gave."""
    reason: str
    """Why, for a person."""


Finding = Sighting | Reject | Unchanged | Unread
"""What a source yields."""

_TEXTS: Final = tuple(name for name, kind in Sighting.__annotations__.items() if kind in (str, str | None))
_REQUIRED: Final = ("source", "kind", "place", "reference", "name")
# One call each for 16 and 5 fields: a source has 100,000 of these.
_texts_of = attrgetter(*_TEXTS)
_required_of = attrgetter(*_REQUIRED)


@overload
def _storable(text: str) -> str: ...
@overload
def _storable(text: None) -> None: ...
def _storable(text: str | None) -> str | None:
    return text and _UNSTORABLE.sub("", text)


def _check_degrees(field: str, value: float | None, limit: int) -> None:
    if value is not None and not (math.isfinite(value) and -limit <= value <= limit):
        raise ValueError(f"{field} {value} is not between -{limit} and {limit}")
