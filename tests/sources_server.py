"""A web site of strangers on loopback, with everything that goes wrong out there."""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Response:
    """What the site answers at one path."""

    body: bytes = b""
    status: int = 200
    headers: Headers = field(default_factory=dict)


Answering = Response | Callable[[Headers], Response | Iterator[bytes]]
"""A response, or what makes one from the request's headers: whole, or as bytes that leave one after another."""


class Site:
    """The site: set `answers[path]` and `otherwise`, read `asked`."""

    def __init__(self) -> None:
        """A site with no pages."""
        self.answers: dict[str, Answering] = {}
        self.otherwise: Answering = Response(b"not here", 404)
        self.asked: list[str] = []
        self.headers: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
        self.url = ""

    @property
    def counts(self) -> Counter[str]:
        """How often each path was asked for."""
        return Counter(self.asked)

    def page(
        self, path: str, body: str | bytes, content_type: str = "text/html; charset=utf-8", **headers: str
    ) -> str:
        """Serve a page, whose `SITE` becomes the site's address; returns its address."""
        content = body.replace("SITE", self.url).encode() if isinstance(body, str) else body
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers[path] = Response(content, headers={"Content-Type": content_type, **named})
        return self.url + path


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            site.headers[self.path].append(headers)
            answer = site.answers.get(self.path, site.otherwise)
            given = answer(headers) if callable(answer) else answer
            try:
                if isinstance(given, Response):
                    self._whole(given)
                else:
                    for part in given:
                        self.wfile.write(part)
                        self.wfile.flush()
                    self.close_connection = True
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def _whole(self, response: Response) -> None:
            self.send_response(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            if "Content-Length" not in response.headers:
                self.send_header("Content-Length", str(len(response.body)))
            self.end_headers()
            self.wfile.write(response.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Say nothing."""

    return Handler


@contextmanager
def serving() -> Iterator[Site]:
    """A running site."""
    site = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(site))
    server.daemon_threads = True
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
