"""Whether two drafts mean the same event: features, a score and a verdict. Pure, and symmetric."""

from dataclasses import dataclass
from datetime import time
from enum import Enum
from typing import Final, NamedTuple

from app.pipeline.draft import Draft
from app.pipeline.naming import Name, name_of
from app.pipeline.pages import is_one_event, page_of
from app.pipeline.resemblance import (
    are_joined,
    contradict,
    differ_in_kind,
    each_has_its_own,
    lasting_likeness,
    likeness,
    spelled_out_by,
    strict_likeness,
    unsaid,
)
from app.pipeline.vocabulary import load
from app.pipeline.whereabouts import Nearness, nearness, place_of

_LIMITS: Final[dict[str, int]] = load("matching")["thresholds"]


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


class _Pair(NamedTuple):
    """Two drafts of one day with their names, and the minutes between them."""

    one: Draft
    other: Draft
    left: Name
    right: Name
    gap: int | None

    @property
    def page(self) -> str | None:
        """The page that both lead to."""
        if not (self.one.url and self.other.url):
            return None
        page = page_of(self.one.url)
        return page if page == page_of(self.other.url) else None

    @property
    def is_retold(self) -> bool:
        """Whether one source tells an event again, at its hour and on its page, and only says more of it."""
        if self.gap != 0 or not (page := self.page) or not is_one_event(page):
            return False
        return not (unsaid(self.left.telling, self.right) and unsaid(self.right.telling, self.left))


_NO: Final = Match(Verdict.DIFFERENT, 0)
_ALL: Final = 100
_NEVER: Final = 101


def compare(one: Draft, other: Draft) -> Match:
    """Whether two drafts of one day mean the same event.

    Rules in order: other days, hours far apart, and marks that contradict (two rooms, two levels, a class and
    a social) are two events. Then place and page decide how near the names must be: at one place, where one
    names none, or at two places of one city, which only a shared page bridges, or a name that says it moved.
    """
    if one.start_date != other.start_date:
        return _NO
    gap = _minutes_between(one.start_time, other.start_time)
    if gap is not None and gap > _LIMITS["late_minutes"]:
        return _NO
    left, right = name_of(one.name), name_of(other.name)
    if contradict(left, right):
        return _NO
    if gap and _is_explained(gap, one, other):
        gap = 0
    if gap and gap >= _LIMITS["lesson_minutes"] and differ_in_kind(left, right):
        return _NO
    pair = _Pair(one, other, left, right, gap)
    needed = _needed(pair)
    match = _judge(pair, needed)
    if match.verdict is Verdict.SAME or needed == _NEVER:
        return match
    whole = pair._replace(left=spelled_out_by(left, right), right=spelled_out_by(right, left))
    return match if whole == pair else _judge(whole, needed)


def _judge(pair: _Pair, needed: int) -> Match:
    """Whether the names are as near as they must be."""
    one, other, left, right, gap = pair
    is_one_source = one.source == other.source
    if is_one_source and not pair.is_retold:
        # A source rarely lists an event twice, and often two that differ by a word.
        score, needed = strict_likeness(left, right), max(needed, _LIMITS["one_source"])
    else:
        score = likeness(left, right)
    if (
        (gap or 0) > _LIMITS["lesson_minutes"]
        and (left.telling or right.telling)
        and not are_joined(left, right)
    ):
        # Doors, lesson and first dance: at another hour a name that says more may be something else that evening.
        score = min(score, lasting_likeness(left, right))
    if needed > _LIMITS["event_page"] and each_has_its_own(left, right, _place_words(one, other)):
        score, needed = min(score, strict_likeness(left, right)), max(needed, _ALL)
    if score >= needed:
        return Match(Verdict.SAME, score)
    is_grey = needed < _NEVER and not is_one_source and score >= _LIMITS["grey"]
    return Match(Verdict.UNSURE if is_grey else Verdict.DIFFERENT, score)


def _needed(pair: _Pair) -> int:
    """How alike the names must be, given where and when."""
    one, other, left, right, gap = pair
    page = pair.page
    is_common = not (left.own and right.own)
    near = nearness(one.venue, other.venue) if one.venue and other.venue else Nearness.OPEN
    is_at_once = gap is not None and gap <= _LIMITS["lesson_minutes"]
    if is_at_once and near >= Nearness.OPEN and page and is_one_event(page):
        return _LIMITS["event_page"]
    if near is Nearness.SAME or near is Nearness.LIKELY:
        needed = _LIMITS["same_venue"] if near is Nearness.SAME else _LIMITS["likely_venue"]
    elif near is Nearness.OPEN:
        needed = _NEVER if is_common and not page else _LIMITS["unknown_venue"]
    else:
        is_bridged = page or (not is_common and (left.is_moved or right.is_moved))
        needed = _LIMITS["other_venue"] if is_bridged and near is Nearness.ELSEWHERE else _NEVER
    if gap is None and not page:
        needed = max(needed, _LIMITS["unknown_venue"])
    elif gap is not None and gap > _LIMITS["minutes"]:
        needed = max(needed, _LIMITS["late_name"])
    return needed


def _place_words(one: Draft, other: Draft) -> frozenset[str]:
    return frozenset().union(*(place_of(draft.venue).words for draft in (one, other) if draft.venue))


def _minutes_between(one: time | None, other: time | None) -> int | None:
    if one is None or other is None:
        return None
    return abs((one.hour - other.hour) * 60 + one.minute - other.minute)


def _is_explained(gap: int, one: Draft, other: Draft) -> bool:
    """Whether a name says why the hours differ: by a timetable, by what comes before the dance, by a new hour."""
    return _explains(one, other, gap) or _explains(other, one, gap)


def _explains(said: Draft, other: Draft, gap: int) -> bool:
    name = name_of(said.name)
    if said.start_time is None or other.start_time is None:
        return False
    if _on_dial(other.start_time) in name.hours or (name.is_retimed and gap <= _LIMITS["minutes"]):
        return True
    return name.starts_early and said.start_time < other.start_time and gap <= _LIMITS["early_minutes"]


def _on_dial(clock: time) -> int:
    """Minutes after noon or midnight."""
    return clock.hour % 12 * 60 + clock.minute
