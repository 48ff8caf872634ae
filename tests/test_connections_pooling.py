"""Pools and timeouts: what the settings say is what the server and the process do."""

import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast
from uuid import uuid4

import pytest
from sqlalchemy import func, literal_column, select, text

from app.database import deadline
from app.database.budget import ConnectionBudgetError, budget, require_budget
from app.database.deadline import DeadlineConnection
from app.database.engines import open_reader, open_writer
from app.database.failover import repeat
from app.database.failures import DatabaseUnreachableError, PoolExhaustedError
from app.database.handles import ReadTransaction, WritableDatabase, WriteTransaction
from app.errors import TemporaryFailure
from settings import ConfigurationError, DatabaseSettings, DatabaseTarget
from settings.connections import ConnectionSettings
from tests.cluster import cluster, quick
from tests.commands import PROJECT, environment
from tests.pgbouncer import PgBouncer, needs_pgbouncer, pgbouncer
from tests.postgres import Trio

HANG = 30.0
"""Seconds that no caller may hang."""

_TIMEOUTS = select(
    *(
        func.current_setting(name)
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "timezone")
    )
)
_OURS = select(func.count()).select_from(
    text("pg_stat_activity WHERE application_name = 'dance counted' AND datname = current_database()")
)


def writer(trio: Trio, process: str = "tests", **variables: str) -> WritableDatabase:
    """The local database with quick timeouts."""
    return open_writer(trio.settings(), process=process, connections=quick(**variables))


def timeouts(transaction: ReadTransaction) -> tuple[str, ...]:
    """What is in force in a transaction."""
    return tuple(transaction.select(_TIMEOUTS).one())


def test_the_timeouts_are_in_force_on_the_server(any_trio: Trio) -> None:
    """Statement, lock and idle timeouts apply to readers and writers, in every transaction."""
    variables = {
        "DATABASE_STATEMENT_TIMEOUT": "7",
        "DATABASE_LOCK_TIMEOUT": "3",
        "DATABASE_IDLE_TIMEOUT": "90",
    }
    reading = open_reader(any_trio.settings(), process="tests", connections=quick(**variables))
    writing = writer(any_trio, **variables)
    for _ in range(2):
        with reading.read() as transaction:
            assert timeouts(transaction) == ("7s", "3s", "90s", "UTC")
        with writing.write() as transaction:
            assert timeouts(transaction) == ("7s", "3s", "90s", "UTC")
    reading.dispose()
    writing.dispose()


def backend(transaction: ReadTransaction) -> int:
    """Which of the server's processes answers."""
    return int(transaction.select(select(func.pg_backend_pid())).scalar_one())


def test_a_long_statement_is_ended_and_a_longer_one_allowed(trio: Trio) -> None:
    """Over the limit: a typed error, the connection survives. `allow` raises the limit for one transaction."""
    database = writer(trio, DATABASE_STATEMENT_TIMEOUT="0.3", DATABASE_POOL_SIZE="1")
    sleep = select(func.pg_sleep(0.6))
    with database.read() as transaction:
        first = backend(transaction)
    with pytest.raises(TemporaryFailure, match="statement timeout"), database.write() as transaction:
        transaction.execute(sleep)
    with database.write() as transaction:
        transaction.allow(30)
        transaction.execute(sleep)
    with pytest.raises(TemporaryFailure, match="statement timeout"), database.read() as transaction:
        transaction.select(sleep)
    with database.read() as transaction:
        assert backend(transaction) == first
    database.dispose()


def test_the_watchdog_sleeps_through_what_is_answered_in_time(
    trio: Trio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hundreds of bounded round trips wake the thread that bounds them no more than a few times."""
    database = writer(trio)
    with database.read() as transaction, transaction.cursor() as cursor:
        session = cast("DeadlineConnection", cursor.connection)
        monkeypatch.setattr(deadline, "_watchdog", deadline._Watchdog())  # noqa: SLF001 - one that has nothing to do yet
        with session.within(5):
            pass
        watchdog = [thread for thread in threading.enumerate() if thread.name == "database deadlines"][-1]
        status = Path(f"/proc/self/task/{watchdog.native_id}/status")
        before, began = switches(status), time.monotonic()
        for _ in range(300):
            with session.within(5):
                pass
            time.sleep(0.001)  # lets the thread run, had it been woken
        woken, seconds = switches(status) - before, time.monotonic() - began
    database.dispose()
    assert woken <= 10 + 10 * seconds


def switches(status: Path) -> int:
    """How often a thread gave its processor up by itself."""
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("voluntary_ctxt"))
    return int(line.split()[1])


def test_a_lock_is_not_waited_for_for_ever(trio: Trio) -> None:
    """A lock that somebody else holds ends the transaction, with a typed error."""
    database = writer(trio, DATABASE_LOCK_TIMEOUT="0.2")
    lock = text("LOCK TABLE venues IN ACCESS EXCLUSIVE MODE")
    with database.write() as holder:
        holder.execute(lock)
        with pytest.raises(TemporaryFailure, match="lock timeout"), database.write() as other:
            other.execute(lock)
    database.dispose()


def test_an_idle_transaction_is_ended(trio: Trio) -> None:
    """Who sits on a transaction loses it; the next one works."""
    database = writer(trio, DATABASE_IDLE_TIMEOUT="0.2")

    def sit_on_it() -> None:
        with database.write() as transaction:
            transaction.execute(text("SELECT 1"))
            time.sleep(1)
            transaction.execute(text("SELECT 1"))

    with pytest.raises(DatabaseUnreachableError):
        sit_on_it()
    with database.write() as transaction:
        transaction.execute(text("SELECT 1"))
    database.dispose()


def test_an_exhausted_pool_says_so_in_time(trio: Trio) -> None:
    """With every connection in use, the next caller gets a typed error and not a place in the queue."""
    database = writer(trio, DATABASE_POOL_SIZE="1", DATABASE_POOL_OVERFLOW="1", DATABASE_POOL_TIMEOUT="0.2")
    began = time.monotonic()
    with database.read(), database.read():
        assert database.pool_use().exhausted
        with pytest.raises(PoolExhaustedError), database.read():
            pass
    assert time.monotonic() - began < HANG
    with database.read():
        assert database.pool_use().checked_out == 1
    database.dispose()


@pytest.mark.parametrize(("lifo", "next_one"), [("true", 1), ("false", 0)])
def test_the_connection_used_last_is_used_next(trio: Trio, lifo: str, next_one: int) -> None:
    """Of two that wait, DATABASE_POOL_LIFO takes the one given back last; without it they take turns."""
    database = writer(trio, DATABASE_POOL_LIFO=lifo)
    with database.read() as second, database.read() as first:
        given_back = [backend(first), backend(second)]
    with database.read() as transaction:
        assert backend(transaction) == given_back[next_one]
    database.dispose()


def test_an_old_connection_is_replaced(trio: Trio) -> None:
    """After DATABASE_POOL_RECYCLE seconds a pooled connection is closed and another one made."""
    database = writer(trio, DATABASE_POOL_RECYCLE="1")
    with database.read() as transaction:
        first = backend(transaction)
    time.sleep(1.1)
    with database.read() as transaction:
        assert backend(transaction) != first
    database.dispose()


@pytest.mark.parametrize(("pool", "left"), [("keep", 1), ("none", 0)])
def test_what_is_left_behind_is_what_the_setting_says(trio: Trio, pool: str, left: int) -> None:
    """DATABASE_POOL=none closes each connection after use, as a cron job should."""
    database = writer(trio, "counted", DATABASE_POOL=pool)
    watching = writer(trio)
    with database.read():
        pass
    end = time.monotonic() + 30
    while True:
        with watching.read() as transaction:
            if transaction.select(_OURS).scalar_one() == left:
                break
        assert time.monotonic() < end
        time.sleep(0.02)
    database.dispose()
    watching.dispose()


def test_the_budget_is_compared_with_the_server(trio: Trio) -> None:
    """Processes times pool against max_connections, or the role's own limit; too much is refused by name."""
    database = writer(trio)
    with database.read() as transaction:
        assert budget(transaction, quick(DATABASE_PROCESSES="3")).wanted == 3 * (8 + 5)
        assert budget(transaction, quick(DATABASE_POOL="none")).wanted == 1
        assert budget(transaction, quick()).available == 197
        require_budget(transaction, quick())
        with pytest.raises(ConnectionBudgetError, match=r"1300 connections wanted, the server has 197"):
            require_budget(transaction, quick(DATABASE_PROCESSES="100"))
        trio.query("local", f'ALTER DATABASE "{trio.local.rsplit("/", 1)[1]}" CONNECTION LIMIT 7')
        assert budget(transaction, quick()).available == 7
    database.dispose()


def test_a_fork_shares_no_connection(trio: Trio, tmp_path: Path) -> None:
    """After a fork, parent and child each have connections of their own, and both work."""
    script = """
        import os, sys
        from sqlalchemy import func, select
        from app.database.engines import open_writer
        from settings import Settings
        database = open_writer(Settings().database, process="fork")
        def backend():
            with database.read() as transaction:
                return transaction.select(select(func.pg_backend_pid())).scalar_one()
        before = backend()
        child = os.fork()
        if child == 0:
            os._exit(0 if backend() != before and backend() == backend() else 1)
        _, status = os.waitpid(child, 0)
        sys.exit(os.waitstatus_to_exitcode(status) or backend() != before)
    """
    done = run(script, trio.environ(), tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_hundred_processes_share_a_few_connections(template: Path, tmp_path: Path) -> None:
    """Against max_connections = 12 a hundred processes wait for their turn, and every write arrives."""
    script = """
        import os, sys
        from uuid import uuid4
        from sqlalchemy import text
        from app.database.engines import open_writer
        from app.database.failover import repeat
        from settings import Settings
        settings = Settings()
        database = open_writer(settings.database, process="crowd", connections=settings.connections)
        def unit(transaction):
            transaction.execute(text("INSERT INTO written VALUES (:id, 0)"), {"id": uuid4()})
        def child():
            try:
                repeat(database.write, unit, settings.connections)
            except BaseException as error:
                print(error, file=sys.stderr)
                os._exit(1)
            os._exit(0)
        children = [pid for pid in (os.fork() or child() for _ in range(100))]
        sys.exit(any(os.waitpid(pid, 0)[1] for pid in children))
    """
    with cluster(
        template, max_connections="12", max_wal_senders="0", superuser_reserved_connections="0"
    ) as made:
        url = made.settings().active_url.get_secret_value().replace("+psycopg2", "")
        variables = {
            "DATABASE_CONNECTION_STRING": url,
            "DATABASE_POOL": "none",
            "DATABASE_CONNECT_TIMEOUT": "30",
            "DATABASE_RETRY_FOR": "90",
        }
        done = run(script, variables, tmp_path)
        assert done.returncode == 0, done.stderr[-2000:]
        assert made.sql("SELECT count(*) FROM written") == "100"


def run(script: str, variables: dict[str, str], home: Path) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={**environment(variables, home), "PYTHONPATH": str(PROJECT)},
        cwd=home, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("DATABASE_POOL_SIZE", "0"),
        ("DATABASE_POOL", "sometimes"),
        ("DATABASE_CONNECT_TIMEOUT", "1"),
        ("DATABASE_STATEMENT_TIMEOUT", "-1"),
        ("LOCAL_REPLICA_URLS", "mysql://user:password@host/name"),
        ("LOCAL_BACKUP_URL", "postgresql://user:pass/word@host/name"),
    ],
)
def test_nonsense_is_refused_with_the_variable_and_without_the_value(variable: str, text: str) -> None:
    """A setting out of its bounds is named; what it says is not repeated."""
    with pytest.raises(ConfigurationError) as refused:
        ConnectionSettings.from_environ({variable: text})
    assert variable in str(refused.value)
    assert "word" not in str(refused.value).replace("password", "")


@pytest.mark.parametrize(
    ("backup", "variable"),
    [
        ("LOCAL_BACKUP_URL", "DATABASE_CONNECTION_STRING"),
        ("LOCAL_BACKUP_URL", "LOCAL_REPLICA_URLS"),
        ("RENDER_DEV_BACKUP_DB_URL", "RENDER_DEV_INTERNAL_DB_URL"),
        ("RENDER_DEV_BACKUP_DB_URL", "RENDER_DEV_REPLICA_DB_URLS"),
        ("RENDER_BACKUP_DB_URL", "RENDER_INTERNAL_DB_URL"),
        ("RENDER_BACKUP_DB_URL", "RENDER_REPLICA_DB_URLS"),
    ],
)
def test_a_backup_must_be_elsewhere(backup: str, variable: str) -> None:
    """A target's backup at the address of its database, or of a replica, is refused before anything connects."""
    primary = "postgresql://user:password@127.0.0.1:5001/name"
    with pytest.raises(ConfigurationError, match=backup):
        ConnectionSettings.from_environ(
            {variable: primary, backup: "postgresql://other:secret@localhost:5001/name"}
        )
    accepted = ConnectionSettings.from_environ({variable: primary, backup: primary.replace("5001", "5002")})
    assert any(accepted.backup_url(target) for target in DatabaseTarget)


@pytest.fixture(params=[False, True], ids=["options refused", "options dropped"])
def pooler(request: pytest.FixtureRequest, trio: Trio) -> Iterator[PgBouncer]:
    """PgBouncer in transaction mode, in both ways to treat startup options."""
    with pgbouncer(trio.server, ignore_options=request.param) as running:
        yield running


def behind(pooler: PgBouncer, trio: Trio) -> DatabaseSettings:
    """The local database through the pooler."""
    return DatabaseSettings.from_environ(
        {"DATABASE_CONNECTION_STRING": pooler.url(trio.local.rsplit("/", 1)[1])}
    )


@needs_pgbouncer
@pytest.mark.parametrize("mode", ["auto", "transaction"])
def test_a_pooler_is_found_out_and_changes_nothing(trio: Trio, pooler: PgBouncer, mode: str) -> None:
    """Behind PgBouncer the timeouts apply all the same, and a reader still cannot write."""
    connections = quick(DATABASE_POOLER=mode, DATABASE_STATEMENT_TIMEOUT="7", DATABASE_LOCK_TIMEOUT="3")
    reading = open_reader(behind(pooler, trio), process="tests", connections=connections)
    writing = open_writer(behind(pooler, trio), process="tests", connections=connections)
    for _ in range(3):
        with reading.read() as transaction:
            assert timeouts(transaction) == ("7s", "3s", "5min", "UTC")
            assert (
                transaction.select(
                    select(literal_column("current_setting('transaction_read_only')"))
                ).scalar_one()
                == "on"
            )
        with writing.write() as transaction:
            assert timeouts(transaction) == ("7s", "3s", "5min", "UTC")
            transaction.execute(text("DELETE FROM venues"))
    reading.dispose()
    writing.dispose()


@needs_pgbouncer
def test_a_pooler_restarted_under_load_costs_time_only(trio: Trio) -> None:
    """SIGKILL and restart of PgBouncer while eight threads write: no error, nothing lost, nothing doubled."""
    name = trio.local.rsplit("/", 1)[1]
    trio.server.sql("CREATE TABLE written (id uuid PRIMARY KEY, by_whom int)", database=name)
    with pgbouncer(trio.server) as pooler:
        database = open_writer(behind(pooler, trio), process="tests", connections=quick())
        acknowledged: list[str] = []
        longest = 0.0
        errors: list[BaseException] = []
        stop = threading.Event()

        def work() -> None:
            nonlocal longest
            try:
                while not stop.is_set():
                    identity, began = uuid4(), time.monotonic()
                    repeat(database.write, lambda transaction: _put(transaction, str(identity)), quick())  # noqa: B023 - called here
                    acknowledged.append(str(identity))
                    longest = max(longest, time.monotonic() - began)
            except BaseException as error:  # noqa: BLE001 - the test shows it
                errors.append(error)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            before = len(acknowledged)
            end = time.monotonic() + 60
            while len(acknowledged) < before + 40 and not errors:
                assert time.monotonic() < end
                time.sleep(0.01)
            pooler.stop()
            pooler.start()
        stop.set()
        for thread in threads:
            thread.join(90)
        database.dispose()
    assert errors == []
    assert longest < HANG
    assert set(acknowledged) <= set(trio.server.sql("SELECT id FROM written", database=name).split())


def _put(transaction: WriteTransaction, identity: str) -> None:
    transaction.execute(text("INSERT INTO written VALUES (:id, 0) ON CONFLICT DO NOTHING"), {"id": identity})
