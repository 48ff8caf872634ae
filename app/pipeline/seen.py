"""A sighting as it is stored: what its source said, when it was first seen, what names its event."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import TypeAdapter

from app.pipeline.event import Sighting
from app.pipeline.text import digest, fold

_ONE: Final = TypeAdapter(Sighting).serializer
_MANY: Final = TypeAdapter(list[Sighting])


@dataclass(frozen=True, slots=True)
class Seen:
    """A stored sighting; `live` while its source gives it."""

    key: str
    identity: str
    first_seen_at: datetime
    live: bool
    said: Sighting


def key_of(sighting: Sighting) -> str:
    """What a sighting is stored under."""
    return digest(sighting.source, sighting.place, sighting.reference)


def identity_of(sighting: Sighting) -> str:
    """What names the event that a sighting is of: its name, day, time and place in words, as first seen (DR011).

    Two machines that first see the same event in different files give it the same key.
    """
    where = sighting.venue_name or sighting.location
    return digest(fold(sighting.name), str(sighting.start_date), str(sighting.start_time or ""), fold(where))


def to_json(sighting: Sighting) -> bytes:
    """A sighting as it is stored: without what it leaves at its default, a third of the whole."""
    return _ONE.to_json(sighting, exclude_defaults=True)


def from_json(texts: Iterable[str]) -> list[Sighting]:
    """Stored sightings."""
    return _MANY.validate_json("[" + ",".join(texts) + "]")
