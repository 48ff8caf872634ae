"""Health: what each trouble is called, and that the answer never keeps anyone waiting."""

import os
import time
from pathlib import Path
from typing import Final

from app.database.engines import open_production_reader, open_reader, open_writer
from app.database.handles import ReadOnlyDatabase, WritableDatabase
from app.database.health import Condition, live, ready
from app.database.schema import newest_revision
from settings import DatabaseSettings, DatabaseTarget
from tests.cluster import cluster
from tests.postgres import Trio

HANG: Final = 30.0
"""Seconds; three answers of one second each take far less."""


def test_a_healthy_database_says_what_it_is(any_trio: Trio) -> None:
    """Version, role, timeline, stamp, revision, rights, pool and budget are reported."""
    database = open_writer(any_trio.settings(), process="tests")
    health = ready(database, deadline=30)
    database.dispose()
    assert health.condition is Condition.UP
    assert health.remedy == ""
    assert health.role == "primary"
    assert health.timeline == 1
    assert health.stamp is DatabaseTarget.LOCAL
    assert health.revision == newest_revision()
    assert health.rights == "own"
    assert health.lag is None
    assert health.server_version is not None
    assert int(health.server_version.split(".")[0]) == any_trio.server.version
    assert health.latency_ms is not None
    assert health.pool is not None
    assert health.pool.limit == 10
    assert health.budget is not None
    assert health.budget.suffices


def test_the_process_lives() -> None:
    """Liveness asks no database."""
    assert live().pid == os.getpid()
    assert live().uptime_seconds > 0


def test_every_trouble_has_its_name(template: Path, trio: Trio) -> None:
    """Wrong database, pool exhausted, standby, lagging, read-only, frozen and down are told apart, each in bounded time."""
    settings = DatabaseSettings.from_environ({"DATABASE_CONNECTION_STRING": trio.render_prod})
    swapped = open_reader(settings, process="tests")
    assert condition(swapped) is Condition.WRONG_DATABASE
    swapped.dispose()

    with cluster(template) as made:
        standby = made.add_standby()
        small = made.reader(DATABASE_POOL_SIZE="1", DATABASE_POOL_OVERFLOW="0")
        with small.read():
            assert condition(small) is Condition.POOL_EXHAUSTED
        assert condition(small) is Condition.UP
        small.dispose()

        made.sql("INSERT INTO written VALUES (gen_random_uuid(), 0)")
        while made.sql("SELECT count(*) FROM written", standby) != "1":
            time.sleep(0.02)
        time.sleep(0.2)  # the last transaction ages while nothing happens
        reader = made.reader(standby.port)
        health = ready(reader, deadline=30)
        assert (health.role, health.condition) == ("standby", Condition.UP)
        assert health.lag is not None
        assert health.lag.bytes == 0
        assert health.lag.seconds == 0, "an idle primary is no lag"

        reader.dispose()

        writer = made.writer(made.port, standby.port)
        assert condition(writer) is Condition.UP
        made.primary.freeze()
        began = time.monotonic()
        for _ in range(3):
            assert ready(writer, deadline=1).condition is Condition.DOWN
        assert time.monotonic() - began < HANG
        made.primary.kill()
        eventually_read_only = time.monotonic() + 60
        while condition(writer) is not Condition.READ_ONLY:
            assert time.monotonic() < eventually_read_only
            time.sleep(0.1)
        cut_off = made.reader(standby.port)
        assert condition(cut_off) is Condition.LAGGING, (
            "it receives nothing, so nobody knows how far it is behind"
        )
        cut_off.dispose()
        standby.kill()
        assert condition(writer) is Condition.DOWN
        writer.dispose()


def test_no_address_is_in_a_health(trio: Trio) -> None:
    """A health may be shown to anyone: neither host nor port nor name of the database."""
    database = open_production_reader(trio.settings(), process="tests")
    up = ready(database, deadline=30)
    database.dispose()
    away = DatabaseSettings.from_environ(
        {"DATABASE_CONNECTION_STRING": "postgresql://user:password@127.0.0.1:9/name"}
    )
    nothing = open_reader(away, process="tests")
    down = ready(nothing, deadline=30)
    nothing.dispose()
    assert (up.condition, down.condition) == (Condition.UP, Condition.DOWN)
    for health in (up, down):
        for secret in ("127.0.0.1", str(trio.server.port), "postgresql", "password", trio.render_prod[-12:]):
            assert secret not in str(health)


def condition(database: ReadOnlyDatabase | WritableDatabase) -> Condition:
    """What is the matter."""
    return ready(database, deadline=30).condition
