"""Staying with the one writable primary: proof at checkout, a timeline fence, retries of whole units."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import psycopg2
import stamina
from psycopg2 import errors as pg
from sqlalchemy import Engine, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import InvalidatePoolError

from app.database.deadline import DeadlineConnection
from app.database.failures import DatabaseUnreachableError, TransactionConflictError
from app.database.handles import WriteTransaction
from app.database.pooling import MARKER, limits, survive_fork
from settings.connections import ConnectionSettings, Pooler

logger = logging.getLogger(__name__)

Transaction = TypeVar("Transaction")
Result = TypeVar("Result")
Host = tuple[str, str]

_SURVEY_EVERY: Final = 10.0
"""Seconds for which the other hosts' timelines count as known."""
_SURVEY_TIMEOUT: Final = 2
"""Seconds to connect to another host, libpq's least; one that is away has nothing to say."""
_READ_ONLY_DEFAULT: Final = "default_transaction_read_only"
_READ_ONLY: Final = ("in_hot_standby", _READ_ONLY_DEFAULT)
_PROOF: Final = f"""
SELECT current_setting('default_transaction_read_only') = 'on' OR pg_is_in_recovery(), current_setting('{MARKER}', true) = 'on',
       CASE WHEN NOT pg_is_in_recovery() THEN substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END
"""
_REFUSED_OPTIONS: Final = "unsupported startup parameter"
_MARK: Final = text("SELECT pg_logical_emit_message(true, 'dance', 'again')")
"""Puts something into the log, so that COMMIT waits for a synchronous standby.

A COMMIT that was cut while it waited is done on the primary and on no standby. Its repetition finds
the work done, writes nothing, and would be acknowledged at once: lost with the next failover.
"""
_GONE: Final = (pg.AdminShutdown, pg.CrashShutdown, pg.CannotConnectNow)


class StalePrimaryError(psycopg2.OperationalError):
    """Every host that could be reached belongs to an older timeline: a former primary that was replaced."""


@dataclass(frozen=True)
class Standing:
    """What a node says of itself.

    Attributes:
        read_only: it takes no writes: a standby, or set so.
        has_options: the startup options arrived, no pooler dropped them.
        timeline: of a primary, which every promotion raises by one; None of a standby.
    """

    read_only: bool
    has_options: bool
    timeline: int | None


def watch(engine: Engine, connections: ConnectionSettings, *, writes: bool) -> None:
    """Make an engine survive failovers, frozen servers, poolers and forks.

    Args:
        engine: made with `pooling`'s arguments; nothing else listens for its connections yet.
        connections: the timeouts.
        writes: insist on the newest primary. On a reader, which any node may serve, 25006 is the
            read-only guard doing its job and no sign of a failover.
    """
    nodes = _Nodes(connections, writes=writes)
    event.listen(engine, "do_connect", nodes.connect)
    event.listen(engine, "checkout", nodes.prove)
    if writes:
        event.listen(engine, "handle_error", _retire)
    survive_fork(engine)


def repeat(
    begin: Callable[[], AbstractContextManager[Transaction]],
    unit: Callable[[Transaction], Result],
    connections: ConnectionSettings,
) -> Result:
    """Run a unit of work in a transaction of its own, and again after a passing failure.

    A COMMIT whose answer was lost may have happened, so the unit has to be idempotent: keys drawn
    by the client and ON CONFLICT, not `n = n + 1`. What is not idempotent uses the transaction
    directly and is not repeated.

    Args:
        begin: opens the transaction, for instance `database.write`.
        unit: the work.
        connections: for how long to try, 0 for once; the pauses grow from 50 ms to half a second, with jitter.

    Raises:
        TemporaryFailure: the last one, when time was up.
    """
    if not connections.retry_for:
        with begin() as transaction:
            return unit(transaction)
    attempts = stamina.retry_context(
        on=(DatabaseUnreachableError, TransactionConflictError),
        attempts=None,
        timeout=connections.retry_for,
        wait_initial=0.05,
        wait_max=0.5,
        wait_jitter=0.2,
    )
    for attempt in attempts:
        if attempt.num > 1:
            logger.info("The database was away: attempt %d.", attempt.num)
        with attempt, begin() as transaction:
            if attempt.num > 1 and isinstance(transaction, WriteTransaction):
                transaction.execute(_MARK)
            return unit(transaction)
    raise AssertionError("stamina ends with a result or an error")


class _Nodes:
    """The nodes behind one engine: connects to them, and remembers the newest timeline (the fence)."""

    def __init__(self, connections: ConnectionSettings, *, writes: bool) -> None:
        self._connections = connections
        self._writes = writes
        self._newest = 0
        self._surveyed_at = float("-inf")
        self._lock = threading.Lock()

    def connect(self, dialect: Any, _record: Any, arguments: Any, parameters: dict[str, Any]) -> Any:
        """Connect to a host that passes: libpq chooses one, but of a stale primary it knows nothing."""
        hosts = _hosts(parameters)
        while True:
            session = self._open(dialect, arguments, parameters | _joined(hosts))
            chosen = (str(session.info.host), str(session.info.port))
            if not self._writes and session.info.parameter_status(_READ_ONLY_DEFAULT) == "on":
                return session  # a reader that got its startup options: nothing else is asked of it
            try:
                standing = _ask(session)
                if self._writes:
                    self._survey(dialect, parameters, [host for host in hosts if host != chosen])
                admitted = self._admits(standing)
            except BaseException:
                session.close()
                raise
            if admitted:
                if not standing.has_options:
                    session.limits = limits(self._connections)
                return session
            session.close()
            logger.warning("%s:%s is a former primary (timeline %s): not used.", *chosen, standing.timeline)
            if chosen not in hosts or len(hosts) == 1:
                raise StalePrimaryError(StalePrimaryError.__doc__)
            hosts.remove(chosen)

    def prove(self, session: DeadlineConnection, record: Any, _proxy: Any) -> None:
        """Ask a pooled connection, in one round trip and in bounded time, whether it is still of use."""
        session.deadline = session.patience
        if self._connections.pool_ping and record.info.get("proved"):
            try:
                admitted = self._admits(_ask(session))
            except psycopg2.Error as error:
                raise InvalidatePoolError("it does not answer") from error
            if not admitted:
                raise InvalidatePoolError("it is no longer the primary")
        record.info["proved"] = True  # cleared with each new connection, which `connect` has proved
        timeout = self._connections.statement_timeout
        session.deadline = timeout + session.patience if timeout else None

    def _open(self, dialect: Any, arguments: Any, parameters: dict[str, Any]) -> DeadlineConnection:
        session: DeadlineConnection
        try:
            session = dialect.connect(*arguments, **parameters)
        except psycopg2.OperationalError as error:
            if self._connections.pooler is not Pooler.AUTO or _REFUSED_OPTIONS not in str(error):
                raise
            session = dialect.connect(*arguments, **{**parameters, "options": ""})
        session.deadline = session.patience = self._connections.connect_timeout
        return session

    def _survey(self, dialect: Any, parameters: dict[str, Any], others: list[Host]) -> None:
        """Learn from the other hosts whether there is a newer primary than the one that libpq chose."""
        with self._lock:
            if not others or time.monotonic() - self._surveyed_at < _SURVEY_EVERY:
                return
            for host in others:
                asking = {"target_session_attrs": "primary", "connect_timeout": _SURVEY_TIMEOUT}
                try:
                    peer = self._open(dialect, (), parameters | _joined([host]) | asking)
                except psycopg2.OperationalError:
                    continue  # away, or a standby: no primary that could be newer
                try:
                    self._newest = max(self._newest, _ask(peer).timeline or 0)
                finally:
                    peer.close()
            self._surveyed_at = time.monotonic()

    def _admits(self, standing: Standing) -> bool:
        if not self._writes:
            return True
        if standing.read_only or standing.timeline is None or standing.timeline < self._newest:
            return False
        self._newest = max(self._newest, standing.timeline)
        return True


def _ask(session: DeadlineConnection) -> Standing:
    """Raises psycopg2.Error when there is no answer in time."""
    session.autocommit = True  # the pool expects no open transaction
    with session.cursor() as cursor:
        cursor.execute(_PROOF)
        row = cursor.fetchone()
    session.autocommit = False
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    read_only, has_options, timeline = row
    return Standing(read_only, bool(has_options), None if timeline is None else int(timeline, 16))


def _retire(context: ExceptionContext) -> None:
    """Treat what only a failover causes as a lost connection, so that the whole pool reconnects."""
    error = context.original_exception
    if isinstance(error, _GONE):
        context.is_disconnect = True
    elif isinstance(error, pg.ReadOnlySqlTransaction) and context.connection is not None:
        # Reported without being asked: tells a demoted node from a write in a READ ONLY transaction.
        session: Any = context.connection.connection.driver_connection
        if any(session.info.parameter_status(name) == "on" for name in _READ_ONLY):
            context.is_disconnect = True


def _hosts(parameters: dict[str, Any]) -> list[Host]:
    """The hosts and ports of libpq's parameters, which are lists with commas."""
    hosts = str(parameters.get("host", "")).split(",")
    ports = str(parameters.get("port", "5432")).split(",")
    return list(zip(hosts, ports * len(hosts) if len(ports) == 1 else ports, strict=True))


def _joined(hosts: list[Host]) -> dict[str, str]:
    if not any(host for host, _ in hosts):
        return {}
    return {"host": ",".join(host for host, _ in hosts), "port": ",".join(port for _, port in hosts)}
