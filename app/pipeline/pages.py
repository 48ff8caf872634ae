"""Which page a link leads to, and whether that page is about one event."""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from app.pipeline.vocabulary import load

_LISTS: Final = frozenset(load("matching")["list_pages"])
_PLATFORM: Final = re.compile(
    r"(?:.*\.)?(?:(eventbrite)\.[a-z.]+/e/(?:.*-)?|(facebook)\.com/events/(?:s/[^/]+/)?)(\d{4,})(?:[/?].*)?"
)


def page_of(url: str) -> str:
    """The page that a URL in canonical form leads to, equal for all links to it; platforms name an event by a number."""
    address = url.partition("://")[2].removeprefix("www.").removeprefix("m.").rstrip("/")
    if ("eventbrite." in address or "facebook." in address) and (found := _PLATFORM.fullmatch(address)):
        return f"{found[1] or found[2]} {found[3]}"
    return address


@lru_cache(maxsize=10_000)
def is_one_event(page: str) -> bool:
    """Whether a page is by its address about one event, not a calendar or somebody's front page."""
    if page.startswith(("eventbrite ", "facebook ")):
        return True
    steps = [step for step in urlsplit(f"//{page}").path.casefold().split("/") if step]
    return len(steps) > 1 and steps[-1] not in _LISTS
