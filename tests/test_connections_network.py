"""Packets that vanish between two machines: what ends the wait, and when."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import text

from app.database.engines import open_writer
from app.database.failover import repeat
from app.database.failures import DatabaseUnreachableError
from app.database.handles import WritableDatabase, WriteTransaction
from settings import DatabaseSettings
from tests.cluster import Cluster, cluster, quick
from tests.namespace import Namespace, namespace, needs_namespaces

pytestmark = [needs_namespaces, pytest.mark.xdist_group("connections-network")]

HANG: Final = 30.0
"""Seconds that no caller may hang here; what is in force ends each wait after 2 to 5."""

_TCP_ENDS_IT: Final = {
    "DATABASE_NETWORK_TIMEOUT": "2",
    "DATABASE_CONNECT_TIMEOUT": "60",
    "DATABASE_STATEMENT_TIMEOUT": "0",
}
_CLIENT_ENDS_IT: Final = {"DATABASE_NETWORK_TIMEOUT": "600"}
_PUT: Final = text("INSERT INTO written VALUES (gen_random_uuid(), 0)")


@pytest.fixture
def far(template: Path) -> Iterator[tuple[Cluster, Namespace]]:
    """A primary on a machine of its own."""
    with namespace() as network, ExitStack() as stack:
        made = network.run(lambda: stack.enter_context(cluster(template, listen_addresses="*")))
        yield made, network


def writer(far: tuple[Cluster, Namespace], **variables: str) -> WritableDatabase:
    """The database as a machine on Render's own network sees it, where nobody asks for TLS."""
    made, network = far
    place = f"{network.address}:{made.port}"
    url = f"postgresql://postgres:{made.primary.password}@{place}/events"
    settings = DatabaseSettings.from_environ(
        {"RENDER": "true", "DATABASE_TARGET": "local", "DATABASE_CONNECTION_STRING": url}
    )
    return open_writer(settings, process="tests", connections=quick(**variables))


def put(transaction: WriteTransaction) -> None:
    """One more row."""
    transaction.execute(_PUT)


class Waits:
    """What a caller may be in the middle of when the packets stop; each begins before and waits after."""

    def __init__(self, database: WritableDatabase, fresh: WritableDatabase) -> None:
        """Use one database with pooled connections, and one without."""
        self._database = database
        self._fresh = fresh
        self._under_way = threading.Barrier(4)
        self.silence = threading.Event()

    def for_an_answer(self) -> None:
        """The statement has arrived, its answer never does."""
        with self._database.write() as transaction:
            transaction.execute(text("SELECT 1"))
            threading.Timer(0.3, self._under_way.wait).start()
            transaction.execute(text("SELECT pg_sleep(300)"))

    def for_rows(self) -> None:
        """COPY stops in the middle."""
        with (
            self._database.write() as transaction,
            transaction.cursor() as cursor,
            Path("/dev/null").open("wb") as sink,
        ):
            threading.Timer(0.3, self._under_way.wait).start()
            cursor.copy_expert(
                "COPY (SELECT n, pg_sleep(0.01) FROM generate_series(1, 30000) n) TO STDOUT", sink
            )

    def for_an_acknowledgement(self) -> None:
        """The statement does not arrive."""
        with self._database.write() as transaction:
            transaction.execute(text("SELECT 1"))
            self._under_way.wait()
            self.silence.wait()
            transaction.execute(text("SELECT 1"))

    def for_a_proof(self) -> None:
        """A pooled connection is taken out."""
        self.silence.wait()
        with self._database.read():
            pass

    def for_a_connection(self) -> None:
        """Nobody answers at the door."""
        self.silence.wait()
        with self._fresh.read():
            pass

    def until_under_way(self) -> None:
        """Return when the packets may stop."""
        self._under_way.wait(30)


@pytest.mark.parametrize(
    ("variables", "reason"),
    [(_TCP_ENDS_IT, "timed out"), (_CLIENT_ENDS_IT, "no answer within|timeout expired")],
    ids=["TCP ends it", "the client ends it"],
)
def test_dropped_packets_keep_nobody_waiting(
    far: tuple[Cluster, Namespace], variables: dict[str, str], reason: str
) -> None:
    """User timeout and keepalives alone, and the client's deadline alone, end every kind of wait."""
    _, network = far
    database, fresh = writer(far, **variables), writer(far, **variables)
    with ExitStack() as pooled:
        for _ in range(4):
            pooled.enter_context(database.read())
    waits = Waits(database, fresh)

    ended: dict[str, tuple[float, str]] = {}

    def take(wait: Callable[[], None]) -> None:
        try:
            wait()
        except DatabaseUnreachableError as error:
            ended[wait.__name__] = (time.monotonic(), str(error))

    kinds = (
        waits.for_an_answer,
        waits.for_rows,
        waits.for_an_acknowledgement,
        waits.for_a_proof,
        waits.for_a_connection,
    )
    threads = [threading.Thread(target=take, args=(kind,), daemon=True) for kind in kinds]
    for thread in threads:
        thread.start()
    waits.until_under_way()
    network.swallow()
    began = time.monotonic()
    waits.silence.set()
    for thread in threads:
        thread.join(max(0.0, began + HANG - time.monotonic()))
    assert ended.keys() == {kind.__name__ for kind in kinds}
    assert {name for name, (_, said) in ended.items() if not re.search(reason, said)} == set()
    assert max(at for at, _ in ended.values()) - began < HANG
    network.deliver()
    repeat(database.write, put, quick())
    database.dispose()
    fresh.dispose()


def test_a_half_open_connection_is_replaced_unseen(far: tuple[Cluster, Namespace]) -> None:
    """A server that died and came back while nobody could hear of it: the pool finds out, its user does not."""
    made, network = far
    database = writer(far)
    with database.write() as transaction:
        put(transaction)
    network.swallow()
    made.primary.kill()
    network.run(made.primary.start)
    network.deliver()
    with database.write() as transaction:
        put(transaction)
    database.dispose()
    assert network.run(lambda: made.sql("SELECT count(*) FROM written")) == "2"
