"""A link between a client and a server: slow, counted, or cut."""

import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

_PIECE: Final = 64 * 1024


@dataclass
class Link:
    """A TCP relay on loopback.

    Attributes:
        port: of the server behind it.
        delay: seconds that a piece takes in one direction: half a round trip.
        rate: bytes a second in each direction; None for no limit.
        up: bytes from clients to the server.
        down: bytes from the server to clients.
        turns: how often a client sent something after it had heard from the server: its round trips.
        cut_after: bytes upwards after which every connection is cut, once; None for never.
    """

    port: int
    delay: float = 0.0
    rate: float | None = None
    up: int = 0
    down: int = 0
    turns: int = 0
    cut_after: int | None = None
    _listener: socket.socket = field(init=False)
    _sockets: list[socket.socket] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Listen on a free port."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._start(self._accept)

    @property
    def entrance(self) -> int:
        """The port that clients connect to."""
        return int(self._listener.getsockname()[1])

    def cut(self) -> None:
        """Reset every connection that goes through."""
        for connected in self._sockets:
            with suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Stop listening and cut what is left."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self.cut()
        for thread in self._threads:
            thread.join()
        for ended in (self._listener, *self._sockets):
            ended.close()

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.port))
            for connected in (client, server):
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets += [client, server]
            heard = [True]
            for origin, target, upwards in ((client, server, True), (server, client, False)):
                pieces: queue.Queue[tuple[float, bytes]] = queue.Queue(maxsize=64)
                self._start(self._take, origin, pieces, heard, upwards)
                self._start(self._give, target, pieces)

    def _take(
        self,
        origin: socket.socket,
        pieces: "queue.Queue[tuple[float, bytes]]",
        heard: list[bool],
        upwards: bool,  # noqa: FBT001 - handed to a thread
    ) -> None:
        free = time.monotonic()
        while True:
            try:
                data = origin.recv(_PIECE)
            except OSError:
                data = b""
            if upwards:
                self.up += len(data)
                self.turns += heard[0] and bool(data)
                heard[0] = False
                if self.cut_after is not None and self.up > self.cut_after:
                    self.cut_after = None
                    self.cut()
            else:
                self.down += len(data)
                heard[0] = True
            free = max(free, time.monotonic()) + (len(data) / self.rate if self.rate else 0)
            pieces.put((free + self.delay, data))
            if self.rate:
                time.sleep(max(0, free - time.monotonic()))
            if not data:
                return

    @staticmethod
    def _give(target: socket.socket, pieces: "queue.Queue[tuple[float, bytes]]") -> None:
        while True:
            due, data = pieces.get()
            time.sleep(max(0, due - time.monotonic()))
            with suppress(OSError):
                if data:
                    target.sendall(data)
                else:
                    target.shutdown(socket.SHUT_WR)
            if not data:
                return


@contextmanager
def linked(port: int, *, delay: float = 0.0, rate: float | None = None) -> Iterator[Link]:
    """A link that is closed at the end."""
    link = Link(port, delay=delay, rate=rate)
    try:
        yield link
    finally:
        link.close()
