"""Deduplicate: drafts that mean the same event become one, under a key that no duplicate changes."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import combinations

from app.pipeline.draft import Draft, Event
from app.pipeline.matching import Verdict, compare, name_of
from app.pipeline.merging import key_owner, merge
from app.pipeline.stage import Context, Work
from app.pipeline.text import digest

_LARGEST_BLOCK = 40
"""Members of a block whose pairs are compared; a larger one is split by the hour."""


def run(work: Work, context: Context) -> dict[str, int]:
    """Group the drafts of each day and merge each group.

    Drafts whose source gave them up, or that a rule took out, have no say in an event; they still are in the
    group, so that the key survives them.
    """
    groups: list[list[Draft]] = []
    unsure = 0
    days = _by_day(work.drafts)
    for done, day in enumerate(days):
        context.observer.advance("deduplicate", done, len(days))
        found, open_pairs = group(day)
        groups += found
        unsure += open_pairs
    events = _publish(groups)
    work.events = [event for event in events if event.key not in work.reported]
    for event in events:
        if event.key in work.reported:
            event.withdraw("reported", "a visitor reported that it is cancelled")
    merged = sum(len(event.members) - 1 for event in work.events)
    gone = 0
    for draft in work.drafts:
        if not draft.rule and not draft.live:
            draft.drop("gone", "its source no longer gives it")
            gone += 1
    return {
        "events": len(work.events),
        "merged": merged,
        "unsure": unsure,
        "reported": len(events) - len(work.events),
        "gone": gone,
    }


def group(drafts: list[Draft]) -> tuple[list[list[Draft]], int]:
    """Which drafts of one day mean the same event, whatever their order.

    Returns:
        The groups, and how many pairs stayed apart because nothing was sure.
    """
    alike: dict[tuple[object, ...], list[Draft]] = defaultdict(list)
    for draft in drafts:
        name = name_of(draft.name)
        where = draft.venue.key if draft.venue else draft.url or (draft.key if name.is_common else None)
        alike[name.text, draft.start_time, where].append(draft)
    nodes = sorted(alike.values(), key=lambda members: min(draft.key for draft in members))
    if len(nodes) == 1:
        return nodes, 0
    sure: list[tuple[int, int, int]] = []
    unsure = 0
    for one, other in _candidates([members[0] for members in nodes]):
        match = compare(nodes[one][0], nodes[other][0])
        if match.verdict is Verdict.SAME:
            sure.append((-match.score, one, other))
        unsure += match.verdict is Verdict.UNSURE
    return _cluster(nodes, sure), unsure


def _cluster(nodes: list[list[Draft]], sure: list[tuple[int, int, int]]) -> list[list[Draft]]:
    """Join the surest pairs first, unless that would bring two together that are sure to differ."""
    group_of = list(range(len(nodes)))
    members = {index: [index] for index in range(len(nodes))}
    for _, one, other in sorted(sure):
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
    """Pairs of one day worth comparing: at the same place, on the same page, or sharing a telling word."""
    blocks: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, draft in enumerate(drafts):
        if draft.venue:
            blocks["venue", draft.venue.key].append(index)
        if draft.url:
            blocks["url", draft.url].append(index)
        name = name_of(draft.name)
        for word in name.telling or (name.text,):
            blocks["word", word].append(index)
    pairs: set[tuple[int, int]] = set()
    for block in blocks.values():
        if len(block) > 1:
            for part in _small(block, drafts):
                pairs.update(combinations(part, 2))
    return sorted(pairs)


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
    owners = Counter(owner.identity for _, owner in speaking)
    first: dict[str, tuple[datetime, str]] = {}
    for _, owner in speaking:
        if owners[owner.identity] > 1:
            rank = (owner.first_seen_at, owner.key)
            first[owner.identity] = min(rank, first.get(owner.identity, rank))
    events = []
    for members, owner in speaking:
        having_a_say = [draft for draft in members if draft.live and not draft.rule]
        if not having_a_say:
            continue
        key = owner.identity
        if owners[key] > 1 and (owner.first_seen_at, owner.key) != first[key]:
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
