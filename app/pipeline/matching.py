"""Whether two drafts mean the same event: features, a score and a verdict. Pure, and symmetric."""

import re
from dataclasses import dataclass
from datetime import time
from enum import Enum
from functools import cached_property, lru_cache
from typing import Final

from rapidfuzz.fuzz import ratio, token_set_ratio, token_sort_ratio

from app.pipeline.draft import Draft
from app.pipeline.styles import styles_in
from app.pipeline.text import fold
from app.pipeline.vocabulary import load

_DATA: Final = load("matching")
_LIMITS: Final[dict[str, int]] = _DATA["thresholds"]
_COMMON: Final = frozenset(_DATA["common"])
_GENERIC: Final = frozenset(_DATA["generic"]) | {
    word for style in load("styles")["styles"] for word in fold(style).split()
}
_LESSONS: Final = frozenset(_DATA["lessons"])
_SYNONYMS: Final = {fold(word): meaning for meaning, words in _DATA["synonyms"].items() for word in words}
_SYNONYM: Final = re.compile(
    r"\b(?:" + "|".join(sorted(map(re.escape, _SYNONYMS), key=len, reverse=True)) + r")\b"
)
_APART: Final = {
    kind: re.compile(r"\b(?:" + "|".join(sorted(map(re.escape, words), key=len, reverse=True)) + r")\b")
    for kind, words in _DATA["apart"].items()
}


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


@dataclass(frozen=True)
class Name:
    """A name taken apart for comparing; what only a comparison asks is found when one asks.

    Attributes:
        written: as its source writes it.
        text: folded, in one language.
    """

    written: str
    text: str

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(self.text.split())

    @cached_property
    def telling(self) -> tuple[str, ...]:
        """The words that not every event has, sorted."""
        return tuple(sorted(word for word in self._words - _COMMON if len(word) > 1))

    @cached_property
    def own(self) -> frozenset[str]:
        """Those of them that no style or kind of event has; with none only its place makes it an event."""
        return frozenset(self.telling) - _GENERIC

    @cached_property
    def is_lesson(self) -> bool:
        """Whether it has a word for teaching."""
        return not self._words.isdisjoint(_LESSONS)

    @cached_property
    def marks(self) -> tuple[frozenset[str], ...]:
        """What tells rooms, levels and kinds apart, by kind."""
        return tuple(frozenset(pattern.findall(self.text)) for pattern in _APART.values())

    @cached_property
    def styles(self) -> frozenset[str]:
        """The dance styles that it names."""
        return frozenset(styles_in(self.written))


@lru_cache(maxsize=200_000)
def name_of(text: str) -> Name:
    """Take a name apart."""
    return Name(text, _SYNONYM.sub(lambda match: _SYNONYMS[match[0]], fold(text)))


def compare(one: Draft, other: Draft) -> Match:
    """Whether two drafts of one day mean the same event.

    Rules in order: other days, hours far apart, and marks that contradict (two rooms, two levels, a class and
    a social) are two events. Then the place decides how near the names must be: the same place, no place
    named, or two places, which only a shared page bridges (a moved venue).
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
    needed = max(needed, _needed(one, other, gap, is_common=not (left.own and right.own)))
    if _each_has_its_own(left, right):
        needed = max(needed, _LIMITS["own_words"])
    if score >= needed:
        return Match(Verdict.SAME, score)
    is_grey = needed < _NEVER and one.source != other.source and score >= _LIMITS["grey"]
    return Match(Verdict.UNSURE if is_grey else Verdict.DIFFERENT, score)


def _needed(one: Draft, other: Draft, gap: int | None, *, is_common: bool) -> int:
    """How alike the names must be, given where and when."""
    same_page = one.url is not None and one.url == other.url
    if one.venue is not None and other.venue is not None:
        if one.venue.key == other.venue.key:
            needed = _LIMITS["same_venue"]
        else:
            needed = _LIMITS["other_venue"] if same_page else _NEVER
    else:
        needed = _NEVER if is_common and not same_page else _LIMITS["unknown_venue"]
    if gap is None and not same_page:
        needed = max(needed, _LIMITS["unknown_venue"])
    elif gap is not None and gap > _LIMITS["minutes"]:
        needed = max(needed, _LIMITS["late_name"])
    return needed


def _each_has_its_own(left: Name, right: Name) -> bool:
    """Whether each names something that the other does not, a band or a colour; spellings of one word don't count."""
    mine, yours = left.own - right.own, right.own - left.own
    return bool(mine and yours) and not any(
        ratio(one, other) >= _LIMITS["spelling"] for one in mine for other in yours
    )


def _contradict(left: Name, right: Name, gap: int | None) -> bool:
    if left.is_lesson != right.is_lesson and (gap or 0) > _LIMITS["lesson_minutes"]:
        return True
    if left.styles and right.styles and left.styles.isdisjoint(right.styles):
        return True
    return any(
        mine and yours and mine.isdisjoint(yours) for mine, yours in zip(left.marks, right.marks, strict=True)
    )


def _likeness(left: Name, right: Name) -> int:
    if left.text == right.text:
        return 100
    whole = max(ratio(left.text, right.text), token_sort_ratio(left.text, right.text))
    if left.telling and right.telling:
        telling = token_set_ratio(" ".join(left.telling), " ".join(right.telling))
        shared = len(set(left.telling) & set(right.telling)) / min(len(left.telling), len(right.telling))
        return round(
            max(whole * (0.6 + 0.4 * shared), telling * (0.5 + 0.5 * shared) if shared else whole * 0.6)
        )
    return round(whole)


def _minutes_between(one: time | None, other: time | None) -> int | None:
    if one is None or other is None:
        return None
    return abs((one.hour - other.hour) * 60 + one.minute - other.minute)
