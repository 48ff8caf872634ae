"""Where a page leads on: calendars and feeds that it offers, and the site's own pages about events."""

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import parse_qs, quote, urldefrag, urljoin, urlsplit

from lxml import html

from app.pipeline.sources.formats.structured_data import parse_html

_FEEDS: Final = frozenset({"text/calendar", "application/rss+xml", "application/atom+xml"})
_GOOGLE: Final = frozenset({"calendar.google.com", "www.google.com"})
_NOT_PAGES: Final = re.compile(
    r"\.(?:jpe?g|png|gif|webp|svg|pdf|zip|docx?|xlsx?|mp[34]|css|js|xml|woff2?)$", re.IGNORECASE
)
_LONGEST: Final = 2_000


def links_of(text: str, url: str, words: Sequence[str]) -> tuple[str, ...]:
    """The addresses that a crawl for events goes on with, each once, calendars and feeds first.

    Args:
        text: the page.
        url: its address.
        words: a link to the same site is followed when its path holds one of these.
    """
    tree = parse_html(text)
    if tree is None:
        return ()
    base = _base(tree, url)
    found = [*_feeds(tree, base), *_embedded(tree, base), *_pages(tree, base, url, words)]
    return tuple(dict.fromkeys(link for link in found if link != urldefrag(url)[0]))


def is_calendar(url: str) -> bool:
    """Whether an address is that of a calendar to subscribe to."""
    parts = urlsplit(url)
    return parts.path.lower().endswith(".ics") or "ical=1" in parts.query.split("&")


def site_of(url: str) -> str:
    """The site that an address belongs to: its host without `www.`."""
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def _feeds(tree: html.HtmlElement, base: str) -> Iterator[str]:
    for node in tree.iter("link"):
        relation = (node.get("rel") or "").lower().split()
        if "alternate" in relation and (node.get("type") or "").lower() in _FEEDS:
            yield from _absolute(base, node.get("href"))
    for node in tree.iter("a"):
        for link in _absolute(base, node.get("href")):
            if is_calendar(link):
                yield link


def _embedded(tree: html.HtmlElement, base: str) -> Iterator[str]:
    """The public iCalendar addresses of embedded Google calendars."""
    for node in tree.iter("iframe"):
        for link in _absolute(base, node.get("src") or node.get("data-src")):
            parts = urlsplit(link)
            if parts.hostname in _GOOGLE and parts.path.endswith("/embed"):
                query = parse_qs(parts.query)
                for calendar in (*query.get("src", ()), *map(_decoded, query.get("cid", ()))):
                    if calendar:
                        path = quote(calendar, safe="")
                        yield f"https://calendar.google.com/calendar/ical/{path}/public/basic.ics"


def _pages(tree: html.HtmlElement, base: str, url: str, words: Sequence[str]) -> Iterator[str]:
    for node in tree.iter("a"):
        if "nofollow" in (node.get("rel") or "").lower():
            continue
        for link in _absolute(base, node.get("href")):
            path = urlsplit(link).path.lower()
            if (
                site_of(link) == site_of(url)
                and not _NOT_PAGES.search(path)
                and any(word in path for word in words)
            ):
                yield link


def _base(tree: html.HtmlElement, url: str) -> str:
    declared = next((node.get("href") for node in tree.iter("base") if node.get("href")), None)
    return next(_absolute(url, declared), url)


def _absolute(base: str, link: str | None) -> Iterator[str]:
    """The http(s) address that a link means, if it means one."""
    try:
        joined = urldefrag(urljoin(base, (link or "").strip()))[0]
        parts = urlsplit(joined)
        valid = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return
    if link and valid and len(joined) <= _LONGEST:
        if parts.scheme in ("http", "https"):
            yield joined
        elif parts.scheme in ("webcal", "webcals"):
            yield "https" + joined[len(parts.scheme) :]


def _decoded(identifier: str) -> str:
    """A calendar id as `cid` carries it: base64 without padding."""
    try:
        return base64.urlsafe_b64decode(identifier + "=" * (-len(identifier) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        return ""
