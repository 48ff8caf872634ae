"""Source `websites`: pages, and what they lead to on their own site: calendars, feeds, event pages."""

import csv
import io
from collections.abc import Generator, Iterator
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from app.pipeline.event import Finding
from app.pipeline.sources.crawling import Limits, Seed, crawl
from app.pipeline.sources.entry import Address, Entry
from app.pipeline.sources.fetching import Fetcher
from app.pipeline.sources.formats.text import decode

_ADDRESS = TypeAdapter[str](Address)


class Settings(Entry):
    """An entry of kind `websites`."""

    kind: Literal["websites"]
    pages: tuple[Address, ...] = ()
    """Pages, feeds or calendars to begin with."""
    table: Address | None = None
    """A CSV with columns `source,keywords,link` that lists more of them."""
    follow: Annotated[tuple[str, ...], Field(min_length=1)] = (
        *("agenda", "calendar", "dance", "dancing", "event", "milonga", "schedule", "social", "whats-on"),
    )
    """A link within a site is followed when its path holds one of these words."""
    depth: int = Field(default=1, ge=0, le=3)
    """How many links away from the first page."""
    max_pages: int = Field(default=40, ge=1, le=1_000)
    """Most pages of one site in one run."""
    horizon_days: int = Field(default=120, ge=1, le=730)
    """How many days from today recurring events of calendars are written out."""

    @model_validator(mode="after")
    def _begins_somewhere(self) -> Self:
        if not self.pages and not self.table:
            raise ValueError("names neither pages nor a table of them")
        return self


def collect(settings: Settings, fetcher: Fetcher, today: date) -> Iterator[Finding]:
    """The events of all sites."""
    seeds = [Seed(page) for page in settings.pages]
    if settings.table:
        seeds += yield from _listed(settings, fetcher, settings.table)
    limits = Limits(
        follow=settings.follow,
        depth=settings.depth,
        max_pages=settings.max_pages,
        horizon_days=settings.horizon_days,
    )
    yield from crawl(settings, fetcher, today, seeds, limits)


def _listed(settings: Settings, fetcher: Fetcher, table: str) -> Generator[Finding, None, list[Seed]]:
    """The pages in the team's CSV; a line that names none is a reject."""
    page = fetcher.read(settings.request(table))
    origin = settings.origin(table)
    reader = csv.DictReader(io.StringIO(decode(page.body, page.content_type), newline=""))
    seeds: list[Seed] = []
    try:
        if not {"source", "keywords", "link"} <= set(reader.fieldnames or ()):
            raise origin.failure("is not a table of pages: its columns are source, keywords and link")
        for row in reader:
            link = (row["link"] or "").strip()
            try:
                address = _ADDRESS.validate_python(link)
                if not address.startswith(("http://", "https://")):
                    raise ValueError(link)  # noqa: TRY301 - the same reject
            except (ValidationError, ValueError):
                raw = ",".join(str(value) for value in row.values())
                yield origin.reject("the link is not an http or https address", raw, reader.line_num)
                continue
            seeds.append(Seed(address, (row["source"] or "").strip(), (row["keywords"] or "").strip()))
    except csv.Error as error:
        raise origin.failure(f"is not a table of pages: {error}") from error
    return seeds
