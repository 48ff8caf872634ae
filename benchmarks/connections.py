"""Connections: what routing costs, what replicas give, how long a failover is felt; peers in the same run."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple
from uuid import uuid4

from sqlalchemy import Engine, column, create_engine, func, literal, select, text
from sqlalchemy import table as sql_table

from app.database.engines import open_routed
from app.database.failover import repeat
from app.database.handles import WriteTransaction
from benchmarks.measure import machine, ratio, table, take_turns
from tests.cluster import Cluster, cluster, prepared, quick

READS: Final = 300
THREADS: Final = 4
SECONDS: Final = 3.0
FAILOVERS: Final = 5
CROWD: Final = 8
PAUSE: Final = 0.02
"""Seconds between two calls of one thread: sixteen that never rest would measure the interpreter."""
_PUT: Final = "INSERT INTO written VALUES ('{}', 0) ON CONFLICT DO NOTHING"
_ONE: Final = select(literal(1))
_HEAVY: Final = text("SELECT sum(length(md5(n::text))) FROM generate_series(1, 20000) n")
_COUNT: Final = select(func.count()).select_from(sql_table("written", column("id")))


def main() -> None:
    """Print the tables."""
    for name in ("stamina", "psycopg.pool"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    print(f"{machine()}; PostgreSQL 18 on loopback\n")
    with prepared() as template:
        _reads(template)
        _failovers(template)


def _reads(template: Path) -> None:
    with cluster(template) as made:
        for _ in range(2):
            made.add_standby()
        primary = made.reader()
        plain = create_engine(
            made.settings().active_url.get_secret_value(), pool_pre_ping=True, use_native_hstore=False
        )
        urls = " ".join(
            f"postgresql://postgres:{made.primary.password}@127.0.0.1:{standby.port}/events"
            for standby in made.standbys
        )
        database = open_routed(
            made.settings(),
            process="benchmark",
            connections=quick(LOCAL_REPLICA_URLS=urls, DATABASE_REPLICA_WAIT="5"),
        )
        token = database.token()

        def bare() -> None:
            for _ in range(READS):
                with plain.connect() as connection:
                    connection.execute(_ONE).scalar_one()

        def ours(read: Callable[..., Any]) -> None:
            for _ in range(READS):
                with read() as transaction:
                    transaction.select(_ONE).scalar_one()

        samples = take_turns(
            {
                "SQLAlchemy, pre-ping": bare,
                "reader (proof at checkout, confirmed READ ONLY)": partial(ours, primary.read),
                "routed to two replicas": partial(ours, database.read),
                "routed, with a token": partial(ours, partial(database.read, after=token)),
            },
            rounds=7,
        )
        reader = samples["reader (proof at checkout, confirmed READ ONLY)"]
        rows = [
            [name, f"{sample.median / READS * 1e6:.0f}", f"{ratio(sample, reader):.2f}"]
            for name, sample in samples.items()
        ]
        print(table(["one read of one row", "µs", "times the reader's"], rows), "\n")

        alone = _throughput(partial(primary.read))
        spread = _throughput(partial(database.read))
        rows = [
            ["primary alone", f"{alone:.0f}", "1.00"],
            ["two replicas", f"{spread:.0f}", f"{spread / alone:.2f}"],
        ]
        print(table([f"{THREADS} threads, aggregates of 20,000 rows", "reads/s", "ratio"], rows))
        print("All three servers share this machine's cores: replicas add machines, not cores.\n")
        plain.dispose()
        primary.dispose()
        database.dispose()


def _throughput(read: Callable[..., Any]) -> float:
    done = [0] * THREADS
    end = time.monotonic() + SECONDS

    def work(number: int) -> None:
        while time.monotonic() < end:
            with read() as transaction, transaction.cursor() as cursor:
                cursor.execute(_HEAVY.text)
            done[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / SECONDS


class Peer(NamedTuple):
    """A way to write one row and to count them, from many threads."""

    put: Callable[[str], object]
    look: Callable[[], object]


@contextmanager
def _ours(made: Cluster) -> Iterator[Peer]:
    hosts = (made.port, made.standbys[0].port)
    writer, reader = made.writer(*hosts), made.reader(*hosts)

    def unit(identity: str, transaction: WriteTransaction) -> None:
        transaction.execute(text(_PUT.format(identity)))

    yield Peer(
        lambda identity: repeat(writer.write, partial(unit, identity), quick()),
        lambda: repeat(reader.read, lambda transaction: transaction.select(_COUNT).scalar_one(), quick()),
    )
    writer.dispose()
    reader.dispose()


@contextmanager
def _sqlalchemy(made: Cluster) -> Iterator[Peer]:
    url = made.settings(made.port, made.standbys[0].port).active_url.get_secret_value()

    def engine(attributes: str) -> Engine:
        arguments = {"target_session_attrs": attributes, "connect_timeout": 2}
        return create_engine(url, pool_pre_ping=True, pool_size=CROWD, connect_args=arguments)

    writer, reader = engine("read-write"), engine("any")

    def put(identity: str) -> None:
        with writer.begin() as connection:
            connection.execute(text(_PUT.format(identity)))

    def look() -> None:
        with reader.connect() as connection:
            connection.execute(_COUNT).scalar_one()

    yield Peer(put, look)
    writer.dispose()
    reader.dispose()


@contextmanager
def _psycopg(made: Cluster) -> Iterator[Peer]:
    pools: Any = import_module("psycopg_pool")
    ports = f"{made.port},{made.standbys[0].port}"

    def pool(attributes: str) -> Any:
        return pools.ConnectionPool(
            f"host=127.0.0.1,127.0.0.1 port={ports} user=postgres dbname=events target_session_attrs={attributes} connect_timeout=2",
            kwargs={"password": made.primary.password},
            min_size=1, max_size=CROWD, timeout=2, check=pools.ConnectionPool.check_connection, open=True,
        )  # fmt: skip

    writer, reader = pool("read-write"), pool("any")

    def put(identity: str) -> None:
        with writer.connection() as connection:
            connection.execute(_PUT.format(identity))

    def look() -> None:
        with reader.connection() as connection:
            connection.execute("SELECT count(*) FROM written").fetchone()

    yield Peer(put, look)
    writer.close()
    reader.close()


class Crowd:
    """Threads that write and read, and what they felt.

    Attributes:
        acknowledged: when each write was, and which.
        errors: of all of them.
        longest: seconds that one call took at most.
    """

    def __init__(self, peer: Peer) -> None:
        self.acknowledged: list[tuple[float, str]] = []
        self.errors = 0
        self.longest = 0.0
        self._peer = peer
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=work) for work in (self._write, self._read) * CROWD]
        for thread in self._threads:
            thread.start()

    def until(self, reached: Callable[[], bool]) -> None:
        """Wait for it."""
        while not reached():
            time.sleep(0.005)

    def finish(self) -> None:
        """Let all of them stop."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _write(self) -> None:
        while not self._stop.wait(PAUSE):
            identity = str(uuid4())
            if self._done(partial(self._peer.put, identity)):
                self.acknowledged.append((time.monotonic(), identity))

    def _read(self) -> None:
        while not self._stop.wait(PAUSE):
            self._done(self._peer.look)

    def _done(self, action: Callable[[], object]) -> bool:
        began = time.monotonic()
        try:
            action()
        except Exception:  # noqa: BLE001 - every kind of error counts
            self.errors += 1
            return False
        finally:
            self.longest = max(self.longest, time.monotonic() - began)
        return True


class Felt(NamedTuple):
    """What the callers of one failover saw.

    Attributes:
        gap: seconds from the promotion's end to the next acknowledged write.
        errors: of all writers and readers.
        longest: seconds that one call took at most.
        lost: acknowledged writes that are not there.
    """

    gap: float
    errors: int
    longest: float
    lost: int


def _failovers(template: Path) -> None:
    rows = []
    for name, peer in (
        ("this (proof, fence, unit-of-work retry)", _ours),
        ("libpq multi-host + SQLAlchemy pre-ping", _sqlalchemy),
        ("psycopg_pool with check_connection", _psycopg),
    ):
        felt = [_fail_over(template, peer) for _ in range(FAILOVERS)]
        gaps = [one.gap for one in felt]
        rows.append(
            [
                name,
                f"{median(gaps):.2f} ({min(gaps):.2f} to {max(gaps):.2f})",
                f"{median(one.errors for one in felt):.0f}",
                f"{max(one.longest for one in felt):.1f}",
                str(sum(one.lost for one in felt)),
            ]
        )
    heads = ["s from promoted to written", "errors seen", "longest call, s", "acknowledged writes lost"]
    print(table([f"SIGKILL, promotion a second later, {CROWD} writers and {CROWD} readers", *heads], rows))


def _fail_over(template: Path, peer: Callable[[Cluster], AbstractContextManager[Peer]]) -> Felt:
    with cluster(template) as made:
        standby = made.add_standby(synchronous=True)
        with peer(made) as there:
            crowd = Crowd(there)
            crowd.until(lambda: len(crowd.acknowledged) >= 50 * CROWD)
            made.primary.kill()
            time.sleep(1)
            standby.promote()
            promoted = time.monotonic()
            crowd.until(lambda: crowd.acknowledged[-1][0] >= promoted)
            crowd.finish()
        present = set(made.sql("SELECT id FROM written", standby).split())
        gap = min(moment for moment, _ in crowd.acknowledged if moment >= promoted) - promoted
        lost = {identity for _, identity in crowd.acknowledged} - present
        return Felt(gap, crowd.errors, crowd.longest, len(lost))
