"""A schema.org `Event` to a sighting (https://schema.org/Event)."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urljoin, urlsplit

from app.pipeline.event import Reject, Sighting
from app.pipeline.sources.formats.moments import Moment, read_moment
from app.pipeline.sources.formats.origin import Origin
from app.pipeline.sources.formats.schedule import Days, Times, occurrences
from app.pipeline.sources.formats.text import one_line, plain

Item = dict[str, Any]

_OTHER_EVENTS: Final = frozenset({"Festival", "CourseInstance", "Hackathon"})
_NOT_EVENTS: Final = frozenset({"PublicationEvent", "UserInteraction"})
_NOT_TAKING_PLACE: Final = ("EventCancelled", "EventPostponed")

MOST_SCHEDULES: Final = 20
"""Schedules of one event that are read."""


class _Venue(NamedTuple):
    location: str = ""
    venue_name: str = ""
    street: str = ""
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""
    latitude: float | None = None
    longitude: float | None = None


def event_type_of(item: Item) -> str:
    """The type of an item that is an event (`DanceEvent`), blank for what is none."""
    for name in _many(item.get("@type")):
        short = str(name).rstrip("/").rpartition("/")[2].rpartition(":")[2]
        if (short.endswith("Event") and short not in _NOT_EVENTS) or short in _OTHER_EVENTS:
            return short
    return ""


class Around(NamedTuple):
    """What an item is read with."""

    origin: Origin
    """Where it was read."""
    url: str
    """Base of relative links."""
    days: Days
    """For which events that repeat are written out."""
    known: Mapping[str, Item]
    """The page's objects by `@id`, to which others refer."""
    line: int | None = None
    """Where its script begins."""


def read_event(item: Item, around: Around) -> Iterator[Sighting | Reject]:
    """One event, or the occurrences of one that repeats."""
    origin, line = around.origin, around.line
    raw = json.dumps(item, ensure_ascii=False)[:4_000]
    name = one_line(_text(item.get("name"))) or "an event"
    times = _times(item)
    schedules = [_resolved(schedule, around.known) for schedule in _many(item.get("eventSchedule"))]
    expanded = False
    for schedule in schedules[:MOST_SCHEDULES]:
        try:
            found = occurrences(schedule, times if isinstance(times, Times) else None, around.days)
        except (ValueError, OverflowError) as error:
            yield origin.reject(f"{name}: its eventSchedule {error}", raw, line)
            continue
        expanded = True
        for occurrence in found:
            yield _sighting(item, around, occurrence, raw, repeated=True)
    if expanded:
        return
    if isinstance(times, Times):
        yield _sighting(item, around, times, raw)
    elif not schedules:
        yield origin.reject(f"{name}: {times}", raw, line)


def _times(item: Item) -> Times | str:
    """When it starts and ends by itself, or why that cannot be said."""
    try:
        start = read_moment(_text(item.get("startDate")) or "no startDate")
        return Times(start, _end(_text(item.get("endDate")), start))
    except (ValueError, OverflowError) as error:
        return str(error)


def _sighting(
    item: Item, around: Around, times: Times, raw: str, *, repeated: bool = False
) -> Sighting | Reject:
    name = one_line(_text(item.get("name")))
    start, end = times
    venue = _venue(_resolved(item.get("location"), around.known), around.known)
    page = _link(item, around.url)
    status = _text(item.get("eventStatus"))
    price, currency = _price(item, around.known)
    reference = _reference(item, page, name, start, venue)
    return around.origin.sighting(
        reference=f"{reference} {start.clock or ''}".rstrip() if repeated else reference,
        name=name,
        start_date=start.day,
        start_time=start.clock,
        end_date=end.day if end else None,
        end_time=end.clock if end else None,
        time_zone=start.zone,
        description=plain(_text(item.get("description"))),
        event_type=event_type_of(item),
        dance_style=", ".join(one_line(_text(word)) for word in _many(item.get("keywords"))),
        price=price,
        currency=currency,
        organiser=_named(_resolved(item.get("organizer"), around.known)),
        url=page,
        cancelled=status.endswith(_NOT_TAKING_PLACE),
        updated=_text(item.get("dateModified")),
        notes=("postponed",) if status.endswith("EventPostponed") else (),
        line=around.line,
        raw=raw,
        **venue._asdict(),
    )


def _end(text: str, start: Moment) -> Moment | None:
    """The end on the start's wall clock; one that is no date is as good as none."""
    if not text:
        return None
    try:
        return read_moment(text).seen_from(start)
    except (ValueError, OverflowError):
        return None


def _reference(item: Item, page: str, name: str, start: Moment, venue: _Venue) -> str:
    """What the site itself uses to tell events apart, with the start: a page may hold a whole series."""
    identity = _text(item.get("@id")) or page
    day = start.day.isoformat()
    if identity and urlsplit(identity).path.strip("/"):
        return f"{identity} {day}"
    told = f"{name}\x1f{day}\x1f{start.clock}\x1f{venue.location}"
    return hashlib.sha256(told.encode(errors="replace")).hexdigest()


def _link(item: Item, base: str) -> str:
    link = _text(item.get("url")) or _text(item.get("mainEntityOfPage"))
    try:
        absolute = urljoin(base, link) if link else ""
        return absolute if urlsplit(absolute).scheme in ("http", "https") else ""
    except ValueError:
        return ""


def _venue(place: Any, known: Mapping[str, Item]) -> _Venue:
    if isinstance(place, str):
        return _Venue(location=one_line(place))
    if not isinstance(place, dict):
        return _Venue()
    if "VirtualLocation" in str(place.get("@type")):
        return _Venue(location="Online")
    address = _resolved(place.get("address"), known)
    if address is None and "streetAddress" in place:
        address = place
    name = one_line(_text(place.get("name")))
    geo = _resolved(place.get("geo"), known)
    position = geo if isinstance(geo, dict) else place
    latitude, longitude = _degrees(position.get("latitude"), 90), _degrees(position.get("longitude"), 180)
    if not isinstance(address, dict):
        where = one_line(_text(address))
        return _Venue(_joined(name, where), name, latitude=latitude, longitude=longitude)
    street, city, region, postal_code = (
        one_line(_text(address.get(part)))
        for part in ("streetAddress", "addressLocality", "addressRegion", "postalCode")
    )
    country = _named(_resolved(address.get("addressCountry"), known))
    location = _joined(name, street, city, f"{region} {postal_code}".strip(), country)
    return _Venue(location, name, street, city, region, postal_code, country, latitude, longitude)


def _price(item: Item, known: Mapping[str, Item]) -> tuple[str, str | None]:
    """The prices of all offers as one text, `15 - 20`, and their currency."""
    amounts: list[str] = []
    currency = None
    for offer in _many(item.get("offers")):
        terms = _resolved(offer, known)
        if isinstance(terms, dict):
            said = [_text(terms.get(part)) for part in ("lowPrice", "price", "highPrice")]
            amounts += [amount for amount in said if amount and amount not in amounts]
            currency = currency or _text(terms.get("priceCurrency")) or None
    if not amounts and _text(item.get("isAccessibleForFree")).lower() in ("true", "https://schema.org/true"):
        return "Free", None
    return " - ".join(amounts), currency


def _joined(*parts: str) -> str:
    """An address in one line, saying nothing twice."""
    told: list[str] = []
    for part in parts:
        if part and part not in ", ".join(told):
            told.append(part)
    return ", ".join(told)


def _named(value: Any) -> str:
    first = next(iter(_many(value)), None)
    return one_line(_text(first.get("name") if isinstance(first, dict) else first))


def _degrees(value: Any, limit: int) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if -limit <= number <= limit else None


def _resolved(value: Any, known: Mapping[str, Item]) -> Any:
    """The first value, and the object that it only refers to by `@id`."""
    first = next(iter(_many(value)), None)
    if isinstance(first, dict) and set(first) <= {"@id", "@type"}:
        return known.get(str(first.get("@id")), first)
    return first


def _text(value: Any) -> str:
    """Text of a value that may be a list, a language-tagged object or a number."""
    first = next(iter(_many(value)), None)
    if isinstance(first, dict):
        first = first.get("@value", first.get("@id", ""))
    return "" if first is None or isinstance(first, list | dict) else str(first).strip()


def _many(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        yield from value
    elif value is not None:
        yield value
