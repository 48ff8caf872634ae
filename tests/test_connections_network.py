"""Packets that vanish between two machines: what ends the wait, and when."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import text

from app.database.engines import open_writer
from app.database.failover import repeat
from app.database.handles import WritableDatabase, WriteTransaction
from settings import DatabaseSettings
from tests.cluster import Cluster, cluster, quick
from tests.namespace import Namespace, namespace, needs_namespaces
from tests.waiting import HANG, outcomes

pytestmark = needs_namespaces

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
    for wait, (seconds, said) in outcomes(database, fresh, network.swallow).items():
        assert seconds < HANG, wait
        assert re.search(reason, said), (wait, said)
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
