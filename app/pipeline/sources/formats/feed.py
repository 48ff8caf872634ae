"""RSS and Atom: items that carry an event's date, and links to pages that may."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import feedparser

from app.pipeline.event import Reject, Sighting
from app.pipeline.sources.formats.moments import read_moment
from app.pipeline.sources.formats.origin import Origin
from app.pipeline.sources.formats.text import one_line, plain

# The RSS event module and xCalendar in RSS, as feedparser names their elements.
_STARTS: Final = ("ev_startdate", "xcal_dtstart", "startdate", "dtstart")
_ENDS: Final = ("ev_enddate", "xcal_dtend", "enddate", "dtend")
_PLACES: Final = ("ev_location", "xcal_location", "location")
_ORGANISERS: Final = ("ev_organizer", "xcal_organizer", "organizer")
_TYPES: Final = ("ev_type", "xcal_categories")
# feedparser recovers from nearly everything; these are what hostile feeds still raised in fuzzing.
_MALFORMED: Final = (ValueError, TypeError, AttributeError, LookupError, RecursionError, AssertionError)


def read_feed(body: bytes, origin: Origin, url: str) -> tuple[list[Sighting | Reject], tuple[str, ...]]:
    """The events that a feed's items are, and the pages that its other items lead to.

    Args:
        body: the feed.
        origin: where it was read.
        url: its address.

    Raises:
        SourceError: it is not a feed.
    """
    try:
        feed = feedparser.parse(body, response_headers={"content-location": url}, resolve_relative_uris=False)
        entries = list(feed.entries)
    except _MALFORMED as error:
        raise origin.failure(f"is not a feed: {error}") from error
    if not feed.get("version") and not entries:
        raise origin.failure(f"is not a feed: {feed.get('bozo_exception', 'it holds no items')}")
    findings: list[Sighting | Reject] = []
    links: list[str] = []
    for entry in entries:
        link = _absolute(url, str(entry.get("link", "")))
        if _said(entry, _STARTS):
            findings.append(_event(entry, link, origin))
        elif link:
            links.append(link)
    return list(origin.distinct(findings)), tuple(dict.fromkeys(links))


def _event(entry: Mapping[str, Any], link: str, origin: Origin) -> Sighting | Reject:
    name = one_line(str(entry.get("title", "")))
    raw = f"{name}\n{_said(entry, _STARTS)}\n{link}\n{entry.get('summary', '')}"
    try:
        start = read_moment(_said(entry, _STARTS))
        end = read_moment(_said(entry, _ENDS)).seen_from(start) if _said(entry, _ENDS) else None
    except (ValueError, OverflowError) as error:
        return origin.reject(f"{name or 'an item'}: {error}", raw)
    return origin.sighting(
        reference=f"{entry.get('id') or link or name} {start.day}",
        name=name,
        start_date=start.day,
        start_time=start.clock,
        end_date=end.day if end else None,
        end_time=end.clock if end else None,
        time_zone=start.zone,
        description=plain(str(entry.get("summary", ""))),
        event_type=_said(entry, _TYPES),
        dance_style=", ".join(str(tag.get("term") or "") for tag in entry.get("tags", [])),
        location=one_line(_said(entry, _PLACES)),
        organiser=one_line(_said(entry, _ORGANISERS)),
        url=link,
        updated=str(entry.get("updated", "")),
        raw=raw,
    )


def _said(entry: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((str(entry[name]).strip() for name in names if entry.get(name)), "")


def _absolute(base: str, link: str) -> str:
    try:
        absolute = urljoin(base, link.strip())
        return absolute if link and urlsplit(absolute).scheme in ("http", "https") else ""
    except ValueError:
        return ""
