"""The door through which sources read: files and URLs, remembered from run to run."""

import hashlib
import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from anyio.from_thread import BlockingPortal, start_blocking_portal

from app.pipeline.sources.failures import PlaceGoneError, SourceError
from app.pipeline.sources.fetching.answers import Answer, FetchFailureError
from app.pipeline.sources.fetching.client import HttpClient, Wanted
from app.pipeline.sources.fetching.memory import FetchMemory, Remembered
from app.pipeline.sources.fetching.policy import FetchSettings

# httpx logs each URL at INFO, and a calendar's private address is a key.
logging.getLogger("httpx").setLevel(logging.WARNING)

_WEB: Final = ("http://", "https://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One place that a source wants to read."""

    source: str
    """Name of the source."""
    address: str
    """http(s) URL, or a file path relative to the folder of the list of sources."""
    reading: str
    """Digest of all else that the findings depend on; see `Remembered.reading`."""
    found: bool = False
    """It was found in a page and not written by the operator: no file, no private address."""
    crawled: bool = False
    """The site's robots.txt decides."""
    credentials: Mapping[str, str] = field(default_factory=dict)
    """Headers for the address' own origin."""
    shown_as: str = ""
    """Stands for the address wherever it is shown or stored; for addresses that are keys."""

    @property
    def place(self) -> str:
        """How the address is called in sightings, messages and the memory."""
        return self.shown_as or self.address


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What was read at a place."""

    request: Request
    url: str
    """Where redirects ended; the path for a file."""
    body: bytes
    content_type: str
    unchanged: bool
    """It is what it was when it was last remembered; the body may then be empty."""
    memory: Remembered
    """What to remember of it; `links` is what was remembered when it is unchanged."""


class Fetcher:
    """Reads places for sources, synchronously; the network runs in one background thread."""

    def __init__(self, settings: FetchSettings, memory: FetchMemory, *, folder: Path) -> None:
        """Take limits, memory and the folder to which file paths are relative; nothing is opened yet."""
        self._settings = settings
        self._memory = memory
        self._folder = folder
        self._open = ExitStack()
        self._network: tuple[BlockingPortal, HttpClient] | None = None

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the network thread, with what it still waits for."""
        self._network = None
        self._open.__exit__(kind, error, trace)

    def read(self, request: Request) -> Page:
        """Read one place.

        Raises:
            PlaceGoneError: there is nothing at the place.
            SourceError: it could not be read, with the reason.
        """
        return self._finish(request, *self._start(request))

    def read_many(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Page | SourceError]]:
        """Read places side by side, a bounded number ahead; results come in the order of the requests."""
        ahead: deque[tuple[Request, Remembered | None, Future[Answer] | None]] = deque()
        for request in requests:
            ahead.append((request, *self._start(request)))
            if len(ahead) > 2 * self._settings.concurrency:
                yield self._outcome(*ahead.popleft())
        while ahead:
            yield self._outcome(*ahead.popleft())

    def remember(self, page: Page, links: tuple[str, ...] = ()) -> None:
        """Call when all findings of a page were yielded: it is not read again until it changes."""
        known = page.memory
        self._memory.remember(
            page.request.source,
            page.request.place,
            Remembered(
                reading=known.reading,
                digest=known.digest,
                etag=known.etag,
                last_modified=known.last_modified,
                links=links,
            ),
        )

    def recall(self, request: Request) -> Remembered | None:
        """What is remembered of a place under the same reading."""
        known = self._memory.recall(request.source, request.place)
        return known if known and known.reading == request.reading else None

    def _start(self, request: Request) -> tuple[Remembered | None, Future[Answer] | None]:
        known = self.recall(request)
        if not request.address.lower().startswith(_WEB):
            return known, None
        conditions = {}
        if known and known.etag:
            conditions["If-None-Match"] = known.etag
        if known and known.last_modified:
            conditions["If-Modified-Since"] = known.last_modified
        portal, client = self._connected()
        wanted = Wanted(
            url=request.address,
            conditions=conditions,
            credentials=request.credentials,
            trusted=not request.found,
            crawled=request.crawled,
        )
        return known, portal.start_task_soon(client.get, wanted)

    def _connected(self) -> tuple[BlockingPortal, HttpClient]:
        if self._network is None:
            portal = self._open.enter_context(start_blocking_portal())
            client = portal.call(HttpClient, self._settings)
            self._network = portal, self._open.enter_context(portal.wrap_async_context_manager(client))
        return self._network

    def _outcome(
        self, request: Request, known: Remembered | None, answer: Future[Answer] | None
    ) -> tuple[Request, Page | SourceError]:
        try:
            return request, self._finish(request, known, answer)
        except SourceError as error:
            return request, error

    def _finish(self, request: Request, known: Remembered | None, coming: Future[Answer] | None) -> Page:
        try:
            answer = coming.result() if coming else self._file(request)
        except FetchFailureError as error:
            failure = PlaceGoneError if error.gone else SourceError
            raise failure(request.source, f"{request.place} {error}") from error
        if answer.unchanged and known:
            memory = known
        else:
            memory = Remembered(
                reading=request.reading,
                digest=hashlib.sha256(answer.body).hexdigest(),
                etag=answer.etag,
                last_modified=answer.last_modified,
                links=known.links if known else (),
            )
        return Page(
            request=request,
            url=answer.url,
            body=answer.body,
            content_type=answer.content_type,
            unchanged=known is not None and known.digest == memory.digest,
            memory=memory,
        )

    def _file(self, request: Request) -> Answer:
        if request.found:
            raise FetchFailureError("was found in a page and is not an http or https address")
        path = self._folder / request.address
        try:
            if path.exists() and not path.is_file():
                raise FetchFailureError("is not a file")
            if path.stat().st_size > self._settings.max_megabytes * 1_000_000:
                raise FetchFailureError(f"is longer than {self._settings.max_megabytes:g} MB")
            body = path.read_bytes()
        except FileNotFoundError as error:
            raise FetchFailureError(f"is not there: no file {path}", gone=True) from error
        except (OSError, ValueError) as error:
            raise FetchFailureError(f"cannot be read: {getattr(error, 'strerror', error)}") from error
        return Answer(
            url=request.address, body=body, content_type="", etag=None, last_modified=None, unchanged=False
        )
