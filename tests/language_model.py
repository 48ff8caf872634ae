"""A local server that speaks OpenAI's chat protocol, and misbehaves as told."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final

Behaviour = Callable[["Call"], None]


@dataclass
class Call:
    """One request, and the ways to answer it."""

    handler: BaseHTTPRequestHandler
    asked: dict[str, Any]
    number: int

    @property
    def content(self) -> str:
        """What the user's message said."""
        return "".join(str(said["content"]) for said in self.asked["messages"] if said["role"] == "user")

    def send(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        """Answer with JSON."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.handler.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.handler.send_header(name, value)
        self.handler.send_header("Content-Length", str(len(raw)))
        self.handler.end_headers()
        self.handler.wfile.write(raw)

    def break_off(self, body: object = None, *, after: int = 0) -> None:
        """Drop the connection: before any answer, or after so many bytes of a body that was promised whole."""
        if body is not None:
            raw = json.dumps(body).encode()
            self.handler.send_response(200)
            self.handler.send_header("Content-Type", "application/json")
            self.handler.send_header("Content-Length", str(len(raw)))
            self.handler.end_headers()
            self.handler.wfile.write(raw[:after])
            self.handler.wfile.flush()
        self.handler.close_connection = True
        self.handler.connection.shutdown(socket.SHUT_RDWR)

    def complete(self, message: dict[str, Any], reason: str = "stop") -> None:
        """Answer with a chat completion."""
        choice = {
            "index": 0,
            "finish_reason": reason,
            "message": {"role": "assistant", "content": None, **message},
        }
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        self.send(
            200,
            {
                "id": "1",
                "object": "chat.completion",
                "created": 1,
                "model": "m",
                "choices": [choice],
                "usage": usage,
            },
        )

    def use_tool(self, arguments: str) -> None:
        """Answer with a call of the tool that takes the typed answer."""
        name = self.asked["tools"][0]["function"]["name"]
        call = {"id": "1", "type": "function", "function": {"name": name, "arguments": arguments}}
        self.complete({"tool_calls": [call]}, "tool_calls")

    def say(self, *, yes: bool, why: str = "because") -> None:
        """The proper answer."""
        self.use_tool(json.dumps({"yes": yes, "why": why}))


@dataclass
class Served:
    """A running server.

    Attributes:
        url: its base URL.
        calls: what was asked, in order.
        keys: the Authorization headers.
    """

    url: str
    calls: list[Call] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)


@contextmanager
def serving(behave: Behaviour) -> Iterator[Served]:
    """Serve on loopback as long as the block lasts."""
    served = Served("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            call = Call(self, asked, len(served.calls))
            served.calls.append(call)
            served.keys.append(self.headers["Authorization"])
            behave(call)

        def log_message(self, *said: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def always(*, yes: bool) -> Behaviour:
    """A model of one opinion."""
    return lambda call: call.say(yes=yes)


TOO_MANY: Final = {"error": {"message": "slow down", "type": "rate_limit", "code": "rate_limit"}}
