"""What every connection and every transaction has to prove before anyone gets to use it."""

import logging
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DisconnectionError

from app.database.driver import OwnStatement, ReaderWritesError, ReadOnlyConnection
from app.database.failures import driver_cursor
from app.database.permits import Purpose
from app.database.stamp import Declaration, declaration_of, hold_stamp
from app.errors import Refused
from settings import Access, DatabaseSettings, DatabaseTarget

logger = logging.getLogger(__name__)

_SNAPSHOT_ID: Final = re.compile(r"[0-9A-F]+(-[0-9A-F]+)*")


class WrongStampError(Refused):
    """The database behind this URL is not the environment that the URL stands for. Correct the URL."""


class CopiedDatabaseError(Refused):
    """This database carries the stamp of another one: it is a restored, cloned or renamed copy. `dance stamp --replace` declares what it is now."""


class UnstampedError(Refused):
    """This database does not say which environment it is, so it is not written. `dance stamp` declares it."""


class PipelineTargetError(Refused):
    """The pipeline never works on production, it promotes to it. Set DATABASE_TARGET to local or render_dev."""


def refuse_production(settings: DatabaseSettings) -> None:
    """Stop the pipeline before its first stage unless it may write a working database (DR002).

    Raises:
        PipelineTargetError: the target is production, named or inferred, or read-only.
    """
    if settings.target is DatabaseTarget.RENDER_PROD or settings.access is not Access.READ_WRITE:
        how = (
            "named by DATABASE_TARGET"
            if settings.target_is_explicit
            else "inferred, because this runs on Render"
        )
        raise PipelineTargetError(f"The target is {settings.target} ({how}). {PipelineTargetError.__doc__}")


@dataclass(frozen=True)
class StampGuard:
    """Compares a database's stamp with the environment that its URL stands for.

    Attributes:
        environment: what the URL stands for.
        label: host and name, for messages.
        writing: whether the database will be written.
        purpose: what the permit is for, None without one.
    """

    environment: DatabaseTarget
    label: str
    writing: bool
    purpose: Purpose | None = None

    def watch(self, engine: Engine) -> None:
        """Verify the stamp on every new connection of an engine."""
        event.listen(engine, "connect", self._on_connect)

    def hold(self, connection: Connection) -> None:
        """Verify the stamp again in a transaction that writes production, and keep it until its end.

        Raises:
            WrongStampError: another environment's.
            CopiedDatabaseError: another database's.
            UnstampedError: there is none.
        """
        declared: Declaration = connection.info["declaration"]
        if self.environment is not DatabaseTarget.RENDER_PROD or self.purpose is Purpose.STAMPING:
            return
        if declared.stamp is None and self.purpose is Purpose.MIGRATION:
            return
        with driver_cursor(connection) as cursor:
            self._verify(hold_stamp(cursor, declared.identity))

    def _on_connect(self, session: Any, record: Any) -> None:
        session.autocommit = True  # the pool expects no open transaction
        try:
            with session.cursor() as cursor:
                record.info["declaration"] = declaration_of(cursor)
            self._verify(record.info["declaration"])
        except BaseException:
            session.close()
            raise
        session.autocommit = False

    def _verify(self, declared: Declaration) -> None:
        stamp = declared.stamp
        if self.purpose is Purpose.STAMPING:
            return
        if stamp is None:
            if self.writing and self.purpose is not Purpose.MIGRATION:
                raise UnstampedError(f"{self.label}: {UnstampedError.__doc__}")
            if not self.writing:
                _warn_once(f"{self.label} carries no stamp: nothing proves that it is {self.environment}.")
        elif stamp.environment is not self.environment:
            raise WrongStampError(
                f"{self.label} should be {self.environment}, but its stamp says {stamp}.\n{WrongStampError.__doc__}"
            )
        elif not stamp.identity.matches(declared.identity):
            raise CopiedDatabaseError(
                f"{self.label} is {declared.identity}, but its stamp is that of {stamp}.\n{CopiedDatabaseError.__doc__}"
            )


def keep_read_only(engine: Engine) -> None:
    """Pin every connection of a reader's engine, in the pool too: somebody may have kept the driver's own.

    Only while a checkout proves that it still lives is it unpinned: that needs autocommit.
    """
    event.listen(engine, "connect", _hold_default)
    event.listen(engine, "checkout", _unpin, insert=True)
    event.listen(engine, "checkout", _pin)


def begin_reading(connection: Connection, *, snapshot: bool | str) -> None:
    """Open a READ ONLY transaction, restore the session's own settings and have the server confirm it; one round trip.

    The question takes the transaction's snapshot, after which the server itself refuses to make
    the transaction writable (25001). RESET ALL stands here and not at the return to the pool: there
    it would cost a round trip of its own.

    Args:
        connection: without a transaction.
        snapshot: True for REPEATABLE READ, or the id of an exported snapshot to adopt.

    Raises:
        ReaderWritesError: the server says that the transaction can write.
    """
    repeatable = "ISOLATION LEVEL REPEATABLE READ, " if snapshot else ""
    adopt = ""
    if isinstance(snapshot, str):
        if not _SNAPSHOT_ID.fullmatch(snapshot):
            raise ValueError(f"{snapshot!r} is no exported snapshot's id.")
        adopt = f"SET TRANSACTION SNAPSHOT '{snapshot}'; "
    with driver_cursor(connection) as cursor:  # SQLAlchemy's result would take longer than the answer
        cursor.execute(
            OwnStatement(
                f"SET TRANSACTION {repeatable}READ ONLY; {adopt}RESET ALL; SELECT current_setting('transaction_read_only')"
            )
        )
        proof = cursor.fetchone()
    if proof != ("on",):
        raise ReaderWritesError(
            f"The server does not hold this transaction read-only. {ReaderWritesError.__doc__}"
        )


def _hold_default(session: ReadOnlyConnection, _record: Any) -> None:
    if not session.hold_default():
        _warn_once(
            "A pooler dropped the read-only startup option: each transaction begins READ ONLY instead, and proves it."
        )


def _pin(session: ReadOnlyConnection, _record: Any, _proxy: Any) -> None:
    if session.default_lost:
        raise DisconnectionError("the session's read-only default was switched off")  # the pool replaces it
    session.pin()


def _unpin(session: ReadOnlyConnection, _record: Any, _proxy: Any) -> None:
    session.unpin()


@lru_cache
def _warn_once(line: str) -> None:
    logger.warning(line)
