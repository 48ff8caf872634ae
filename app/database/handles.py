"""Two kinds of database: one that can be read, one that can be written.

They wrap an engine instead of being one, so that a reader handed to something that writes is a
type error and not an accident.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVarTuple, cast, final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name
from sqlalchemy import Connection, CursorResult, Engine, Executable, Select, SelectBase

from app.database.deadline import DeadlineConnection
from app.database.driver import ReaderWritesError
from app.database.failures import driver_cursor, driver_errors_become_ours
from app.database.guards import StampGuard, begin_reading
from app.database.permits import Place
from app.database.pooling import PoolUse, limit, pool_use
from app.database.stamp import Declaration, declaration_of
from settings import DatabaseTarget

Columns = TypeVarTuple("Columns")
logger = logging.getLogger(__name__)


class Source(StrEnum):
    """Which kind of node answers."""

    PRIMARY = "primary"
    REPLICA = "replica"
    STALE_REPLICA = "stale replica"
    """The primary is away, nobody knows how much this one lacks."""
    BACKUP = "backup"


class ReadTransaction:
    """An open transaction that reads.

    Attributes:
        environment: whose database this is.
        source: which kind of node answers.
        as_of: how old its data are, where that is not "now".
    """

    def __init__(self, connection: Connection, environment: DatabaseTarget) -> None:
        self._connection = connection
        self.environment = environment
        self.source = Source.PRIMARY
        self.as_of: datetime | None = None

    def select(self, statement: Select[*Columns]) -> CursorResult[*Columns]:
        """Run a SELECT and return its rows.

        Raises:
            ReaderWritesError: it is another statement.
        """
        if not isinstance(statement, SelectBase):
            raise ReaderWritesError
        return self._connection.execute(statement)

    @contextmanager
    def cursor(self) -> Iterator[Cursor]:
        """The driver's own cursor in this transaction, for COPY and statements that Core has no words for."""
        with driver_cursor(self._connection) as cursor:
            yield cursor

    def declaration(self) -> Declaration:
        """What the database says of itself: which it physically is, and its stamp."""
        with self.cursor() as cursor:
            return declaration_of(cursor)

    def allow(self, seconds: float | None) -> None:
        """Let the statements of this transaction take longer than the settings say, or less.

        Args:
            seconds: for one statement, on the server and in the client; None for no limit.
        """
        with self.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {round((seconds or 0) * 1000)}")
            session = cast("DeadlineConnection", cursor.connection)
        session.deadline = None if seconds is None else seconds + session.patience


@final
class WriteTransaction(ReadTransaction):
    """An open transaction that may also write; it commits when its block ends without an error."""

    @property
    def connection(self) -> Connection:
        """SQLAlchemy's connection in this transaction, for Alembic."""
        return self._connection

    def execute(
        self,
        statement: Executable,
        parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> CursorResult[Any]:
        """Run any statement."""
        return self._connection.execute(statement, parameters)


class _Database(Generic[Place]):
    def __init__(self, engine: Engine, guard: StampGuard) -> None:
        self._engine = engine
        self._guard = guard
        self.environment = guard.environment
        self.label = guard.label

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.environment} {self.label}>"

    @contextmanager
    def read(self, *, snapshot: bool | str = False) -> Iterator[ReadTransaction]:
        """A READ ONLY transaction, confirmed by the server; it always ends in a rollback.

        Args:
            snapshot: True for REPEATABLE READ (everything read belongs to one moment), or the id
                that another transaction got from `pg_export_snapshot()`, to see what it sees.

        Raises:
            DatabaseUnreachableError: no connection, or it was lost.
            Refused: the database is not the one that this was opened for.
        """
        with (
            driver_errors_become_ours(f"{self.environment} ({self.label})"),
            self._engine.connect() as connection,
        ):
            begin_reading(connection, snapshot=snapshot)
            limit(connection)
            yield ReadTransaction(connection, self.environment)

    def pool_use(self) -> PoolUse:
        """How much of the pool is in use, for health."""
        return pool_use(self._engine)

    def dispose(self) -> None:
        """Close every pooled connection."""
        self._engine.dispose()


@final
class ReadOnlyDatabase(_Database[Place]):
    """A database that this process can only read."""


@final
class WritableDatabase(_Database[Place]):
    """A database that this process may write."""

    def __init__(self, engine: Engine, guard: StampGuard, announcement: str = "") -> None:
        """Wrap an engine.

        Args:
            engine: connects.
            guard: of the stamp.
            announcement: logged when it is written for the first time, not before.
        """
        super().__init__(engine, guard)
        self._announcement = announcement

    @contextmanager
    def write(self) -> Iterator[WriteTransaction]:
        """A transaction that commits at the end of its block and rolls back on an error.

        Raises:
            DatabaseUnreachableError: no connection, or it was lost.
            Refused: the database is not the one that this was opened for.
        """
        with (
            driver_errors_become_ours(f"{self.environment} ({self.label})"),
            self._engine.connect() as connection,
            connection.begin(),
        ):
            limit(connection)
            self._guard.hold(connection)
            if self._announcement:
                logger.info(self._announcement)
                self._announcement = ""
            yield WriteTransaction(connection, self.environment)
