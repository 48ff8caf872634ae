"""A bounded crawl: pages, and what they lead to on their own site."""

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import NamedTuple

from app.pipeline.event import Finding, Reject, Sighting, Unchanged, Unread
from app.pipeline.sources.entry import Entry
from app.pipeline.sources.failures import PlaceGoneError, SourceError
from app.pipeline.sources.fetching import Fetcher, Page, Request
from app.pipeline.sources.formats.calendar import read_calendar
from app.pipeline.sources.formats.feed import read_feed
from app.pipeline.sources.formats.links import is_calendar, links_of, site_of
from app.pipeline.sources.formats.schedule import Days
from app.pipeline.sources.formats.structured_data import read_structured_data, repeats
from app.pipeline.sources.formats.text import decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far a crawl goes."""

    follow: tuple[str, ...]
    """A link within a site is followed when its path holds one of these."""
    depth: int
    """How many links away from the first page."""
    max_pages: int
    """Most pages of one site."""
    horizon_days: int
    """How many days from today recurring events of calendars are written out."""


class Seed(NamedTuple):
    """Where a crawl begins, and what the table says of it."""

    address: str
    publisher: str = ""
    keywords: str = ""


class _Step(NamedTuple):
    """A place that is to be read because its seed led there."""

    request: Request
    seed: Seed


def crawl(
    entry: Entry, fetcher: Fetcher, today: date, seeds: Sequence[Seed], limits: Limits, *, alone: bool = True
) -> Iterator[Finding]:
    """The events of all pages and of what they lead to.

    A page that cannot be read does not hide what it led to last time: those places are read all the same.

    Args:
        entry: the source.
        fetcher: reads the pages.
        today: first day of the window of recurring events.
        seeds: where to begin.
        limits: how far to go.
        alone: the source reads nothing else, so it fails when no page can be read.

    Raises:
        SourceError: it is alone, none of the first pages could be read, and nothing that they led to is known.
    """
    run = _Crawl(entry, fetcher, today, limits)
    steps = [step for seed in seeds for step in run.steps([seed.address], seed, found=False)]
    first = len(steps)
    for _ in range(limits.depth + 1):
        steps = yield from run.level(steps)
    if alone and run.unread and len(run.unread) == first == len(run.seen):
        more = f" (and so for all its {first} pages)" if first > 1 else ""
        raise SourceError(entry.name, run.unread[0].reason + more)
    yield from run.unread


@dataclass(slots=True)
class _Crawl:
    entry: Entry
    fetcher: Fetcher
    today: date
    limits: Limits
    seen: set[str] = field(default_factory=set)
    pages: Counter[str] = field(default_factory=Counter)
    """Pages asked for, by site of the seed."""
    unread: list[Unread] = field(default_factory=list)

    @property
    def _days(self) -> Days:
        return Days(self.today, self.today + timedelta(days=self.limits.horizon_days))

    def steps(self, addresses: Sequence[str], seed: Seed, *, found: bool) -> Iterator[_Step]:
        """The places that are new and within the site's budget."""
        site = site_of(seed.address) or seed.address
        for address in addresses:
            if address not in self.seen and self.pages[site] < self.limits.max_pages:
                self.seen.add(address)
                self.pages[site] += 1
                calendar = is_calendar(address)
                request = self.entry.request(
                    address,
                    today=self.today if calendar else None,
                    depends="\x1f".join(seed),
                    found=found,
                    crawled=not calendar,
                )
                yield _Step(request, seed)

    def level(self, steps: Sequence[_Step]) -> Generator[Finding, None, list[_Step]]:
        """Read places side by side; returns where they lead."""
        onward: list[_Step] = []
        pages = self.fetcher.read_many(step.request for step in steps)
        for step, (request, page) in zip(steps, pages, strict=True):
            try:
                findings, links = self._read(page, step.seed)
            except SourceError as error:
                known = self.fetcher.recall(request)
                links = known.links if known else ()
                if not (request.found and isinstance(error, PlaceGoneError)):
                    self.unread.append(
                        Unread(source=request.source, place=request.place, reason=error.reason)
                    )
            else:
                yield from findings
            onward += self.steps(links, step.seed, found=True)
        return onward

    def _read(self, page: Page | SourceError, seed: Seed) -> tuple[Sequence[Finding], tuple[str, ...]]:
        if isinstance(page, SourceError):
            raise page
        if page.unchanged:
            place = Unchanged(source=page.request.source, place=page.request.place)
            self.fetcher.remember(page, page.memory.links)
            return [place], page.memory.links
        said, links = self._parsed(page)
        findings = [
            _labelled(finding, seed) if isinstance(finding, Sighting) else finding for finding in said
        ]
        if is_calendar(page.request.address) or not (_is_calendar(page) or repeats(page.body)):
            self.fetcher.remember(page, links)
        return findings, links

    def _parsed(self, page: Page) -> tuple[Sequence[Sighting | Reject], tuple[str, ...]]:
        origin = self.entry.origin(page.request.place)
        if _is_calendar(page):
            text = decode(page.body, page.content_type)
            return list(read_calendar(text, origin, *self._days)), ()
        if _is_feed(page):
            findings, links = read_feed(page.body, origin, page.url)
            return findings, tuple(link for link in links if site_of(link) == site_of(page.url))
        text = decode(page.body, page.content_type)
        structured = list(read_structured_data(text, origin, page.url, self._days))
        return structured, links_of(text, page.url, self.limits.follow)


def _labelled(sighting: Sighting, seed: Seed) -> Sighting:
    """With what the table says, where the page itself says nothing."""
    if seed.keywords and not sighting.dance_style:
        notes = (*sighting.notes, "style from the list of pages")
        sighting = replace(sighting, dance_style=seed.keywords, notes=notes)
    return replace(sighting, publisher=seed.publisher) if seed.publisher else sighting


def _is_calendar(page: Page) -> bool:
    start = page.body[:1_000].removeprefix(b"\xef\xbb\xbf").lstrip().upper()
    return start.startswith(b"BEGIN:VCALENDAR")


def _is_feed(page: Page) -> bool:
    start = page.body[:1_000].lower()
    return b"<rss" in start or b"<feed" in start or b"<rdf:rdf" in start
