"""What a place gave last time, so that it is neither fetched nor read again when nothing changed."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """A place as it was when its findings were stored."""

    reading: str
    """Digest of all else that the findings depend on: the source's settings, the reader, the day."""
    digest: str
    """SHA-256 of the content."""
    etag: str | None = None
    """The response's validator, sent back as If-None-Match."""
    last_modified: str | None = None
    """The response's date, sent back as If-Modified-Since."""
    links: tuple[str, ...] = ()
    """Where a crawl went on from here."""


class FetchMemory(Protocol):
    """Keeps `Remembered` for each source and place; the caller of `Fetcher` decides where.

    What it is told to remember must become durable together with the findings of the same collection, or not
    at all: a place that is remembered is not read again.
    """

    def recall(self, source: str, place: str) -> Remembered | None:
        """What was remembered of the place, or None."""

    def remember(self, source: str, place: str, page: Remembered) -> None:
        """Keep this instead of what was remembered."""
