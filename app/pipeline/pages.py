"""Which page a link leads to, and whether that page is about one event."""

import re
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from app.pipeline.vocabulary import load

_LISTS: Final = frozenset(load("matching")["list_pages"])
_PLATFORM: Final = re.compile(
    r"(?:.*\.)?(?:(eventbrite)\.[a-z.]+/e/(?:.*-)?|(facebook)\.com/events/(?:s/[^/]+/)?)(\d{4,})(?:[/?].*)?"
)


class PageName(NamedTuple):
    """A page, whatever way its link is written.

    Attributes:
        name: equal for links to one page.
        is_one_event: by its address it is about one event, not a calendar or somebody's front page.
    """

    name: str
    is_one_event: bool


@lru_cache(maxsize=100_000)
def page_of(url: str) -> PageName:
    """The page that a URL in canonical form leads to; platforms name an event by a number."""
    _, _, address = url.partition("://")
    address = address.removeprefix("www.").removeprefix("m.")
    if found := _PLATFORM.fullmatch(address):
        return PageName(f"{found[1] or found[2]} {found[3]}", is_one_event=True)
    parts = urlsplit(f"//{address}")
    steps = [step for step in parts.path.casefold().split("/") if step]
    return PageName(address.rstrip("/"), is_one_event=len(steps) > 1 and steps[-1] not in _LISTS)
