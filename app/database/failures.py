"""The one place where the driver's errors become ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg2 import Error as DriverError
from psycopg2 import InterfaceError, OperationalError
from psycopg2 import errors as pg
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.errors import AppError, TemporaryFailure


class DatabaseUnreachableError(TemporaryFailure):
    """The database does not answer. Check that it runs and that this machine may reach it, then try again."""


class NoPrimaryError(DatabaseUnreachableError):
    """No node of the database takes writes: a failover is under way. Try again once the platform has promoted a standby."""


class PoolExhaustedError(TemporaryFailure):
    """Every connection of this process's pool is in use. Try again, or raise DATABASE_POOL_SIZE after `dance check`."""


class TransactionConflictError(TemporaryFailure):
    """The transaction met another one (deadlock, serialization, a replica's recovery) and was rolled back. Run it again."""


class DatabaseFailedError(AppError):
    """The database refused a statement; its transaction was rolled back. The text above is the server's own."""


_NO_PRIMARY = ("session is read-only", "server is in hot standby mode", "older timeline")
"""libpq's words for target_session_attrs, and those of the timeline fence."""
_CONFLICT = (pg.DeadlockDetected, pg.SerializationFailure)
_PASSING = (pg.LockNotAvailable, pg.QueryCanceled, pg.DiskFull)


@contextmanager
def driver_errors_become_ours(label: str) -> Iterator[None]:
    """Translate what SQLAlchemy and the driver raise.

    Args:
        label: which database, for the message: environment and host/name, never a password.

    Raises:
        DatabaseUnreachableError: no connection could be made, or it was lost.
        PoolExhaustedError: no connection of the pool became free in time.
        TransactionConflictError: a deadlock, a serialization failure or a replica's recovery.
        TemporaryFailure: a lock, a timeout or a full disk ended the transaction.
        DatabaseFailedError: anything else that the server refused.
    """
    try:
        yield
    except PoolTimeoutError as error:
        raise PoolExhaustedError(f"{label}: {PoolExhaustedError.__doc__}") from error
    except (DBAPIError, DriverError) as error:
        orig = error.orig if isinstance(error, DBAPIError) else error  # a raw cursor's error is the driver's
        said = str(orig).strip()
        _forget_frames(error)
        if _is_lost(error, orig):
            if any(sign in said for sign in _NO_PRIMARY):
                raise NoPrimaryError(f"{label}: {NoPrimaryError.__doc__}") from error
            raise DatabaseUnreachableError(
                f"{label} does not answer: {said}\nCheck that it runs and that this machine may reach it, then try again."
            ) from error
        if isinstance(orig, (*_CONFLICT, *_PASSING)):
            kind = TransactionConflictError if isinstance(orig, _CONFLICT) else TemporaryFailure
            raise kind(
                f"{label}: {said}\nThe transaction was rolled back, nothing was half-written. Try again."
            ) from error
        raise DatabaseFailedError(f"{label}: {said}\nThe transaction was rolled back.") from error


@contextmanager
def driver_cursor(connection: Connection) -> Iterator[Cursor]:
    """The driver's own cursor; a connection that is lost meanwhile is given up, which SQLAlchemy cannot see by itself.

    Args:
        connection: SQLAlchemy's.
    """
    session: Any = connection.connection.driver_connection
    try:
        with session.cursor() as cursor:
            yield cursor
    except DriverError as error:
        if session.closed:
            connection.invalidate(error)
        raise


def _is_lost(error: Exception, orig: BaseException | None) -> bool:
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if isinstance(orig, (pg.AdminShutdown, pg.CrashShutdown)):
        return True
    return isinstance(orig, (OperationalError, InterfaceError)) and not orig.pgcode


def _forget_frames(error: BaseException) -> None:
    # The driver's frames hold the password among their locals (DR008).
    seen: BaseException | None = error
    while seen is not None:
        seen.__traceback__ = None
        seen = seen.__cause__ or seen.__context__
