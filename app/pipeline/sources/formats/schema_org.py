"""A schema.org `Event` to a sighting (https://schema.org/Event)."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urljoin, urlsplit

from app.pipeline.event import Reject, Sighting
from app.pipeline.sources.formats.moments import Moment, read_moment
from app.pipeline.sources.formats.origin import Origin
from app.pipeline.sources.formats.text import one_line, plain

Item = dict[str, Any]

_OTHER_EVENTS: Final = frozenset({"Festival", "CourseInstance", "Hackathon"})
_NOT_EVENTS: Final = frozenset({"PublicationEvent", "UserInteraction"})
_NOT_TAKING_PLACE: Final = ("EventCancelled", "EventPostponed")


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


def read_event(
    item: Item, known: Mapping[str, Item], origin: Origin, url: str, line: int | None
) -> Sighting | Reject:
    """One event.

    Args:
        item: the JSON-LD object.
        known: the page's objects by `@id`, to which others refer.
        origin: where it was read.
        url: base of relative links.
        line: where its script begins.
    """
    raw = json.dumps(item, ensure_ascii=False)[:4_000]
    name = one_line(_text(item.get("name")))
    try:
        start = read_moment(_text(item.get("startDate")) or "no startDate")
        end = _end(_text(item.get("endDate")), start)
    except (ValueError, OverflowError) as error:
        return origin.reject(f"{name or 'an event'}: {error}", raw, line)
    venue = _venue(_resolved(item.get("location"), known), known)
    page = _link(item, url)
    status = _text(item.get("eventStatus"))
    price, currency = _price(item, known)
    return origin.sighting(
        reference=_reference(item, page, name, start, venue),
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
        organiser=_named(_resolved(item.get("organizer"), known)),
        url=page,
        cancelled=status.endswith(_NOT_TAKING_PLACE),
        updated=_text(item.get("dateModified")),
        notes=("postponed",) if status.endswith("EventPostponed") else (),
        line=line,
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
    return hashlib.sha256(f"{name}\x1f{day}\x1f{start.clock}\x1f{venue.location}".encode()).hexdigest()


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
