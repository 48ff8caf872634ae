"""One event out of several drafts: the best field from each, whatever their order."""

from collections.abc import Sequence
from dataclasses import replace

from app.pipeline.draft import Draft, Event


def key_owner(members: Sequence[Draft]) -> Draft:
    """The draft that names an event: the one first seen, so that no later duplicate renames it.

    Of those first seen in the same run the identity decides: it depends on the event alone, not on files.
    """
    if len(members) == 1:
        return members[0]
    return min(members, key=lambda draft: (draft.first_seen_at, draft.identity, draft.key))


def merge(key: str, members: Sequence[Draft]) -> Event:
    """Merge the drafts that have a say.

    Args:
        key: the event's key.
        members: at least one draft in play and live.
    """
    if len(members) == 1:
        return Event(key, members[0], [members[0]])
    ordered = sorted(members, key=_worth)
    best = ordered[0]
    timed = next((draft for draft in ordered if draft.start_time is not None), best)
    ended = next(
        (draft for draft in ordered if draft.ends_at is not None and draft.ends_at > timed.starts_at), None
    )
    priced = next((draft for draft in ordered if draft.price.low is not None), None)
    typed = next((draft for draft in ordered if draft.event_type != "other"), best)
    if timed.ends_at is not None:
        ended = timed
    facts = replace(
        best,
        description=max((draft.description for draft in ordered), key=lambda text: (len(text), text)),
        starts_at=timed.starts_at,
        start_date=timed.start_date,
        start_time=timed.start_time,
        time_zone=timed.time_zone,
        ends_at=ended.ends_at if ended else None,
        end_date=ended.end_date if ended else timed.end_date,
        end_time=ended.end_time if ended else None,
        venue=next((draft.venue for draft in ordered if draft.venue), None),
        event_type=typed.event_type,
        dance_styles=tuple(sorted({style for draft in ordered for style in draft.dance_styles})),
        price=priced.price
        if priced
        else next((draft.price for draft in ordered if draft.price.text), best.price),
        cancelled=any(draft.cancelled for draft in ordered),
        organiser=next((draft.organiser for draft in ordered if draft.organiser), ""),
        url=next((draft.url for draft in ordered if draft.url), None),
    )
    return Event(key, facts, ordered)


def _worth(draft: Draft) -> tuple[bool, bool, bool, bool, int, str]:
    """Sorts first what says most: a time, a full address, a page, an end; then the longer name; then the key."""
    has_address = draft.venue is not None and draft.venue.street is not None
    return (
        draft.start_time is None,
        not has_address,
        draft.url is None,
        draft.ends_at is None,
        -len(draft.name),
        draft.key,
    )
