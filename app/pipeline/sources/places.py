"""Reading the places of a source side by side: unchanged ones are not read, one that fails stops no other."""

from collections.abc import Callable, Iterable, Iterator

from app.pipeline.event import Finding, Reject, Sighting, Unchanged, Unread
from app.pipeline.sources.entry import Entry
from app.pipeline.sources.failures import SourceError
from app.pipeline.sources.fetching import Fetcher, Page, Request
from app.pipeline.sources.formats.origin import Origin

Reader = Callable[[Page, Origin], Iterable[Sighting | Reject]]
"""What turns a page into findings; raises SourceError, before it gives any, when
the page is not what it claims to be."""


def read_places(
    settings: Entry, fetcher: Fetcher, requests: Iterable[Request], read: Reader
) -> Iterator[Finding]:
    """The findings of all places of a source.

    Args:
        settings: the source.
        fetcher: reads the places.
        requests: the places.
        read: turns each into findings.

    Raises:
        SourceError: no place could be read; of one among many the finding `Unread` tells.
    """
    failures: list[Unread] = []
    total = 0
    for request, page in fetcher.read_many(requests):
        total += 1
        try:
            yield from read_page(settings, fetcher, page, read)
        except SourceError as error:
            failures.append(Unread(source=request.source, place=request.place, reason=error.reason))
    if failures and len(failures) == total:
        more = f" (and so for all its {total} places)" if total > 1 else ""
        raise SourceError(settings.name, failures[0].reason + more)
    yield from failures


def read_page(settings: Entry, fetcher: Fetcher, page: Page | SourceError, read: Reader) -> Iterator[Finding]:
    """The findings of one place, or that it is unchanged.

    Raises:
        SourceError: the place could not be read or is not what it claims to be.
    """
    if isinstance(page, SourceError):
        raise page
    if page.unchanged:
        yield Unchanged(source=page.request.source, place=page.request.place)
        fetcher.remember(page, page.memory.links)
        return
    yield from read(page, settings.origin(page.request.place))
    fetcher.remember(page)
