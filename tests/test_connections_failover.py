"""Failover: what callers see, and what is kept, while servers die, freeze and come back."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import psutil
import pytest
from sqlalchemy import column, func, select, table, text

from app.database.engines import open_writer
from app.database.failover import repeat
from app.database.failures import DatabaseUnreachableError, NoPrimaryError
from app.database.handles import ReadOnlyDatabase, ReadTransaction, WritableDatabase, WriteTransaction
from settings import DatabaseSettings
from tests.cluster import Cluster, Wire, cluster, quick
from tests.waiting import HANG, outcomes

_PUT = text("INSERT INTO written VALUES (:id, :by) ON CONFLICT DO NOTHING")
_TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'dance%'"
_COUNT = select(func.count()).select_from(table("written", column("id")))


@pytest.fixture
def pair(template: Path) -> Iterator[Cluster]:
    """A primary and an asynchronous standby."""
    with cluster(template) as made:
        made.add_standby()
        yield made


@pytest.fixture
def synchronous_pair(template: Path) -> Iterator[Cluster]:
    """A primary and a standby that every COMMIT waits for."""
    with cluster(template) as made:
        made.add_standby(synchronous=True)
        yield made


def put(identity: UUID, by: int = 0) -> Callable[[WriteTransaction], None]:
    """An idempotent unit of work."""

    def unit(transaction: WriteTransaction) -> None:
        transaction.execute(_PUT, {"id": identity, "by": by})

    return unit


def count(transaction: ReadTransaction) -> int:
    """How many were written."""
    return int(transaction.select(_COUNT).scalar_one())


def took(action: Callable[[], object], expected: type[BaseException]) -> float:
    """Seconds until an action raised what it should."""
    began = time.monotonic()
    with pytest.raises(expected):
        action()
    return time.monotonic() - began


def put_in_time(writer: WritableDatabase) -> None:
    """Write one, however often it has to be tried, without hanging."""
    began = time.monotonic()
    repeat(writer.write, put(uuid4()), quick())
    assert time.monotonic() - began < HANG


def wait_for_replay(made: Cluster) -> None:
    """Wait until every standby has replayed what the primary has written."""
    target = made.sql("SELECT pg_current_wal_insert_lsn()")
    for standby in made.standbys:
        end = time.monotonic() + 60
        while made.sql(f"SELECT pg_last_wal_replay_lsn() >= '{target}'", standby) != "t":
            assert time.monotonic() < end
            time.sleep(0.02)


class Crowd:
    """Threads that write and read through retries, and remember what was acknowledged."""

    def __init__(self, writer: WritableDatabase, reader: ReadOnlyDatabase, *, each: int) -> None:
        self.acknowledged: list[UUID] = []
        self.longest = 0.0
        self.reads = 0
        self.errors: list[BaseException] = []
        self._stop = threading.Event()
        self._writer = writer
        self._reader = reader
        self._threads = [
            threading.Thread(target=self._work, args=(work, number))
            for number in range(each)
            for work in (self._write, self._read)
        ]
        for thread in self._threads:
            thread.start()

    def until(self, reached: Callable[[], bool]) -> None:
        """Wait for progress, at most a minute."""
        end = time.monotonic() + 60
        while not reached() and not self.errors:
            assert time.monotonic() < end, "no progress for a minute"
            time.sleep(0.01)

    def finish(self) -> None:
        """Stop and wait for all."""
        self._stop.set()
        for thread in self._threads:
            thread.join(90)
        assert not any(thread.is_alive() for thread in self._threads)

    def _work(self, work: Callable[[int], None], number: int) -> None:
        try:
            while not self._stop.is_set():
                began = time.monotonic()
                work(number)
                self.longest = max(self.longest, time.monotonic() - began)
        except BaseException as error:  # noqa: BLE001 - the test shows it
            self.errors.append(error)

    def _write(self, number: int) -> None:
        identity = uuid4()
        repeat(self._writer.write, put(identity, number), quick())
        self.acknowledged.append(identity)

    def _read(self, _number: int) -> None:
        repeat(self._reader.read, count, quick())
        self.reads += 1


def test_a_killed_primary_costs_callers_time_and_nothing_else(synchronous_pair: Cluster) -> None:
    """SIGKILL and promotion under load: no error is seen, every acknowledged write is there."""
    made = synchronous_pair
    standby = made.standbys[0]
    writer = made.writer(made.port, standby.port)
    reader = made.reader(made.port, standby.port)
    crowd = Crowd(writer, reader, each=8)
    try:
        crowd.until(lambda: len(crowd.acknowledged) >= 100)
        made.primary.kill()
        before = len(crowd.acknowledged)
        reads = crowd.reads
        crowd.until(lambda: crowd.reads > reads + 20)  # nobody can write now, everybody can read
        standby.promote()
        crowd.until(lambda: len(crowd.acknowledged) >= before + 100)
    finally:
        crowd.finish()
        writer.dispose()
        reader.dispose()
    assert crowd.errors == []
    assert crowd.longest < HANG
    there = set(made.sql("SELECT id FROM written", standby).split())
    assert {str(identity) for identity in crowd.acknowledged} <= there


def test_a_repeated_write_waits_for_the_standby_too(synchronous_pair: Cluster) -> None:
    """COMMIT was cut while it waited: the repetition, which finds the row, is no sooner acknowledged."""
    made = synchronous_pair
    (standby,) = made.standbys
    writer = made.writer()
    standby.freeze()
    thread = threading.Thread(target=repeat, args=(writer.write, put(uuid4()), quick()))
    thread.start()
    end = time.monotonic() + 60
    while made.sql("SELECT count(*) FROM written") != "1":
        assert time.monotonic() < end
        made.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
        time.sleep(0.1)
    time.sleep(2)  # long enough for a repetition that does not wait
    acknowledged = not thread.is_alive()
    standby.thaw()
    thread.join(60)
    writer.dispose()
    assert not acknowledged
    assert not thread.is_alive()
    wait_for_replay(made)
    assert made.sql("SELECT count(*) FROM written", standby) == "1"


def test_an_asynchronous_standby_may_lose_what_was_acknowledged(pair: Cluster) -> None:
    """Stated and shown: without a synchronous standby, a write that it never received is gone."""
    standby = pair.standbys[0]
    writer = pair.writer(pair.port, standby.port)
    received, lost = uuid4(), uuid4()
    repeat(writer.write, put(received), quick())
    wait_for_replay(pair)
    (sender,) = (
        process
        for process in psutil.Process(pair.primary.pid).children()
        if "walsender" in " ".join(process.cmdline())
    )
    sender.suspend()
    repeat(writer.write, put(lost), quick())
    pair.primary.kill()
    standby.promote()
    there = repeat(writer.read, count, quick())
    writer.dispose()
    assert there == 1


def test_a_frozen_primary_keeps_nobody_waiting(pair: Cluster) -> None:
    """SIGSTOP: statements and COPY under way, pooled and new connections all end in bounded time; reads go on."""
    standby = pair.standbys[0]
    writer = pair.writer(pair.port, standby.port)
    reader = pair.reader(pair.port, standby.port)
    fresh = pair.writer(pair.port)
    put_in_time(writer)
    repeat(reader.read, count, quick())
    wait_for_replay(pair)
    for wait, (seconds, _) in outcomes(writer, fresh, pair.primary.freeze).items():
        assert seconds < HANG, wait
    assert repeat(reader.read, count, quick()) == 1  # the standby answers
    pair.primary.thaw()
    put_in_time(writer)
    for database in (writer, reader, fresh):
        database.dispose()


@pytest.fixture
def wired(template: Path) -> Iterator[tuple[Cluster, Wire]]:
    """A primary behind a wire that can be cut."""
    with cluster(template) as made:
        wire = Wire(made.port)
        yield made, wire
        wire.close()


def test_a_forgotten_connection_is_replaced_unseen(wired: tuple[Cluster, Wire]) -> None:
    """A pooled connection that the network has cut is replaced before its caller could notice."""
    made, wire = wired
    writer = made.writer(wire.port)
    for _ in range(3):
        with writer.write() as transaction:
            put(uuid4())(transaction)
        wire.cut()
    with writer.read() as transaction:
        assert count(transaction) == 3
    writer.dispose()


@pytest.mark.parametrize(("ping", "tries"), [("true", 1), ("false", 2)])
def test_a_demoted_primary_leaves_the_pool(pair: Cluster, ping: str, tries: int) -> None:
    """A pooled connection to a node that takes no more writes is found out before use, or costs one retry."""
    standby = pair.standbys[0]
    wire = Wire(pair.port)
    writer = pair.writer(wire.port, DATABASE_POOL_PING=ping)
    repeat(writer.write, put(uuid4()), quick())
    wait_for_replay(pair)
    standby.promote()
    pair.sql("ALTER SYSTEM SET default_transaction_read_only = on")
    pair.sql("SELECT pg_reload_conf()")
    wire.target = standby.port
    attempts = []

    def unit(transaction: WriteTransaction) -> None:
        attempts.append(transaction)
        put(uuid4())(transaction)

    began = time.monotonic()
    repeat(writer.write, unit, quick())
    assert time.monotonic() - began < HANG
    writer.dispose()
    wire.close()
    assert len(attempts) == tries
    assert pair.sql("SELECT count(*) FROM written", standby) == "2"


@pytest.mark.parametrize("remembers", [True, False], ids=["same process", "fresh process"])
def test_a_revived_primary_is_never_written(pair: Cluster, remembers: bool) -> None:  # noqa: FBT001 - pytest's
    """Back from the dead, writable and listed first: its timeline gives it away, and it is passed over."""
    standby = pair.standbys[0]
    writer = pair.writer(pair.port, standby.port)
    repeat(writer.write, put(uuid4()), quick())
    wait_for_replay(pair)
    pair.primary.kill()
    standby.promote()
    if remembers:
        repeat(writer.write, put(uuid4()), quick())
    else:
        writer.dispose()
        writer = pair.writer(pair.port, standby.port)
    pair.primary.start()
    standby.sql(_TERMINATE)
    put_in_time(writer)
    writer.dispose()
    assert pair.sql("SELECT count(*) FROM written") == "1"
    assert pair.sql("SELECT count(*) FROM written", standby) == ("3" if remembers else "2")


@pytest.fixture(scope="module")
def lasting(template: Path) -> Iterator[Cluster]:
    """A primary that is still there after each test."""
    with cluster(template, deadlock_timeout="50ms") as made:
        yield made


@pytest.mark.parametrize("ended_by", ["administrator", "crash"])
def test_a_session_ended_by_the_server_costs_a_retry(
    lasting: Cluster, ended_by: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Ended by an administrator (57P01), or by the restart after a crash (57P02, 57P03): the unit runs again."""
    lasting.sql("TRUNCATE written")
    writer = lasting.writer()
    with writer.read(), writer.read():
        pass  # two for the pool, which are ended as well
    attempts = []

    def unit(transaction: WriteTransaction) -> None:
        attempts.append(transaction)
        put(uuid4())(transaction)
        if len(attempts) == 1 and ended_by == "crash":
            psutil.Process(transaction.execute(text("SELECT pg_backend_pid()")).scalar_one()).kill()
        elif len(attempts) == 1:
            lasting.sql(_TERMINATE)
        put(uuid4())(transaction)

    began = time.monotonic()
    repeat(writer.write, unit, quick())
    put_in_time(writer)
    assert time.monotonic() - began < HANG

    def ask_by_the_drivers_cursor() -> None:
        with writer.read() as transaction, transaction.cursor() as cursor:
            lasting.sql(_TERMINATE)
            cursor.execute("SELECT 1")

    with pytest.raises(
        DatabaseUnreachableError, match=r"terminating connection|server closed the connection"
    ):
        ask_by_the_drivers_cursor()
    writer.dispose()
    assert [record for record in caplog.records if record.name.startswith("sqlalchemy")] == []
    assert len(attempts) == 2
    assert lasting.sql("SELECT count(*) FROM written") == "3"


def test_a_deadlock_costs_one_of_the_two_a_retry(lasting: Cluster) -> None:
    """Two units that lock two rows crosswise both succeed, one of them in a second attempt."""
    lasting.sql("CREATE TABLE rows AS SELECT generate_series(1, 2) AS id, 0 AS n")
    writer = lasting.writer()
    both = threading.Barrier(2)
    attempts: list[int] = []

    def unit(first: int, transaction: WriteTransaction) -> None:
        attempts.append(first)
        for row in (first, 3 - first):
            transaction.execute(text("UPDATE rows SET n = n + 1 WHERE id = :id"), {"id": row})
            if row == first and attempts.count(first) == 1:
                both.wait(30)

    with ThreadPoolExecutor() as together:
        for future in [together.submit(repeat, writer.write, partial(unit, row), quick()) for row in (1, 2)]:
            future.result(HANG)
    writer.dispose()
    assert len(attempts) == 3
    assert lasting.sql("SELECT DISTINCT n FROM rows") == "2"


def test_no_time_to_retry_means_no_repetition() -> None:
    """DATABASE_RETRY_FOR=0: the unit is begun once, its error is the caller's, nothing is logged about it."""
    away = open_writer(
        DatabaseSettings.from_environ(
            {"DATABASE_CONNECTION_STRING": "postgresql://user:password@127.0.0.1:9/name"}
        ),
        process="tests",
    )
    begun = []

    def begin() -> AbstractContextManager[WriteTransaction]:
        begun.append(away)
        return away.write()

    with pytest.raises(DatabaseUnreachableError):
        repeat(begin, put(uuid4()), quick(DATABASE_RETRY_FOR="0"))
    away.dispose()
    assert len(begun) == 1


def test_without_a_primary_a_write_fails_at_once(pair: Cluster) -> None:
    """Only a standby is left: the error says so without waiting, and reads go on."""
    standby = pair.standbys[0]
    writer = pair.writer(pair.port, standby.port)
    reader = pair.reader(pair.port, standby.port)
    pair.primary.kill()
    assert took(lambda: writer.write().__enter__(), NoPrimaryError) < HANG
    assert repeat(reader.read, count, quick()) == 0
    standby.kill()
    assert took(lambda: writer.write().__enter__(), DatabaseUnreachableError) < HANG
    for seconds in ("0", "1"):
        patience = quick(DATABASE_RETRY_FOR=seconds)
        assert took(partial(repeat, writer.write, put(uuid4()), patience), DatabaseUnreachableError) < HANG
    writer.dispose()
    reader.dispose()
