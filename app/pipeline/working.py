"""The working database of a run: one run at a time, and units of work that survive a lost connection."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from psycopg2 import Error as DriverError
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name
from sqlalchemy import select

from app.database import tables
from app.database.failover import repeat
from app.database.handles import ReadTransaction, WritableDatabase, WriteTransaction
from app.errors import TemporaryFailure
from settings.connections import ConnectionSettings

Result = TypeVar("Result")

_LOCK: Final = "dance pipeline"
_MINE: Final = "SELECT pid, backend_start, xact_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
_END: Final = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    " WHERE (pid, backend_start, xact_start) = (%s, %s, %s) AND pid <> pg_backend_pid()"
)
"""Ends one transaction and no other: neither a later one of that session, which a pooler may have given to somebody
else, nor another process of that number."""
_UNATTENDED: Final = """
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL tcp_keepalives_idle = 15; SET LOCAL tcp_keepalives_interval = 5; SET LOCAL tcp_keepalives_count = 3
"""
"""The lock is held for hours without a word; a machine that died lets go of it within half a minute."""


class AnotherRunError(TemporaryFailure):
    """Another run works on this database. Wait until it has ended, then try again."""


class _Trail:
    """The transaction that was opened last, and may live on at its server, with all its locks, after its connection broke.

    A network that drops one side's packets, or a firewall that forgot a connection, leaves the server waiting for a
    client that is gone: two hours by Linux's keepalives.
    """

    def __init__(self) -> None:
        self._last: tuple[object, ...] | None = None

    def follow(self, transaction: WriteTransaction) -> None:
        """End the one before, should it still be there, and remember this one."""
        with transaction.cursor() as cursor:
            if self._last:
                cursor.execute(_END, self._last)
            cursor.execute(_MINE)
            self._last = cursor.fetchone()


class RunLock:
    """The advisory lock that keeps a second run off a database.

    It is a transaction's, and that transaction stays open as long as the run: so it holds behind a pooler that
    shares sessions, and the server drops it by itself when the process dies.
    """

    def __init__(self, database: WritableDatabase) -> None:
        self._database = database
        self._held = ExitStack()
        self._trail = _Trail()
        self._cursor: Cursor | None = None

    def hold(self) -> None:
        """Take the lock, unless it is held: again when its connection was lost.

        Raises:
            AnotherRunError: somebody else has it; the message says who, where and since when.
        """
        if self._cursor is not None:
            with suppress(DriverError):
                self._cursor.execute("SELECT 1")
                return
        self.release()
        transaction = self._held.enter_context(self._database.write())
        self._trail.follow(transaction)
        cursor = self._held.enter_context(transaction.cursor())
        cursor.execute(_UNATTENDED)
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", (_LOCK,))
        if cursor.fetchall() != [(True,)]:
            raise AnotherRunError(f"{_holder(transaction)} {AnotherRunError.__doc__}")
        self._cursor = cursor

    def release(self) -> None:
        """Give it back; with a connection that was lost it is gone already."""
        self._cursor = None
        with suppress(TemporaryFailure):
            self._held.close()


@dataclass(frozen=True, slots=True)
class Working:
    """A working database that this run alone writes.

    Attributes:
        database: this one.
        lock: held, and taken again with every unit of work if it was lost.
        connections: for how long a unit is tried.
    """

    database: WritableDatabase
    lock: RunLock
    connections: ConnectionSettings

    def write(self, unit: Callable[[WriteTransaction], Result]) -> Result:
        """Do a unit of work in a transaction of its own, and again when the connection was lost.

        Args:
            unit: has to be idempotent: a COMMIT whose answer was lost may have happened.

        Raises:
            AnotherRunError: the lock was lost too, and somebody else was faster.
        """
        trail = _Trail()

        def alone(transaction: WriteTransaction) -> Result:
            trail.follow(transaction)
            self.lock.hold()
            return unit(transaction)

        return repeat(self.database.write, alone, self.connections)

    def read(self, unit: Callable[[ReadTransaction], Result]) -> Result:
        """Read in one snapshot, and again when the connection was lost."""
        return repeat(lambda: self.database.read(snapshot=True), unit, self.connections)

    def at_once(self) -> "Working":
        """The same without patience."""
        return replace(self, connections=self.connections.model_copy(update={"retry_for": 0}))


@contextmanager
def exclusive(database: WritableDatabase, connections: ConnectionSettings | None = None) -> Iterator[Working]:
    """Keep every other run off this database.

    Raises:
        AnotherRunError: there is one.
    """
    lock = RunLock(database)
    try:
        lock.hold()
        yield Working(database, lock, connections or ConnectionSettings())
    finally:
        lock.release()


def _holder(transaction: ReadTransaction) -> str:
    open_runs = select(tables.runs).where(tables.runs.c.outcome == "running")
    run = transaction.select(open_runs.order_by(tables.runs.c.started_at.desc()).limit(1)).first()
    if run is None:
        return "Another process has just started a run."
    return f"{run.who} on {run.host} holds it since {run.started_at:%Y-%m-%d %H:%M:%S} UTC (run {run.id})."
