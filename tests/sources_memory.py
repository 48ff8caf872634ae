"""What the tests of sources share: a memory in a dictionary and a way to collect."""

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

from pydantic import SecretStr

from app.pipeline.event import Finding, Reject, Sighting
from app.pipeline.sources import Fetcher, Remembered, collect, read_sources

TODAY = date(2026, 3, 1)


class DictionaryMemory:
    """A `FetchMemory` that lasts as long as the test."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self.places: dict[tuple[str, str], Remembered] = {}

    def recall(self, source: str, place: str) -> Remembered | None:
        """What was remembered."""
        return self.places.get((source, place))

    def remember(self, source: str, place: str, page: Remembered) -> None:
        """Keep it."""
        self.places[source, place] = page


def collected(
    path: Path,
    memory: DictionaryMemory | None = None,
    *,
    today: date = TODAY,
    secrets: Mapping[str, SecretStr] | None = None,
) -> dict[str, list[Finding]]:
    """What each source in the list at `path` yields."""
    listing = read_sources(path, secrets)
    with Fetcher(listing.fetch, memory or DictionaryMemory(), folder=listing.folder) as fetcher:
        return {source.name: list(collect(source, fetcher, today)) for source in listing.sources}


def sightings(findings: Iterable[Finding]) -> list[Sighting]:
    """The sightings among the findings."""
    return [finding for finding in findings if isinstance(finding, Sighting)]


def rejects(findings: Iterable[Finding]) -> list[Reject]:
    """The rejects among the findings."""
    return [finding for finding in findings if isinstance(finding, Reject)]
