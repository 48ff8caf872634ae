"""Whether two venues, as different sources describe them, may be one place."""

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final

from rapidfuzz.fuzz import ratio

from app.pipeline.draft import Venue
from app.pipeline.spelling import INITIALS, SHORT, initials_of, is_one_word, spelled_out
from app.pipeline.text import fold
from app.pipeline.vocabulary import load

_DATA: Final = load("matching")
_PLAIN: Final = frozenset(_DATA["plain_places"])
_SPELLING: Final[int] = _DATA["thresholds"]["place_spelling"]
_NEIGHBOURS: Final[dict[str, str]] = {city: towns[0] for towns in _DATA["neighbours"] for city in towns}
_VENUES: Final = load("venues")
_CITIES: Final = {
    fold(name): city
    for cities in _VENUES["cities"].values()
    for city, names in cities.items()
    for name in (city, *names)
}
_STREET_WORDS: Final = {
    fold(word): fold(short) for short, words in _VENUES["street_words"].items() for word in (short, *words)
}
_DIRECTIONS: Final = frozenset("nesw")
_STREET_KINDS: Final = frozenset(_VENUES["street_kinds"])
_SAINT: Final = frozenset({"st", "ste", "saint", "sainte"})
_ADDRESS: Final = re.compile(
    r"(?<![\w-])(?:#?\w{1,4}\s?[-\u2013]\s?)?(\d{1,5})\s+(?:block\s+)?"
    r"((?:[^\W\d_][\w'\u2019-]*\.?|\d+(?:st|nd|rd|th))(?:\s+[^\W_][\w'\u2019-]*\.?){0,3})"
)


class Nearness(IntEnum):
    """What two venues may be to each other, from least to most."""

    APART = 0
    """In two towns."""
    ELSEWHERE = 1
    """Two places of one town."""
    OPEN = 2
    """One of them says too little to tell."""
    LIKELY = 3
    """Their names are alike, or their streets, and nothing contradicts."""
    SAME = 4


@dataclass(frozen=True, slots=True)
class Place:
    """A venue taken apart.

    Attributes:
        city: None when it names none.
        number: the house's number; None without an address.
        street: first words of the street, without its kind and direction.
        direction: east of something, or west; blank when not said.
        words: of its name, those that not every venue has; none when it is only an address or a city.
        all_words: of its name.
        name: its name, folded.
        letters: its name's letters.
        blocks: what its name shares with that of the same place told otherwise: beginnings of words, initials, kind.
        address: what two spellings of an address have in common; blank without one.
    """

    city: str | None
    number: str | None
    street: str
    direction: str
    words: frozenset[str]
    all_words: frozenset[str]
    name: str
    letters: str
    blocks: frozenset[str] = frozenset()
    address: str = ""


@lru_cache(maxsize=50_000)
def place_of(venue: Venue) -> Place:
    """Take a venue apart."""
    name = fold(venue.name)
    city = venue.city
    if name in _CITIES:
        return Place(city or _CITIES[name], None, "", "", frozenset(), frozenset(), "", "")
    found = _ADDRESS.search(venue.street or "") or _ADDRESS.search(venue.name)
    number, street, direction = None, "", ""
    if found:
        number = found[1]
        words = [_STREET_WORDS.get(word, word) for word in fold(found[2]).split()]
        direction = next((word for word in words if word in _DIRECTIONS), "")
        street = _street(words)
    if found and found.string == venue.name:
        name = fold(venue.name[: found.start()] + " " + venue.name[found.end() :])
    elif venue.street and name == fold(venue.street):
        name = ""
    words_of_name = name.split()
    telling = frozenset(word for word in words_of_name if word not in _PLAIN and word not in _CITIES)
    return Place(
        city,
        number,
        street,
        direction,
        telling or frozenset(words_of_name),
        frozenset(words_of_name),
        name,
        name.replace(" ", ""),
        _blocks(words_of_name, telling),
        f"{number} {street[:3]}" if number else "",
    )


def _street(words: list[str]) -> str:
    """The word that a street is known by: Jarry of Rue Jarry Est, Laurent of Boulevard Saint-Laurent."""
    kept = [word for word in words if word not in _DIRECTIONS]
    named = [word for word in kept if word not in _STREET_KINDS and word not in _SAINT]
    return (named or kept or [""])[0]


def _blocks(words: list[str], telling: frozenset[str]) -> frozenset[str]:
    blocks = {word[:INITIALS] for word in telling or words}
    initials = initials_of(words)[1]
    if len(initials) >= INITIALS:
        blocks.add(initials[:INITIALS])
    kind = sorted(word for word in words if word in _PLAIN and len(word) > INITIALS)
    if len(kind) > 1:
        blocks.add(" ".join(kind))
    return frozenset(blocks)


@lru_cache(maxsize=100_000)
def nearness(one: Venue, other: Venue) -> Nearness:
    """How near two venues are to being one.

    An address decides where both have one; then the names; a venue without a name, or with only its city, may be
    any in that city.
    """
    if one.key == other.key:
        return Nearness.SAME
    left, right = place_of(one), place_of(other)
    if not _same_town(left, right):
        return Nearness.APART
    if left.number and right.number:
        return Nearness.LIKELY if _same_address(left, right) else Nearness.ELSEWHERE
    if not (left.words and right.words):
        return Nearness.OPEN
    return Nearness.LIKELY if _alike(left, right) else Nearness.ELSEWHERE


def _same_address(left: Place, right: Place) -> bool:
    if left.number != right.number or ratio(left.street, right.street) < _SPELLING:
        return False
    return not (left.direction and right.direction) or left.direction == right.direction


def _same_town(left: Place, right: Place) -> bool:
    if left.city is None or right.city is None:
        return True
    return _NEIGHBOURS.get(left.city, left.city) == _NEIGHBOURS.get(right.city, right.city)


def _alike(left: Place, right: Place) -> bool:
    numbers = [{word for word in place.words if word.isdecimal()} for place in (left, right)]
    if all(numbers) and numbers[0].isdisjoint(numbers[1]):
        return False
    if ratio(left.letters, right.letters) >= _SPELLING:
        return True
    if left.words == left.all_words or right.words == right.all_words:
        few, many = sorted((left.all_words, right.all_words), key=len)
        if len(few) > 1 and few < many:
            return True
    if _has_initials(left, right) or _has_initials(right, left):
        return True
    short, long = sorted((left.words, right.words), key=len)
    return all(any(_one_word(word, yours) for yours in long) for word in short)


def _has_initials(one: Place, other: Place) -> bool:
    """Whether one is only the initials of the other: RCA, Rotary Centre for the Arts."""
    return any(len(word) >= INITIALS and spelled_out(word, other.name.split()) for word in one.words)


def _one_word(one: str, other: str) -> bool:
    """Whether two words of places are one; people shorten those further: Kits, Kitsilano."""
    short, long = sorted((one, other), key=len)
    return (
        ratio(one, other) >= _SPELLING
        or (len(short) >= SHORT and long.startswith(short))
        or (len(short) <= SHORT and is_one_word(one, other))
    )
