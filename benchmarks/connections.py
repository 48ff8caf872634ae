"""Connections: what routing costs, what replicas give, how long a failover is felt; peers in the same run."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import create_engine, literal, select, text

from app.database.engines import open_routed
from app.database.failover import repeat
from app.database.handles import WriteTransaction
from benchmarks.measure import machine, ratio, table, take_turns
from tests.cluster import Cluster, cluster, prepared, quick

READS: Final = 300
THREADS: Final = 4
SECONDS: Final = 3.0
FAILOVERS: Final = 3
_PUT: Final = "INSERT INTO written VALUES ('{}', 0) ON CONFLICT DO NOTHING"
_ONE: Final = select(literal(1))
_HEAVY: Final = text("SELECT sum(length(md5(n::text))) FROM generate_series(1, 20000) n")
Put = Callable[[str], None]


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


@contextmanager
def _ours(made: Cluster) -> Iterator[Put]:
    database = made.writer(made.port, made.standbys[0].port)

    def unit(identity: str, transaction: WriteTransaction) -> None:
        transaction.execute(text(_PUT.format(identity)))

    yield lambda identity: repeat(database.write, partial(unit, identity), quick())
    database.dispose()


@contextmanager
def _sqlalchemy(made: Cluster) -> Iterator[Put]:
    url = made.settings(made.port, made.standbys[0].port).active_url.get_secret_value()
    engine = create_engine(
        url, pool_pre_ping=True, connect_args={"target_session_attrs": "read-write", "connect_timeout": 2}
    )

    def put(identity: str) -> None:
        with engine.begin() as connection:
            connection.execute(text(_PUT.format(identity)))

    yield put
    engine.dispose()


@contextmanager
def _psycopg(made: Cluster) -> Iterator[Put]:
    pools: Any = import_module("psycopg_pool")
    ports = f"{made.port},{made.standbys[0].port}"
    pool = pools.ConnectionPool(
        f"host=127.0.0.1,127.0.0.1 port={ports} user=postgres dbname=events target_session_attrs=read-write connect_timeout=2",
        kwargs={"password": made.primary.password},
        min_size=1, max_size=4, timeout=2, check=pools.ConnectionPool.check_connection, open=True,
    )  # fmt: skip

    def put(identity: str) -> None:
        with pool.connection() as connection:
            connection.execute(_PUT.format(identity))

    yield put
    pool.close()


def _failovers(template: Path) -> None:
    rows = []
    for name, peer in (
        ("this (proof, fence, unit-of-work retry)", _ours),
        ("libpq multi-host + SQLAlchemy pre-ping", _sqlalchemy),
        ("psycopg_pool with check_connection", _psycopg),
    ):
        gaps, errors, lost = zip(*(_fail_over(template, peer) for _ in range(FAILOVERS)), strict=True)
        rows.append(
            [
                name,
                f"{median(gaps):.2f} ({min(gaps):.2f} to {max(gaps):.2f})",
                f"{median(errors):.0f}",
                str(sum(lost)),
            ]
        )
    print(
        table(
            [
                "SIGKILL, promotion a second later, one writer",
                "s from promoted to written",
                "errors seen",
                "lost",
            ],
            rows,
        )
    )


def _fail_over(template: Path, peer: Callable[[Cluster], Any]) -> tuple[float, int, int]:
    """Seconds from the promotion's end to the next acknowledged write, errors that the caller saw, writes lost."""
    with cluster(template) as made:
        standby = made.add_standby(synchronous=True)
        acknowledged: list[tuple[float, str]] = []
        errors = 0
        stop = threading.Event()
        with peer(made) as put:

            def work() -> None:
                nonlocal errors
                while not stop.is_set():
                    identity = str(uuid4())
                    try:
                        put(identity)
                    except Exception:  # noqa: BLE001 - every kind of error counts
                        errors += 1
                    else:
                        acknowledged.append((time.monotonic(), identity))
                    time.sleep(0.005)

            thread = threading.Thread(target=work)
            thread.start()
            while len(acknowledged) < 50:
                time.sleep(0.01)
            made.primary.kill()
            time.sleep(1)
            standby.promote()
            promoted = time.monotonic()
            while acknowledged[-1][0] < promoted:
                time.sleep(0.01)
            stop.set()
            thread.join()
        there = set(made.sql("SELECT id FROM written", standby).split())
        first = next(moment for moment, _ in acknowledged if moment >= promoted)
        return first - promoted, errors, len({identity for _, identity in acknowledged} - there)
