"""How connections are made and kept: what `create_engine` and libpq are told."""

import os
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakSet

from sqlalchemy import Connection, Engine, QueuePool
from sqlalchemy.pool import NullPool

from app.database.deadline import DeadlineConnection
from app.database.driver import ReadOnlyConnection
from settings.connections import ConnectionSettings, Pool, Pooler

MARKER: Final = "dance.direct"
"""A parameter that only libpq's `options` set: a session without it has a pooler in front."""

DEFAULTS: Final = ConnectionSettings.from_environ({})
"""For what is opened without connection settings of its own."""

_KEEPALIVES: Final = 3
_engines: WeakSet[Engine] = WeakSet()


def engine_arguments(connections: ConnectionSettings) -> dict[str, Any]:
    """What `create_engine` needs for the pool.

    Pre-ping is not among them: `failover.watch` proves a connection at checkout, because SELECT 1
    works on a demoted primary and waits for ever on a frozen one.
    """
    if connections.pool is Pool.NONE:
        return {"poolclass": NullPool}
    return {
        "poolclass": QueuePool,
        "pool_size": connections.pool_size,
        "max_overflow": connections.pool_overflow,
        "pool_timeout": connections.pool_timeout,
        "pool_recycle": connections.pool_recycle,
        "pool_use_lifo": connections.pool_lifo,
    }


def connect_arguments(connections: ConnectionSettings, process: str, *, read_only: bool) -> dict[str, Any]:
    """What libpq needs: both TCP settings, because each alone leaves a case that hangs.

    `tcp_user_timeout` ends what was sent and is never acknowledged, keepalives end the wait for an
    answer. A writer insists on a primary, also with one host, or it would stay with a demoted one;
    a reader takes any node, because its read-only option makes libpq refuse a healthy primary.
    """
    interval = max(1, connections.network_timeout // (_KEEPALIVES + 1))
    return {
        "application_name": f"dance {process}",
        "client_encoding": "utf8",  # whatever the database keeps: SQL and COPY mean the same on every server
        "connect_timeout": connections.connect_timeout,
        "tcp_user_timeout": connections.network_timeout * 1000,
        "keepalives": 1,
        "keepalives_idle": interval,
        "keepalives_interval": interval,
        "keepalives_count": _KEEPALIVES,
        "target_session_attrs": "any" if read_only else "read-write",
        "connection_factory": ReadOnlyConnection if read_only else DeadlineConnection,
    }


def session_options(connections: ConnectionSettings) -> list[str]:
    """Startup options (`-c name=value`) for the timeouts; none for a pooler, which refuses them."""
    if connections.pooler is Pooler.TRANSACTION:
        return []
    return [f"-c {MARKER}=on", *(f"-c {name}={value}" for name, value in _timeouts(connections).items())]


def limits(connections: ConnectionSettings) -> str:
    """The statement that sets the same for one transaction, as a pooler needs it."""
    values = {**_timeouts(connections), "timezone": "UTC"}
    return "SELECT " + ", ".join(f"set_config('{name}', '{value}', true)" for name, value in values.items())


def limit(connection: Connection) -> None:
    """Apply the timeouts to an open transaction where a pooler dropped them; else nothing is sent."""
    session = connection.connection.driver_connection
    if isinstance(session, DeadlineConnection) and session.limits is not None:
        connection.exec_driver_sql(session.limits)


@dataclass(frozen=True)
class PoolUse:
    """A pool at one moment.

    Attributes:
        checked_out: connections in use.
        idle: connections that wait in the pool.
        limit: how many there may be, None without a pool.
    """

    checked_out: int
    idle: int
    limit: int | None

    @property
    def exhausted(self) -> bool:
        """Whether the next one has to wait."""
        return self.limit is not None and self.checked_out >= self.limit


def pool_use(engine: Engine) -> PoolUse:
    """How much of an engine's pool is in use."""
    pool = engine.pool
    if not isinstance(pool, QueuePool):
        return PoolUse(0, 0, None)
    return PoolUse(pool.checkedout(), pool.checkedin(), pool.size() + pool._max_overflow)  # noqa: SLF001 - QueuePool shows it nowhere else


def survive_fork(engine: Engine) -> None:
    """Give a forked child an empty pool: a connection used by two processes is garbage to both."""
    _engines.add(engine)


def _timeouts(connections: ConnectionSettings) -> dict[str, str]:
    return {
        "statement_timeout": f"{connections.statement_timeout * 1000:.0f}",
        "lock_timeout": f"{connections.lock_timeout * 1000:.0f}",
        "idle_in_transaction_session_timeout": f"{connections.idle_timeout * 1000:.0f}",
    }


def _after_fork() -> None:
    for engine in _engines:
        engine.dispose(close=False)  # closing would end the parent's sessions


os.register_at_fork(after_in_child=_after_fork)
