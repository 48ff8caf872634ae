"""Venue text to one venue: postal code, street, aliases as data."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from app.pipeline.draft import Venue
from app.pipeline.event import Sighting
from app.pipeline.text import clean_line, digest, fold
from app.pipeline.vocabulary import load

_DATA: Final = load("venues")
_REGIONS: Final[dict[str, str]] = {
    fold(name): code for code, names in _DATA["regions"].items() for name in (code, *names)
}
_COUNTRY_OF: Final[dict[str, str]] = {
    region: country for country, regions in _DATA["country_of_regions"].items() for region in regions
}
_COUNTRIES: Final[dict[str, str]] = {
    fold(name): code for code, names in _DATA["countries"].items() for name in (code, *names)
}
_CITIES: Final[dict[str, tuple[str, str]]] = {
    fold(name): (city, region)
    for region, cities in _DATA["cities"].items()
    for city, names in cities.items()
    for name in (city, *names)
}
_STREET_WORDS: Final[dict[str, str]] = {
    fold(word): short for short, words in _DATA["street_words"].items() for word in (short, *words)
}
_ALIASES: Final[dict[str, dict[str, Any]]] = {
    fold(name): venue for venue in _DATA["venue"] for name in (venue["name"], *venue.get("aliases", ()))
}
_NOWHERE: Final = {fold(text) for text in _DATA["nowhere"]}
_ZONES: Final[dict[str, str]] = load("clock")["regions"]

_CANADIAN: Final = re.compile(r"\b([ABCEGHJ-NPRSTVXY]\d[A-Z])[ -]?(\d[A-Z]\d)\b", re.IGNORECASE)
_STREET: Final = re.compile(r"(?:#?\d+[A-Za-z]?\s*[-\u2013]\s*)?\d+[A-Za-z]?\s+\S.*")
_NUMBER_APART: Final = re.compile(
    r"(?<!\w)(\d{1,5}), (?=(?:rue|av|avenue|boul|boulevard|chemin|ch)\b)", re.IGNORECASE
)
_UNIT: Final = re.compile(
    r"^(?:(?:unit|suite|ste|apt|room|rm)\s*\S+\s*[-,]?\s*|#?\w+\s*[-\u2013]\s*)(?=\d)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Described:
    """A place as one source describes it, in normal form; None where it says nothing."""

    name: str
    street: str | None = None
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: str | None = None
    latitude: float | None = None
    longitude: float | None = None


def describe(said: Sighting) -> Described | None:
    """The place that a sighting names; None when it names none (blank, "TBA", "online")."""
    return _describe(
        said.location, said.venue_name, said.street, said.city, said.region, said.postal_code, said.country,
        said.latitude, said.longitude,
    )  # fmt: skip


def zone_of(place: Described | None) -> str | None:
    """The time zone of a place, None when its region says none."""
    return _ZONES.get(place.region) if place and place.region else None


def settle(places: Iterable[Described]) -> dict[Described, Venue]:
    """One venue for all the descriptions that mean it, whatever their order.

    Two descriptions mean the same when both are names of one venue of the data file, or have the same street and
    number in the same city, or, where one has no address, the same name and no other address goes by it.

    Returns:
        The venue of each description.
    """
    distinct = sorted(set(places), key=_order)
    addresses: dict[str, set[str]] = {}
    for place in distinct:
        if place.street:
            for name in _name_keys(place):
                addresses.setdefault(name, set()).add(_address(place))
    groups: dict[str, list[Described]] = {}
    for place in distinct:
        groups.setdefault(_means(place, addresses), []).append(place)
    return {
        place: venue for means, group in groups.items() for venue in [_venue(means, group)] for place in group
    }


def _means(place: Described, addresses: dict[str, set[str]]) -> str:
    if known := _alias(place):
        return f"known {fold(known['name'])}"
    if place.street:
        address = _address(place)
        return _KNOWN_ADDRESSES.get(address, address)
    for name in _name_keys(place):
        if len(found := addresses.get(name, set())) == 1:
            return next(iter(found))
    return f"name {_first(place)}, {fold(place.city or '')}"


def _name_keys(place: Described) -> list[str]:
    name = _first(place)
    return [f"{name}, {fold(place.city)}", name] if place.city else [name]


def _first(place: Described) -> str:
    """The first part of its name, by which it is known: what it is in is not always said."""
    return fold(place.name.partition(",")[0])


def _address(place: Described) -> str:
    # The city and not the postal code: sources leave the code out more often, and spell it wrong.
    return f"address {_street_key(place.street or '')}, {fold(place.city or '')}"


@lru_cache(maxsize=50_000)
def _street_key(street: str) -> str:
    words = fold(_UNIT.sub("", street)).split()
    return " ".join(_STREET_WORDS.get(word, word) for word in words)


_KNOWN_ADDRESSES: Final = {
    f"address {_street_key(venue['street'])}, {fold(venue['city'])}": f"known {fold(venue['name'])}"
    for venue in _DATA["venue"]
    if "street" in venue
}


def _venue(means: str, group: list[Described]) -> Venue:
    """The fullest description, completed by the others; the group is in a fixed order."""
    best = max(
        group,
        key=lambda place: (_alias(place) is not None, bool(place.street), -len(place.name)),
    )
    known = next(filter(None, map(_alias, group)), None) or {}
    latitude, longitude = next(
        ((place.latitude, place.longitude) for place in [best, *group] if place.latitude is not None),
        (None, None),
    )

    def first(field: str) -> str | None:
        # What sources say comes before the data file, which may be out of date.
        said = next((value for place in [best, *group] if (value := getattr(place, field))), None)
        return said or known.get(field)

    return Venue(
        key=digest(means), name=best.name, street=first("street"), city=first("city"), region=first("region"),
        postal_code=first("postal_code"), country=first("country"), latitude=latitude, longitude=longitude,
    )  # fmt: skip


def _order(place: Described) -> tuple[str, ...]:
    return tuple("" if value is None else str(value) for value in (
        place.name, place.street, place.city, place.region, place.postal_code, place.country, place.latitude, place.longitude,
    ))  # fmt: skip


@lru_cache(maxsize=100_000)
def _describe(  # noqa: PLR0917 - a cache's key
    location: str, venue_name: str, street: str, city: str, region: str, postal_code: str, country: str,
    latitude: float | None, longitude: float | None,
) -> Described | None:  # fmt: skip
    parsed = _parse(clean_line(location))
    name = clean_line(venue_name) or parsed.name
    if fold(name) in _NOWHERE and not (street.strip() or parsed.street):
        return None
    known_city = _CITIES.get(fold(clean_line(city)))
    place = Described(
        name=name,
        street=clean_line(street) or parsed.street,
        city=(known_city[0] if known_city else clean_line(city)) or parsed.city,
        region=_REGIONS.get(fold(region))
        or parsed.region
        or (known_city[1] if known_city and not region.strip() else None),
        postal_code=_postal(postal_code) or parsed.postal_code,
        country=_COUNTRIES.get(fold(country)) or parsed.country,
        latitude=round(latitude, 6) if latitude is not None and longitude is not None else None,
        longitude=round(longitude, 6) if latitude is not None and longitude is not None else None,
    )
    if not place.country and place.region:
        place = replace(place, country=_COUNTRY_OF.get(place.region))
    return _known(place)


def _known(place: Described) -> Described | None:
    """The same with what the data file knows of it; None when nothing names it."""
    if alias := _alias(place):
        return replace(
            place,
            name=alias["name"],
            city=alias.get("city"),
            region=alias.get("region"),
            country=alias.get("country") or place.country,
        )
    if not place.name:
        return replace(place, name=place.street) if place.street else None
    return place


def _alias(place: Described) -> dict[str, Any] | None:
    """The venue of the data file that it names."""
    alias = _ALIASES.get(fold(place.name))
    return alias if alias is not None and place.city in {None, alias.get("city")} else None


def _parse(location: str) -> Described:
    """A place out of one line: name, street, city, region, postal code, country, separated by commas."""
    postal_code = _postal(location)
    text = _NUMBER_APART.sub(r"\1 ", _CANADIAN.sub(" ", location))
    parts = [part.strip(" .-\u2013") for part in re.split(r"[,\n;|•]|\s[-\u2013]\s(?=\d)", text)]
    parts = [part for part in parts if part]
    country = region = city = street = None
    while len(parts) > 1 or (parts and fold(parts[-1]) in _REGIONS):
        last = fold(parts[-1])
        if country is None and region is None and last in _COUNTRIES:
            country = _COUNTRIES[last]
        elif region is None and last in _REGIONS:
            region = _REGIONS[last]
        elif region is None and (split := last.rsplit(" ", 1))[-1] in _REGIONS and split[0] in _CITIES:
            region, city = _REGIONS[split[-1]], _CITIES[split[0]][0]
        elif city is None and last in _CITIES:
            city, its_region = _CITIES[last]
            region = region or its_region
        else:
            break
        parts.pop()
    at = len(parts)
    for index, part in enumerate(parts):
        if _STREET.fullmatch(part) and (index > 0 or len(parts) == 1 or not _STREET.fullmatch(parts[1])):
            street, at = parts.pop(index), max(index, 1)
            if city is None and region is not None and index < len(parts):
                city = parts.pop()
            break
    return Described(
        name=_whole_name(parts[:at]), street=street, city=city, region=region, postal_code=postal_code,
        country=country or (_COUNTRY_OF.get(region) if region else None),
    )  # fmt: skip


def _whole_name(parts: list[str]) -> str:
    """A hall and what it is in: Studio A, Ritmo House; a name that is known needs no more."""
    if not parts or fold(parts[0]) in _ALIASES or fold(parts[0]) in _NOWHERE:
        return parts[0] if parts else ""
    return ", ".join(parts[:2])


def _postal(text: str) -> str | None:
    match = _CANADIAN.search(text)
    return f"{match[1]} {match[2]}".upper() if match else None
