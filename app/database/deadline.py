"""A client-side deadline for every round trip.

A server that is frozen but whose kernel still acknowledges packets (SIGSTOP, a stalled disk, a
suspended machine) defeats `statement_timeout`, `tcp_user_timeout` and keepalives alike: all of them
wait for ever. One watchdog thread shuts the socket down instead, which wakes the driver with an
error. Unlike psycopg2's wait callback this is per connection and leaves COPY usable.
"""

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from types import TracebackType
from typing import IO, Any, Final, Self, cast

import psycopg2
from psycopg2 import extensions

_NEVER: Final = float("inf")
_TICK: Final = 1.0
"""Seconds between two looks at the round trips in progress; the settings allow no shorter deadline."""
_UNBOUNDED: Final = nullcontext(None)


class NoAnswerError(psycopg2.OperationalError):
    """The server did not answer within the client's deadline; the connection was given up."""


class _Watch:
    """One round trip in progress, as a context; `due` moves forward when there is progress."""

    __slots__ = ("_descriptor", "_dog", "_seconds", "due", "fired")

    def __init__(self, descriptor: int, seconds: float) -> None:
        self._descriptor = descriptor
        self._dog = _watchdog
        self._seconds = seconds
        self.fired = False
        self.progress()

    def __enter__(self) -> Self:
        self._dog.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._dog.discard(self)
        if self.fired and isinstance(error, psycopg2.Error):
            raise NoAnswerError(f"no answer within {self._seconds:g} s, connection given up") from error

    def progress(self) -> None:
        """Start the deadline anew."""
        self.due = time.monotonic() + self._seconds

    def fire(self) -> None:
        """Shut the socket down; a duplicate, because closing ours would close the driver's."""
        self.fired = True
        with suppress(OSError), socket.socket(fileno=os.dup(self._descriptor)) as duplicate:
            duplicate.shutdown(socket.SHUT_RDWR)


class _Watchdog:
    """A thread that ends what is overdue.

    While there are round trips it looks once a tick, and only a deadline before its next look wakes
    it: a thread woken for every round trip would take the interpreter from the one that waits for
    the answer. After a tick without any it sleeps until the next.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sooner = threading.Condition(self._lock)
        self._watches: set[_Watch] = set()
        self._looks_at = _NEVER
        self._idle = True
        self._thread: threading.Thread | None = None

    def add(self, watch: _Watch) -> None:
        with self._lock:
            self._watches.add(watch)
            self._idle = False
            if watch.due < self._looks_at:
                self._looks_at = watch.due
                self._wake()

    def discard(self, watch: _Watch) -> None:
        with self._lock:
            self._watches.discard(watch)

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="database deadlines", daemon=True)
            self._thread.start()
        self._sooner.notify()

    def _run(self) -> None:
        with self._lock:
            while True:
                now = time.monotonic()
                for watch in [watch for watch in self._watches if watch.due <= now]:
                    self._watches.discard(watch)
                    watch.fire()
                if self._idle and not self._watches:
                    self._looks_at = _NEVER
                else:
                    self._looks_at = min((now + _TICK, *(watch.due for watch in self._watches)))
                self._idle = True
                self._sooner.wait(None if self._looks_at == _NEVER else self._looks_at - now)


_watchdog = _Watchdog()


def _after_fork() -> None:
    global _watchdog  # noqa: PLW0603 - a thread does not survive a fork, nor may its lock
    _watchdog = _Watchdog()


os.register_at_fork(after_in_child=_after_fork)


class DeadlineConnection(extensions.connection):
    """A connection whose every round trip ends within a deadline.

    Attributes:
        deadline: seconds for one statement or one COMMIT, None for no limit. It is `patience` above
            the server's `statement_timeout`, which is the kinder of the two: it keeps the connection.
        patience: seconds for what is always quick: a ping, a ROLLBACK.
        limits: a statement that sets the timeouts for one transaction, where a pooler dropped them.
    """

    deadline: float | None = None
    patience: float = 5.0
    limits: str | None = None

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.cursor_factory = DeadlineCursor

    def within(self, seconds: float | None) -> _Watch | nullcontext[None]:
        """Bound what is sent to the server inside of the block.

        Raises:
            NoAnswerError: there was no answer in time.
        """
        return _UNBOUNDED if seconds is None or self.closed else _Watch(self.fileno(), seconds)

    def commit(self) -> None:
        """Commit; a deadline here leaves the outcome unknown, as any lost COMMIT does."""
        with self.within(self.deadline):
            super().commit()

    def rollback(self) -> None:
        """Roll back."""
        with self.within(self.patience):
            super().rollback()


class DeadlineCursor(extensions.cursor):
    """The cursor of a `DeadlineConnection`."""

    def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002 - the driver's own name
        """Run a statement."""
        connection = cast("DeadlineConnection", self.connection)
        with connection.within(connection.deadline):
            super().execute(query, vars)

    def executemany(self, query: Any, vars_list: Any) -> None:
        """Run a statement for each set of values."""
        connection = cast("DeadlineConnection", self.connection)
        with connection.within(connection.deadline):
            super().executemany(query, vars_list)

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        """Fetch the next rows; a round trip with a named cursor only."""
        connection = cast("DeadlineConnection", self.connection)
        with connection.within(connection.deadline if self.name else None):
            return super().fetchmany(size)

    def copy_expert(self, sql: Any, file: Any, size: int = 8192) -> None:
        """COPY; the deadline starts anew with every block, so it bounds a stall and not the whole."""
        connection = cast("DeadlineConnection", self.connection)
        with connection.within(connection.deadline) as watch:
            super().copy_expert(sql, file if watch is None else _Moving(file, watch.progress), size)


class _Moving:
    """A file that reports progress."""

    def __init__(self, file: IO[Any], progress: Callable[[], None]) -> None:
        self._file = file
        self._progress = progress

    def read(self, size: int = -1) -> Any:
        self._progress()
        return self._file.read(size)

    def write(self, data: Any) -> int:
        self._progress()
        return self._file.write(data)
