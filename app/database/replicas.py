"""Physical replicas: where each stands in the primary's log, and whether it may answer now."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from sqlalchemy import BigInteger, Boolean, DateTime, Select, literal_column, select

from app.database.handles import ReadOnlyDatabase, ReadTransaction
from app.errors import AppError

REST: Final = 0.5
"""Seconds for which a node that did not answer is not asked again."""
_KNOWN_FOR: Final = 1.0
"""Seconds for which a replica's position counts as known."""
_POLL: Final = 0.005
"""Seconds between two looks at a replica that is waited for; loopback catches up in 0.4 ms, mostly."""


class ReplicaOfAnotherError(AppError):
    """A replica belongs to another cluster than its primary: their system identifiers differ. Correct the replica's URL."""

    exit_status = 78


@dataclass(frozen=True, order=True)
class CommitToken:
    """A place in the write-ahead log that a write had certainly reached; `str` gives PostgreSQL's notation.

    Whoever carries it (a session, a cookie) reads their own writes from any replica that got there.
    """

    position: int

    def __str__(self) -> str:
        """For instance 0/16B3748."""
        return f"{self.position >> 32:X}/{self.position & 0xFFFFFFFF:X}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read PostgreSQL's notation.

        Raises:
            ValueError: it is something else.
        """
        high, slash, low = text.partition("/")
        if not slash or not 0 < len(high) <= 8 or not 0 < len(low) <= 8:  # noqa: PLR2004 - two 32-bit halves
            raise ValueError("not a position in a write-ahead log")
        return cls((int(high, 16) << 32) + int(low, 16))


@dataclass(frozen=True)
class Position:
    """Where a replica stands.

    Attributes:
        in_recovery: False once it was promoted: no replica any more.
        streaming: whether its primary sends to it; what it is behind is not known otherwise.
        replayed: the place that its readers see.
        behind: bytes received and not replayed yet.
        as_of: commit time of the last transaction that its readers see.
    """

    in_recovery: bool
    streaming: bool
    replayed: CommitToken
    behind: int
    as_of: datetime | None


_POSITION: Final[Select[bool, bool, int, int, datetime]] = select(
    literal_column("pg_is_in_recovery()", Boolean),
    # Its other columns are for pg_read_all_stats only; that there is a row is for everyone.
    literal_column("EXISTS (SELECT FROM pg_stat_wal_receiver WHERE pid IS NOT NULL)", Boolean),
    literal_column("coalesce(pg_last_wal_replay_lsn() - '0/0', 0)::bigint", BigInteger),
    literal_column("coalesce(pg_last_wal_receive_lsn() - pg_last_wal_replay_lsn(), 0)::bigint", BigInteger),
    literal_column("pg_last_xact_replay_timestamp()", DateTime(timezone=True)),
)
_WRITTEN: Final = select(literal_column("(pg_current_wal_insert_lsn() - '0/0')::bigint", BigInteger))


def position_of(transaction: ReadTransaction) -> Position:
    """Where the node that this transaction is on stands; one round trip, needs no privilege."""
    in_recovery, streaming, replayed, behind, as_of = transaction.select(_POSITION).one()
    return Position(in_recovery, streaming, CommitToken(replayed), behind, as_of)


def token_of(transaction: ReadTransaction) -> CommitToken:
    """What the primary has written by now, whoever wrote it; the transaction must be on the primary."""
    return CommitToken(transaction.select(_WRITTEN).scalar_one())


class Node:
    """A database that may rest after a failure, so that nobody waits for it in vain."""

    def __init__(self, database: ReadOnlyDatabase) -> None:
        self.database = database
        self.is_verified = False
        self._rests_until = float("-inf")
        self._position: Position | None = None
        self._known_at = float("-inf")

    @property
    def is_resting(self) -> bool:
        """Whether it failed a moment ago."""
        return time.monotonic() < self._rests_until

    def rest(self) -> None:
        """Leave it alone for a moment; afterwards the next reader tries it again."""
        self._rests_until = time.monotonic() + REST
        self._known_at = float("-inf")

    def knows(self, after: CommitToken | None, max_lag: int) -> bool:
        """Whether it is known, without asking, to be fit for a read; a replica never goes back."""
        fresh = time.monotonic() - self._known_at < _KNOWN_FOR
        return fresh and self._position is not None and _fit(self._position, after, max_lag)

    def reaches(
        self, transaction: ReadTransaction, after: CommitToken | None, *, max_lag: int, wait: float
    ) -> bool:
        """Ask it, and wait for it a little, to be fit for a read.

        Args:
            transaction: on it, READ COMMITTED: later statements see at least what this one saw.
            after: what the reader must see.
            max_lag: bytes that it may be behind.
            wait: seconds.
        """
        end = time.monotonic() + wait
        while True:
            self._position, self._known_at = position_of(transaction), time.monotonic()
            if _fit(self._position, after, max_lag):
                return True
            if not self._position.streaming or time.monotonic() >= end:
                return False
            time.sleep(_POLL)


def _fit(position: Position, after: CommitToken | None, max_lag: int) -> bool:
    if not position.in_recovery or not position.streaming:
        return False
    return position.behind <= max_lag if after is None else position.replayed >= after
