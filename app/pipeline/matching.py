"""Whether two drafts mean the same event: features, a score and a verdict. Pure, and symmetric."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import time
from enum import Enum
from typing import Final

from rapidfuzz.fuzz import ratio, token_set_ratio, token_sort_ratio

from app.pipeline.draft import Draft
from app.pipeline.naming import Name, name_of
from app.pipeline.pages import is_one_event, page_of
from app.pipeline.vocabulary import load
from app.pipeline.whereabouts import Nearness, nearness, place_of

_LIMITS: Final[dict[str, int]] = load("matching")["thresholds"]
_STEM: Final = 3
"""Letters that are enough to know a word by its beginning."""
_ENDING: Final = 2
"""Letters of an inflection."""
_SHORT: Final = 4
"""Letters; so short a word is another one when a letter differs, and occurs in others by chance."""


class Verdict(Enum):
    """What the rules say of two drafts."""

    SAME = "same"
    UNSURE = "unsure"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Match:
    """A verdict and how near the names are, 0 to 100."""

    verdict: Verdict
    score: int


_NO: Final = Match(Verdict.DIFFERENT, 0)
_NEVER: Final = 101


def compare(one: Draft, other: Draft) -> Match:
    """Whether two drafts of one day mean the same event.

    Rules in order: other days, hours far apart, and marks that contradict (two rooms, two levels, a class and
    a social) are two events. Then place and page decide how near the names must be: at one place, where one
    names none, or at two places, which only a shared page in one city bridges (a moved venue).
    """
    if one.start_date != other.start_date:
        return _NO
    gap = _minutes_between(one.start_time, other.start_time)
    if gap is not None and gap > _LIMITS["late_minutes"]:
        return _NO
    left, right = name_of(one.name), name_of(other.name)
    if left.text != right.text and _contradict(left, right, gap):
        return _NO
    if one.source == other.source:
        # A source rarely lists an event twice, and often two that differ by a word.
        score, needed = round(token_sort_ratio(left.text, right.text)), _LIMITS["one_source"]
    else:
        score, needed = _likeness(left, right), 0
    if gap and (left.telling or right.telling) and not _joined(left, right):
        # Doors, lesson and first dance: at another hour a name that says more may be something else that evening.
        score = min(score, round(ratio(" ".join(left.lasting), " ".join(right.lasting))))
    needed = max(needed, _needed(one, other, gap, is_common=not (left.own and right.own)))
    if needed > _LIMITS["event_page"] and _each_has_its_own(left, right, _place_words(one, other)):
        needed = max(needed, _LIMITS["own_words"])
        score = min(score, round(token_sort_ratio(left.text, right.text)))
    if score >= needed:
        return Match(Verdict.SAME, score)
    is_grey = needed < _NEVER and one.source != other.source and score >= _LIMITS["grey"]
    return Match(Verdict.UNSURE if is_grey else Verdict.DIFFERENT, score)


def _needed(one: Draft, other: Draft, gap: int | None, *, is_common: bool) -> int:
    """How alike the names must be, given where and when."""
    page = page_of(one.url) if one.url and other.url and page_of(one.url) == page_of(other.url) else None
    near = nearness(one.venue, other.venue) if one.venue and other.venue else Nearness.OPEN
    if near is Nearness.SAME or near is Nearness.LIKELY:
        if page and is_one_event(page) and gap is not None and gap <= _LIMITS["lesson_minutes"]:
            return _LIMITS["event_page"]
        needed = _LIMITS["same_venue"] if near is Nearness.SAME else _LIMITS["likely_venue"]
    elif near is Nearness.OPEN:
        needed = _NEVER if is_common and not page else _LIMITS["unknown_venue"]
    else:
        needed = _LIMITS["other_venue"] if page and near is Nearness.ELSEWHERE else _NEVER
    if gap is None and not page:
        needed = max(needed, _LIMITS["unknown_venue"])
    elif gap is not None and gap > _LIMITS["minutes"]:
        needed = max(needed, _LIMITS["late_name"])
    return needed


def _each_has_its_own(left: Name, right: Name, place: frozenset[str]) -> bool:
    """Whether each names something that the other does not, a band or a style, one of them a word of its own.

    Spellings of one word don't count, nor words that the other joins, nor those of the place, nor styles that the
    other names with other words.
    """
    mine = _missing(frozenset(left.telling) - place - left.style_words(right.styles), right)
    yours = _missing(frozenset(right.telling) - place - right.style_words(left.styles), left)
    if mine and yours:
        return not (mine | yours).isdisjoint(left.own | right.own)
    return bool(mine or yours) and _swapped(left, right)


def _swapped(left: Name, right: Name) -> bool:
    """Whether one word, and no more, stands in place of another: Driftwood Dance, Driftwood Drumming."""
    mine, yours = left.text.split(), right.text.split()
    return len(mine) == len(yours) and sum(one != other for one, other in zip(mine, yours, strict=True)) == 1


def _place_words(one: Draft, other: Draft) -> frozenset[str]:
    return frozenset().union(*(place_of(draft.venue).words for draft in (one, other) if draft.venue))


def _missing(words: Collection[str], other: Name) -> set[str]:
    """The words that a name has in no spelling."""
    return {
        word
        for word in words
        if not (len(word) >= _SHORT and word in other.compact)
        and not any(_one_word(word, theirs) for theirs in other.text.split())
    }


def _one_word(one: str, other: str) -> bool:
    """Whether two words are one: cut off, inflected or misspelled; of a short word no other letter may differ."""
    short, long = sorted((one, other), key=len)
    if (
        long.startswith(short)
        and len(short) >= _STEM
        and (len(long) - len(short) <= _ENDING or len(short) > _SHORT)
    ):
        return True
    return one == other or (len(short) > _SHORT and ratio(one, other) >= _LIMITS["spelling"])


def _contradict(left: Name, right: Name, gap: int | None) -> bool:
    if (left.is_lesson != right.is_lesson or left.asides != right.asides) and (gap or 0) > _LIMITS[
        "lesson_minutes"
    ]:
        return True
    if bool(left.asides) != bool(right.asides):
        return True
    if left.styles and right.styles and left.styles - right.styles and right.styles - left.styles:
        return True
    if left.numbers - right.numbers and right.numbers - left.numbers:
        return True
    if left.rooms and right.rooms and left.rooms.isdisjoint(right.rooms):
        return True
    return any(
        mine and yours and mine.isdisjoint(yours) for mine, yours in zip(left.marks, right.marks, strict=True)
    )


def _likeness(left: Name, right: Name) -> int:
    if left.compact == right.compact:
        return 100
    whole = max(ratio(left.text, right.text), token_sort_ratio(left.text, right.text))
    if _joined(left, right):
        whole = max(whole, ratio(left.compact, right.compact))
    if left.telling and right.telling:
        telling = token_set_ratio(" ".join(left.telling), " ".join(right.telling))
        few, many = sorted((left, right), key=lambda name: (len(name.telling), name.text))
        shared = 1 - len(_missing(few.telling, many)) / len(set(few.telling))
        return round(
            max(whole * (0.6 + 0.4 * shared), telling * (0.5 + 0.5 * shared) if shared else whole * 0.6)
        )
    return round(whole)


def _joined(left: Name, right: Name) -> bool:
    """Whether they are one name but for where its words begin."""
    return ratio(left.compact, right.compact) >= _LIMITS["joined"]


def _minutes_between(one: time | None, other: time | None) -> int | None:
    if one is None or other is None:
        return None
    return abs((one.hour - other.hour) * 60 + one.minute - other.minute)
