"""Deduplicate: drafts that mean the same event become one, under a key that no duplicate changes."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations
from operator import attrgetter
from typing import Final

from app.pipeline.draft import Draft, Event, listing
from app.pipeline.matching import Verdict, compare
from app.pipeline.merging import key_owner, merge
from app.pipeline.naming import name_of
from app.pipeline.pages import page_of
from app.pipeline.questions import Question, Topic
from app.pipeline.stage import Context, Work, ask
from app.pipeline.text import digest, fold
from app.pipeline.whereabouts import place_of
from app.pipeline.wording import is_moved

_KEY: Final = attrgetter("key")
_LARGEST_BLOCK: Final = 40
"""Members of a block whose pairs are compared; a larger one is split by the hour."""


@dataclass(slots=True)
class Day:
    """One day's drafts: those that say the same word for word together, and what the rules say of pairs.

    Attributes:
        nodes: drafts with the same name, hour and place.
        sure: pairs of nodes that are one event, the surest first once sorted.
        unsure: pairs that the rules leave open, with their scores.
    """

    nodes: list[list[Draft]]
    sure: list[tuple[int, int, int]] = field(default_factory=list)
    unsure: list[tuple[int, int, int]] = field(default_factory=list)

    def question(self, one: int, other: int) -> Question:
        """What a language model is asked about a pair."""
        return Question.about(Topic.DUPLICATE, *(listing(self.nodes[index][0]) for index in (one, other)))


def run(work: Work, context: Context) -> dict[str, int]:
    """Group the drafts of each day and merge each group.

    Drafts whose source gave them up, or that a rule took out, have no say in an event; they still are in the
    group, so that the key survives them.
    """
    days = [compare_all(drafts) for drafts in _by_day(work.drafts)]
    unsure = sum(len(day.unsure) for day in days)
    asked = _judge(days, work, context)
    events = _publish([members for day in days for members in cluster(day)])
    work.events = [event for event in events if event.key not in work.reported]
    for event in events:
        if event.key in work.reported:
            event.withdraw("reported", "a visitor reported that it is cancelled")
    gone = 0
    for draft in work.drafts:
        if not draft.rule and not draft.live:
            draft.drop("gone", "its source no longer gives it")
            gone += 1
    return {
        "events": len(work.events),
        "merged": sum(len(event.members) - 1 for event in work.events),
        "unsure": unsure,
        "asked": asked,
        "reported": len(events) - len(work.events),
        "gone": gone,
    }


def group(drafts: list[Draft]) -> list[list[Draft]]:
    """Which drafts of one day mean the same event, by the rules alone, whatever their order."""
    return cluster(compare_all(drafts))


def compare_all(drafts: list[Draft]) -> Day:
    """What the rules say of the drafts of one day."""
    alike: dict[tuple[object, ...], list[Draft]] = defaultdict(list)
    # In a fixed order, members and nodes alike: that of the drafts must not matter.
    for draft in sorted(drafts, key=_KEY):
        where = draft.venue.key if draft.venue else draft.url
        if where is None and not name_of(draft.name).own:
            where = draft.key
        alike[fold(draft.name), draft.start_time, where].append(draft)
    day = Day(list(alike.values()))
    for one, other in _candidates([members[0] for members in day.nodes]):
        match = compare(day.nodes[one][0], day.nodes[other][0])
        if match.verdict is Verdict.SAME:
            day.sure.append((-match.score, one, other))
        elif match.verdict is Verdict.UNSURE:
            day.unsure.append((-match.score, one, other))
    return day


def _judge(days: list[Day], work: Work, context: Context) -> int:
    """Ask about the pairs that the rules leave open; a yes makes a pair sure.

    Returns:
        How many calls that took.
    """
    questions = {
        (number, pair): day.question(*pair[1:])
        for number, day in enumerate(days)
        for pair in day.unsure
        if context.judge is not None
    }
    judged = ask("deduplicate", questions.values(), work, context)
    if judged is None:
        return 0
    for (number, pair), question in questions.items():
        answer = judged.answers.get(question)
        if answer is not None and answer.yes:
            days[number].sure.append(pair)
    return judged.asked


def cluster(day: Day) -> list[list[Draft]]:
    """Join the surest pairs first, unless that would bring two together that are sure to differ."""
    nodes = day.nodes
    group_of = list(range(len(nodes)))
    members = {index: [index] for index in range(len(nodes))}
    for _, one, other in sorted(day.sure):
        left, right = group_of[one], group_of[other]
        if left == right or any(
            compare(nodes[a][0], nodes[b][0]).verdict is Verdict.DIFFERENT
            for a in members[left]
            for b in members[right]
        ):
            continue
        members[left] += members.pop(right)
        for index in members[left]:
            group_of[index] = left
    return [[draft for index in indexes for draft in nodes[index]] for indexes in members.values()]


def _candidates(drafts: list[Draft]) -> list[tuple[int, int]]:
    """Pairs of one day worth comparing.

    Those at one place or on one page; where one's place has no address, those whose places share a word; where one
    names no place, those whose names do. Two addresses are two events unless a page is shared, so a word alone
    never brings those together: the pairs grow with the events, not with their square.
    """
    pages: dict[str, list[int]] = defaultdict(list)
    venues: dict[str, list[int]] = defaultdict(list)
    addresses: dict[str, list[int]] = defaultdict(list)
    without_address: set[int] = set()
    without_place: set[int] = set()
    for index, draft in enumerate(drafts):
        if draft.url:
            pages[page_of(draft.url)].append(index)
        if draft.venue is None:
            without_place.add(index)
            continue
        venues[draft.venue.key].append(index)
        place = place_of(draft.venue)
        if is_moved(draft.name):
            without_place.add(index)
        if place.address:
            addresses[place.address].append(index)
        elif place.words:
            without_address.add(index)
        if not place.words:
            without_place.add(index)
    pairs = {
        pair
        for blocks in (pages, venues, addresses)
        for block in blocks.values()
        if len(block) > 1
        for part in _small(block, drafts)
        for pair in combinations(part, 2)
    }
    pairs |= _sharing_a_word(drafts, without_address, _place_words)
    return sorted(pairs | _sharing_a_word(drafts, without_place, _name_words))


def _place_words(draft: Draft) -> Iterable[str]:
    return place_of(draft.venue).blocks if draft.venue else ()


def _name_words(draft: Draft) -> Iterable[str]:
    return name_of(draft.name).own


def _sharing_a_word(
    drafts: list[Draft], vague: set[int], words_of: Callable[[Draft], Iterable[str]]
) -> set[tuple[int, int]]:
    """Pairs of a vague draft with those that share a word with it."""
    wanted = {word for index in vague for word in words_of(drafts[index])}
    words: dict[str, list[int]] = defaultdict(list)
    for index, draft in enumerate(drafts if wanted else ()):
        for word in wanted.intersection(words_of(draft)):
            words[word].append(index)
    return {
        (min(one, other), max(one, other))
        for block in words.values()
        for part in _small(block, drafts)
        for one in vague.intersection(part)
        for other in part
        if one != other
    }


def _small(block: list[int], drafts: list[Draft]) -> Iterator[list[int]]:
    if len(block) <= _LARGEST_BLOCK:
        yield block
        return
    hours: dict[int | None, list[int]] = defaultdict(list)
    for index in block:
        start = drafts[index].start_time
        hours[start.hour if start else None].append(index)
    for hour, part in hours.items():
        later = hours.get(hour + 1, []) if hour is not None else []
        yield sorted(part + later)


def _by_day(drafts: Iterable[Draft]) -> list[list[Draft]]:
    """The drafts by day, without the days on which nothing is in play and with nothing impossible."""
    days: dict[object, list[Draft]] = defaultdict(list)
    for draft in drafts:
        if draft.rule != "impossible date":
            days[draft.start_date].append(draft)
    return [day for day in days.values() if any(draft.live and not draft.rule for draft in day)]


def _publish(groups: list[list[Draft]]) -> list[Event]:
    """An event for every group in which somebody has a say."""
    speaking = [(members, key_owner(members)) for members in groups]
    owners = Counter([owner.identity for _, owner in speaking])
    first: dict[str, tuple[datetime, str]] = {}
    if len(owners) < len(speaking):
        for _, owner in speaking:
            rank = (owner.first_seen_at, owner.key)
            first[owner.identity] = min(rank, first.get(owner.identity, rank))
    events = []
    for members, owner in speaking:
        having_a_say = [draft for draft in members if draft.live and not draft.rule]
        if not having_a_say:
            continue
        key = owner.identity
        if first and (owner.first_seen_at, owner.key) != first[key]:
            key = digest(key, owner.key)
        event = merge(key, having_a_say)
        _explain(event)
        events.append(event)
    return events


def _explain(event: Event) -> None:
    best, *others = event.members
    best.event_key = event.key
    best.rule, best.reason = ("merged", "its facts come first") if others else ("unique", "")
    for draft in others:
        draft.event_key, draft.rule = event.key, "merged"
        draft.reason = f"the same event as {best.name!r} of {best.source}"
