"""GET over http and https with the limits of `FetchSettings`: politeness, robots.txt, redirects, retries."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

import httpx
import stamina

from app.pipeline.sources.fetching.answers import Answer, FetchFailureError, judge, reason_of, without_body
from app.pipeline.sources.fetching.policy import FetchSettings
from app.pipeline.sources.fetching.public import MAY_BE_PRIVATE, PrivateAddressError, PublicTransport
from app.pipeline.sources.fetching.robots import RobotsRules, RobotsUnreadableError, read_robots

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One URL to fetch, and under which rules."""

    url: str
    conditions: Mapping[str, str] = field(default_factory=dict)
    """If-None-Match and If-Modified-Since of last time."""
    credentials: Mapping[str, str] = field(default_factory=dict)
    """Headers that only the URL's own origin may see."""
    trusted: bool = False
    """The operator wrote it down: it may lead to a private address."""
    crawled: bool = True
    """Its site's robots.txt decides; false for feeds that are published to be subscribed to, and for APIs."""


@dataclass(slots=True)
class _Turns:
    """Whose turn it is at one host."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    next_at: float = 0.0


class HttpClient:
    """An asynchronous client for strangers' sites; use it as a context manager, in one event loop."""

    def __init__(self, settings: FetchSettings) -> None:
        """Make a client that connects to nothing yet."""
        self._settings = settings
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._turns: defaultdict[str, _Turns] = defaultdict(_Turns)
        self._robots: dict[str, RobotsRules | RobotsUnreadableError] = {}
        self._robots_locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._retrying = stamina.AsyncRetryingCaller(
            attempts=settings.attempts,
            timeout=None,
            wait_initial=settings.first_wait_seconds,
            wait_max=settings.longest_wait_seconds,
            wait_jitter=min(1.0, settings.first_wait_seconds),
        )
        # No keep-alive: see PublicTransport. No trust_env: only settings/ reads the environment.
        connections = httpx.AsyncHTTPTransport(
            trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )
        self._http = httpx.AsyncClient(
            transport=PublicTransport(connections),
            headers={"User-Agent": settings.user_agent, "Accept-Encoding": "gzip, deflate"},
            timeout=httpx.Timeout(settings.timeout_seconds, connect=settings.timeout_seconds / 3),
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        """Itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what is open."""
        await self._http.aclose()

    async def get(self, wanted: Wanted) -> Answer:
        """Fetch a URL.

        Raises:
            FetchFailureError: it could not be had, with the reason.
        """
        return await self._retrying(self._backoff, self._attempt, wanted)

    def _backoff(self, error: Exception) -> bool | float:
        if not isinstance(error, FetchFailureError) or not error.passing:
            return False
        if error.wait is None:
            return True
        return error.wait if error.wait <= self._settings.longest_wait_seconds else False

    async def _attempt(self, wanted: Wanted) -> Answer:
        try:
            response, body = await self._follow(wanted)
        except (httpx.RequestError, httpx.InvalidURL, TimeoutError) as error:
            raise FetchFailureError(
                reason_of(error, self._settings.timeout_seconds),
                passing=isinstance(error, httpx.TransportError)
                and not isinstance(error, PrivateAddressError),
            ) from error
        return judge(response, body, conditional=bool(wanted.conditions))

    async def _follow(self, wanted: Wanted) -> tuple[httpx.Response, bytes]:
        """Fetch, following redirects; each hop to a public address, with its own robots.txt."""
        url = origin = httpx.URL(wanted.url)
        for hop in range(self._settings.redirects + 1):
            if url.scheme not in ("http", "https") or not url.host:
                raise FetchFailureError(
                    f"leads to a {url.scheme or 'relative'} address; only http and https are read"
                )
            private = self._settings.allow_private_addresses or (wanted.trusted and hop == 0)
            delay = await self._permission(url, private=private) if wanted.crawled else 0.0
            headers = dict(wanted.conditions)
            if _site(url) == _site(origin):
                headers |= wanted.credentials
            response, body = await self._hop(url, headers, private=private, delay=delay)
            location = response.headers.get("location", "")
            if response.status_code not in _REDIRECTS or not location:
                return response, body
            url = url.join(location)
        raise FetchFailureError(f"redirects more than {self._settings.redirects} times")

    async def _permission(self, url: httpx.URL, *, private: bool) -> float:
        """Seconds between requests that the site's robots.txt asks for, when it permits the URL."""

        async def get(robots: httpx.URL) -> tuple[int, bytes]:
            wanted = Wanted(url=str(robots), trusted=private, crawled=False)
            try:
                response, body = await self._follow(wanted)
            except FetchFailureError as error:
                raise RobotsUnreadableError(str(error)) from error
            return response.status_code, body

        site = _site(url)
        async with self._robots_locks[site]:
            if site not in self._robots:
                try:
                    self._robots[site] = await read_robots(url, self._settings.user_agent, get)
                except RobotsUnreadableError as error:
                    self._robots[site] = error
        rules = self._robots[site]
        if isinstance(rules, RobotsUnreadableError):
            raise FetchFailureError(f"its robots.txt {rules}, so nothing may be read")
        if not rules.allows(url):
            raise FetchFailureError("its robots.txt forbids it")
        return rules.delay

    async def _hop(
        self, url: httpx.URL, headers: Mapping[str, str], *, private: bool, delay: float
    ) -> tuple[httpx.Response, bytes]:
        request = self._http.build_request("GET", url, headers=headers, extensions={MAY_BE_PRIVATE: private})
        async with (
            self._turn(url.host, max(delay, self._settings.delay_seconds)),
            asyncio.timeout(self._settings.timeout_seconds),
        ):
            response = await self._http.send(request, stream=True)
            try:
                return response, await self._body(response)
            finally:
                await response.aclose()

    async def _body(self, response: httpx.Response) -> bytes:
        longest = int(self._settings.max_megabytes * 1_000_000)
        too_long = FetchFailureError(f"is longer than {self._settings.max_megabytes:g} MB")
        announced = response.headers.get("content-length", "")
        if without_body(response) or (
            announced.isascii() and announced.isdigit() and int(announced) > longest
        ):
            if response.status_code == httpx.codes.OK:
                raise too_long
            return b""
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > longest:
                raise too_long
        return bytes(body)

    @asynccontextmanager
    async def _turn(self, host: str, delay: float) -> AsyncIterator[None]:
        """Wait until it is polite to ask the host; one request to it at a time."""
        turns = self._turns[host]
        now = asyncio.get_running_loop().time
        async with turns.lock:
            await asyncio.sleep(max(0.0, turns.next_at - now()))
            try:
                async with self._slots:
                    yield
            finally:
                turns.next_at = now() + delay


def _site(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}"
