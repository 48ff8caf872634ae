"""robots.txt (RFC 9309): what a site lets our crawler read, and how slowly."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import httpx
from protego import Protego

LONGEST_ROBOTS: Final = 512 * 1024
"""Bytes of a robots.txt that count; RFC 9309 asks for at least 500 KiB."""
LONGEST_CRAWL_DELAY: Final = 10.0
"""Seconds; a site that asks for more is read this slowly."""


class RobotsUnreadableError(Exception):
    """The site's robots.txt answers with a server error or not at all: nothing may be read (RFC 9309 2.3.1.4)."""


@dataclass(frozen=True, slots=True)
class RobotsRules:
    """The rules of one site for our user agent."""

    rules: Protego | None
    """None: the site has no robots.txt, everything may be read."""
    user_agent: str

    def allows(self, url: httpx.URL) -> bool:
        """Whether the page may be read."""
        return self.rules is None or bool(self.rules.can_fetch(str(url), self.user_agent))

    @property
    def delay(self) -> float:
        """Seconds that the site asks for between two requests."""
        asked = self.rules.crawl_delay(self.user_agent) if self.rules else None
        return min(asked or 0.0, LONGEST_CRAWL_DELAY)


GetRobots = Callable[[httpx.URL], Awaitable[tuple[int, bytes]]]
"""Fetches a URL: its status and body, redirects followed."""


async def read_robots(site: httpx.URL, user_agent: str, get: GetRobots) -> RobotsRules:
    """Fetch and parse the robots.txt of a site.

    Args:
        site: any URL of the site.
        user_agent: who we say we are.
        get: fetches a URL.

    Raises:
        RobotsUnreadableError: the site cannot say now what may be read.
    """
    try:
        status, body = await get(site.copy_with(raw_path=b"/robots.txt", fragment=None))
    except (httpx.TransportError, TimeoutError) as error:
        raise RobotsUnreadableError("does not answer") from error
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or status == httpx.codes.TOO_MANY_REQUESTS:
        raise RobotsUnreadableError(f"answers {status}")
    if status != httpx.codes.OK:
        return RobotsRules(None, user_agent)
    return RobotsRules(Protego.parse(body[:LONGEST_ROBOTS].decode("utf-8", "replace")), user_agent)
