"""Reading the lists of a JSON API, page after page."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from app.pipeline.event import Finding, Reject, Sighting, Unchanged, Unread
from app.pipeline.sources.entry import Entry
from app.pipeline.sources.failures import SourceError
from app.pipeline.sources.fetching import Fetcher, Request
from app.pipeline.sources.formats.origin import Origin

MOST_PAGES: Final = 50
"""Pages of one list; an API that always names a next one would be read for ever."""

Asking = Callable[[int, str | None], Request]
"""The request of a list's page: its number, from 1, and what the page before it gave to go on with."""
ListReader = Callable[[bytes, Origin], tuple[Iterable[Sighting | Reject], str | None]]
"""What turns a page into findings and what to go on with; raises SourceError when it is no such list."""


def read_lists(
    settings: Entry, fetcher: Fetcher, lists: Iterable[Asking], read: ListReader, *, alone: bool = True
) -> Iterator[Finding]:
    """The findings of several lists.

    A page that cannot be read hides neither the other lists nor the pages that it led to last time.

    Args:
        settings: the source.
        fetcher: reads the pages.
        lists: what asks for the pages of each.
        read: turns a page into findings.
        alone: the source reads nothing else, so it fails when no page can be read.

    Raises:
        SourceError: it is alone and no page could be read; else the finding `Unread` tells.
    """
    failures: list[Unread] = []
    pages = 0
    for asking in lists:
        more: str | None = None
        for number in range(1, MOST_PAGES + 1):
            request = asking(number, more)
            pages += 1
            try:
                findings, more = _read(settings, fetcher, request, read)
            except SourceError as error:
                failures.append(Unread(source=settings.name, place=request.place, reason=error.reason))
                more = _next_of(fetcher, request)
            else:
                yield from findings
            if not more:
                break
    if alone and failures and len(failures) == pages:
        more_of_them = f" (and so for all its {pages} pages)" if pages > 1 else ""
        raise SourceError(settings.name, failures[0].reason + more_of_them)
    yield from failures


def _read(
    settings: Entry, fetcher: Fetcher, request: Request, read: ListReader
) -> tuple[list[Finding], str | None]:
    page = fetcher.read(request)
    if page.unchanged:
        findings: list[Finding] = [Unchanged(source=settings.name, place=request.place)]
        more = _next_of(fetcher, request)
    else:
        said, more = read(page.body, settings.origin(request.place))
        findings = list(said)
    fetcher.remember(page, (more,) if more else ())
    return findings, more


def _next_of(fetcher: Fetcher, request: Request) -> str | None:
    """What the page led to last time."""
    known = fetcher.recall(request)
    return next(iter(known.links), None) if known else None
