"""How a database is, in bounded time: for `dance check`, and for the web service's health pages.

Nothing in here holds a host, a URL or the driver's own words: a health page may be public.
"""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from weakref import WeakKeyDictionary

from app.database.budget import Budget, budget
from app.database.failures import NoPrimaryError, PoolExhaustedError
from app.database.handles import ReadOnlyDatabase, ReadTransaction, WritableDatabase
from app.database.pooling import DEFAULTS, PoolUse
from app.database.stamp import declaration_of
from app.errors import AppError, Refused
from settings import DatabaseTarget
from settings.connections import ConnectionSettings

_STARTED: Final = time.monotonic()
_FACTS: Final = """
SELECT current_setting('server_version'), pg_is_in_recovery(),
       CASE WHEN NOT pg_is_in_recovery() THEN ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END,
       coalesce(pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), 0)::bigint,
       CASE WHEN NOT pg_is_in_recovery() OR pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
            ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8 END,
       EXISTS (SELECT FROM pg_stat_wal_receiver WHERE pid IS NOT NULL),
       to_regclass('control.alembic_version') IS NOT NULL
           AND has_table_privilege(to_regclass('control.alembic_version'), 'SELECT'),
       has_table_privilege(to_regclass('events'), 'SELECT'),
       has_table_privilege(to_regclass('events'), 'INSERT'),
       pg_has_role((SELECT relowner FROM pg_class WHERE oid = to_regclass('events')), 'USAGE')
"""


class Condition(StrEnum):
    """What is the matter, from good to bad."""

    UP = "up"
    LAGGING = "lagging"
    POOL_EXHAUSTED = "pool exhausted"
    READ_ONLY = "read-only"
    WRONG_DATABASE = "wrong database"
    DOWN = "down"


REMEDIES: Final = {
    Condition.UP: "",
    Condition.LAGGING: "The replica is behind its primary; reads go elsewhere until it caught up.",
    Condition.POOL_EXHAUSTED: "Every connection of this process is in use. Look for slow requests, or raise DATABASE_POOL_SIZE.",
    Condition.READ_ONLY: "No node takes writes: a failover is under way, or the primary is gone. The platform has to promote a standby.",
    Condition.WRONG_DATABASE: "It is not the database that its URL stands for, or may not be used so. `dance check` says more.",
    Condition.DOWN: "It does not answer. Check that it runs and that this machine may reach it.",
}


_CONDITIONS: Final[dict[type[AppError], Condition]] = {
    PoolExhaustedError: Condition.POOL_EXHAUSTED,
    NoPrimaryError: Condition.READ_ONLY,
    Refused: Condition.WRONG_DATABASE,
    AppError: Condition.DOWN,
}
"""Which error means which; the first that fits."""


@dataclass(frozen=True)
class Lag:
    """How far a standby is behind.

    Attributes:
        bytes: of write-ahead log that it received and did not replay yet.
        seconds: age of what it replayed last; 0 when it replayed all it received, however long ago
            that was (an idle primary is no lag).
        streaming: whether it is connected to its primary; if not, both figures are of the past.
    """

    bytes: int
    seconds: float
    streaming: bool


@dataclass(frozen=True)
class Health:
    """What a database said of itself, or why it could not.

    Attributes:
        environment: what it should be.
        condition: what is the matter.
        remedy: what to do about it; empty when it is up.
        checked_at: when it was asked.
        latency_ms: of the answer to one question, connected already.
        server_version: PostgreSQL's.
        role: "primary" or "standby".
        timeline: of a primary: how often the cluster was promoted, plus one.
        stamp: the environment that its stamp declares, None without a stamp.
        revision: its schema's, None before the first migration or where the role may not see it.
        rights: what this role may do: "own", "write", "read" or "none".
        lag: of a standby.
        pool: of this process.
        budget: connections that all processes want, and that the server has.
    """

    environment: DatabaseTarget
    condition: Condition
    remedy: str = ""
    checked_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    latency_ms: float | None = None
    server_version: str | None = None
    role: str | None = None
    timeline: int | None = None
    stamp: DatabaseTarget | None = None
    revision: str | None = None
    rights: str | None = None
    lag: Lag | None = None
    pool: PoolUse | None = None
    budget: Budget | None = None


@dataclass(frozen=True)
class Diagnosis:
    """A health and, for people who may see it, the reason: it can name the host, never the password."""

    health: Health
    reason: str = ""


@dataclass(frozen=True)
class Liveness:
    """That this process answers: all that a restart could mend. No database is asked."""

    pid: int
    uptime_seconds: float


def live() -> Liveness:
    """This process."""
    return Liveness(os.getpid(), time.monotonic() - _STARTED)


def ready(
    database: ReadOnlyDatabase | WritableDatabase,
    *,
    deadline: float = 2.0,
    connections: ConnectionSettings = DEFAULTS,
) -> Health:
    """Ask a database how it is; the answer comes within the deadline whatever the server does.

    A server that is frozen but whose kernel acknowledges defeats every timeout of libpq, so the
    question is asked in a thread that is left behind (it ends by its own deadline). Everyone who
    asks meanwhile waits for the same answer: there is never more than one such thread.

    Args:
        database: a writable one is unhealthy when no node takes writes; a readable one is not.
        deadline: seconds.
        connections: for the budget.
    """
    return diagnose(database, deadline=deadline, connections=connections).health


def diagnose(
    database: ReadOnlyDatabase | WritableDatabase,
    *,
    deadline: float,
    connections: ConnectionSettings = DEFAULTS,
) -> Diagnosis:
    """The same with the reason, for people who may see where the database is."""
    if database.pool_use().exhausted:
        return Diagnosis(_unwell(database, Condition.POOL_EXHAUSTED))
    found = _bounded(database, lambda: _examine(database, connections), deadline)
    if found is not None:
        return found
    if database.pool_use().exhausted:
        return Diagnosis(_unwell(database, Condition.POOL_EXHAUSTED))
    return Diagnosis(_unwell(database, Condition.DOWN), f"No answer within {deadline:g} s.")


def _unwell(database: ReadOnlyDatabase | WritableDatabase, condition: Condition) -> Health:
    return Health(database.environment, condition, REMEDIES[condition], pool=database.pool_use())


def _examine(database: ReadOnlyDatabase | WritableDatabase, connections: ConnectionSettings) -> Diagnosis:
    try:
        with database.read() as transaction:
            health = _facts(transaction, connections)
    except AppError as error:
        condition = next(name for kind, name in _CONDITIONS.items() if isinstance(error, kind))
        return Diagnosis(_unwell(database, condition), str(error))
    if isinstance(database, WritableDatabase) and health.role == "standby":
        return Diagnosis(_unwell(database, Condition.READ_ONLY))
    if health.lag is not None and (
        not health.lag.streaming or health.lag.bytes > connections.replica_max_lag
    ):
        health = replace(health, condition=Condition.LAGGING, remedy=REMEDIES[Condition.LAGGING])
    return Diagnosis(replace(health, pool=database.pool_use()))


def _facts(transaction: ReadTransaction, connections: ConnectionSettings) -> Health:
    with transaction.cursor() as cursor:
        began = time.perf_counter()
        row = _row(cursor, _FACTS)
        latency = (time.perf_counter() - began) * 1000
        version, standby, timeline, behind, seconds, streaming, has_revision, *may = row
        revision = (
            _row(cursor, "SELECT max(version_num) FROM control.alembic_version") if has_revision else (None,)
        )
        stamp = declaration_of(cursor).stamp
    rights = next(
        (name for name, has in zip(("own", "write", "read"), reversed(may), strict=True) if has), "none"
    )
    return Health(
        transaction.environment,
        Condition.UP,
        latency_ms=round(latency, 2),
        server_version=version.split()[0],
        role="standby" if standby else "primary",
        timeline=timeline,
        stamp=stamp.environment if stamp else None,
        revision=revision[0],
        rights=rights,
        lag=Lag(behind, round(seconds or 0.0, 3), streaming) if standby else None,
        budget=budget(transaction, connections),
    )


def _row(cursor: Any, question: str) -> tuple[Any, ...]:
    cursor.execute(question)
    row: tuple[Any, ...] = cursor.fetchone()
    return row


class _Question:
    """One examination in progress, which everyone who asks meanwhile waits for."""

    def __init__(self, ask: Callable[[], Diagnosis]) -> None:
        self._ask = ask
        self._answers: list[Diagnosis | BaseException] = []
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="database health", daemon=True)
        self._thread.start()

    @property
    def is_open(self) -> bool:
        return self._thread.is_alive()

    def answer(self, deadline: float) -> Diagnosis | None:
        """The answer, or None when there is none within the deadline."""
        self._thread.join(max(0.0, self._began + deadline - time.monotonic()))
        if not self._answers:
            return None
        if isinstance(self._answers[0], BaseException):
            raise self._answers[0]
        return self._answers[0]

    def _run(self) -> None:
        try:
            self._answers.append(self._ask())
        except BaseException as error:  # noqa: BLE001 - raised again in the threads that wait
            self._answers.append(error)


_questions: WeakKeyDictionary[Any, _Question] = WeakKeyDictionary()
_lock = threading.Lock()


def _bounded(database: object, ask: Callable[[], Diagnosis], deadline: float) -> Diagnosis | None:
    with _lock:
        question = _questions.get(database)
        if question is None or not question.is_open:
            question = _questions[database] = _Question(ask)
    return question.answer(deadline)
