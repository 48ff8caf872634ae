"""Visitors under load while the ground moves: promotions, a lost replica, a failover."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert, text

from app.cli.visitors import Visitors
from app.database.engines import open_production_writer
from app.database.failures import DatabaseUnreachableError
from app.database.handles import WritableDatabase
from app.database.permits import Purpose, grant
from app.database.tables import promotions
from app.web.application import create_application
from settings import DatabaseTarget, Settings
from tests.cluster import QUICK, Cluster, cluster, quick
from tests.mishaps import MortalServer
from tests.postgres import Trio, migrate_and_stamp
from tests.promoting import Scene, scene
from tests.web import a_promotion, an_event, listening, publish, served, writing

_DEADLINE = 60.0


def _state(number: int) -> str:
    """SQL that makes every event say which state it is of; each state has another number of events."""
    return f"""DELETE FROM events; DELETE FROM venues;
INSERT INTO venues (key, name) VALUES ('v{number % 3}', 'Hall');
INSERT INTO events (key, name, starts_at, time_zone, local_start_date, venue_key, event_type, source)
SELECT 'e' || i, 'State {number} event ' || i, '2027-01-01 20:00+00'::timestamptz + i * interval '1 hour',
  'UTC', '2027-01-01', 'v{number % 3}', 'social dance', 'tests' FROM generate_series(1, {_size(number)}) AS i;"""


def _size(number: int) -> int:
    return 40 + number % 7 * 10


def _whole(number: int) -> frozenset[str]:
    return frozenset(f"e{i} State {number} event {i}" for i in range(1, _size(number) + 1))


def _promote(here: Scene, numbers: range) -> None:
    for number in numbers:
        here.working(_state(number))
        here.promote()


def _only_whole_states(visitors: Visitors, numbers: range) -> None:
    assert visitors.errors == []
    assert set(visitors.states) <= {_whole(number) for number in numbers}
    assert len(visitors.states) > 1


def _until_seen(visitors: Visitors, state: frozenset[str]) -> None:
    deadline = time.monotonic() + _DEADLINE
    while not visitors.states[state]:
        assert time.monotonic() < deadline, visitors.errors[:3]
        time.sleep(0.02)


def test_visitors_see_whole_states_during_promotions(trio: Trio) -> None:
    """Every answer is one promoted state from its first to its last event, and none is an error."""
    with scene(trio) as here, served(trio) as address:
        _promote(here, range(1))
        visitors = Visitors(address, "2026-01-01")
        with visitors.asking():
            _promote(here, range(1, 9))
            _until_seen(visitors, _whole(8))
    _only_whole_states(visitors, range(9))


@pytest.mark.deep
@pytest.mark.timeout(1800)
def test_visitors_see_whole_states_during_fifty_promotions_and_a_failover(trio: Trio, template: Path) -> None:
    """Fifty promotions without a pause; after half of them production's primary is killed and replaced."""
    with cluster(template) as made:
        _add_production(made)
        standby = made.add_standby()
        there = replace(trio, render_prod=_url(made, "production"))
        with scene(there) as here, listening(Settings.from_environ(there.environ(4) | QUICK)) as address:
            _promote(here, range(1))
            visitors = Visitors(address, "2026-01-01")
            with visitors.asking():
                _promote(here, range(1, 26))
                _until_seen(visitors, _whole(25))
                made.primary.kill()
                standby.promote()
                _promote(here, range(26, 51))
                _until_seen(visitors, _whole(50))
    _only_whole_states(visitors, range(51))


def _url(made: Cluster, database: str) -> str:
    ports = (made.port, *(standby.port for standby in made.standbys))
    places = ",".join(f"127.0.0.1:{port}" for port in ports)
    return f"postgresql://postgres:{made.primary.password}@{places}/{database}"


def _production(made: Cluster) -> Settings:
    url = {
        "DATABASE_TARGET": "render_prod",
        "RENDER": "true",
        "RENDER_EXTERNAL_DB_URL": _url(made, "production"),
    }
    return Settings.from_environ(_PATIENT | url)


def _add_production(made: Cluster) -> None:
    """A production database beside the cluster's own, migrated and stamped."""
    made.sql("CREATE DATABASE production")
    settings = _production(made).database
    migrate_and_stamp(
        lambda purpose: open_production_writer(
            settings, grant(purpose, DatabaseTarget.RENDER_PROD), process="tests"
        )
    )


_PATIENT = QUICK | {"DATABASE_STATEMENT_TIMEOUT": "20"}
"""For questions that a test holds up on purpose."""


def _settings(made: Cluster, **variables: str) -> Settings:
    return Settings.from_environ({"DATABASE_CONNECTION_STRING": _url(made, "events")} | QUICK | variables)


@contextmanager
def _locked(writer: WritableDatabase, table: str) -> Iterator[None]:
    """Hold up whoever wants this table, on the replicas too, even if the server dies meanwhile."""
    with suppress(DatabaseUnreachableError), writer.write() as transaction:
        transaction.execute(text(f"LOCK TABLE {table}"))
        yield


def _until_held_up(made: Cluster, server: MortalServer) -> None:
    """Wait until the service's question waits for a lock of this server."""
    _until(made, server, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")


def _until(made: Cluster, server: MortalServer, count: str) -> None:
    """Wait until there is something to count."""
    deadline = time.monotonic() + _DEADLINE
    while made.sql(count, server) == "0":
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_question_that_the_primary_dies_with_is_asked_again(template: Path) -> None:
    """It waits in the primary when that is killed, and is answered by the promoted standby as if nothing was."""
    with cluster(template) as made, ThreadPoolExecutor(1) as visitor:
        standby = made.add_standby()
        made.sql(f"BEGIN; {_state(1)} COMMIT")
        writer = made.writer()
        with listening(_settings(made, **_PATIENT)) as address:
            with _locked(writer, "events"):
                answer = visitor.submit(httpx.get, f"{address}/api/events?from=2026-01-01", timeout=_DEADLINE)
                _until_held_up(made, made.primary)
                made.primary.kill()
            standby.promote()
            events = answer.result().raise_for_status().json()["events"]
        writer.dispose()
    assert {f"{event['key']} {event['name']}" for event in events} <= _whole(1)
    assert len(events) == 50


def test_a_question_that_a_replica_dies_with_is_asked_again(template: Path) -> None:
    """It waits in the replica when that is killed, and the primary answers; the service stays ready and says so."""
    with cluster(template) as made, ThreadPoolExecutor(1) as visitor:
        replica = made.add_standby()
        made.sql(f"BEGIN; {_state(1)} COMMIT")
        primary, other = (
            f"postgresql://postgres:{made.primary.password}@127.0.0.1:{port}/events"
            for port in (made.port, replica.port)
        )
        urls = {"DATABASE_CONNECTION_STRING": primary, "LOCAL_REPLICA_URLS": other}
        writer = made.writer(made.port)
        with listening(Settings.from_environ(_PATIENT | urls)) as address:
            with _locked(writer, "events"):
                made.sql("SELECT pg_logical_emit_message(true, 'tests', 'a COMMIT takes the lock along')")
                _until(made, replica, "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock'")
                answer = visitor.submit(httpx.get, f"{address}/api/events?from=2026-01-01", timeout=_DEADLINE)
                _until_held_up(made, replica)
                replica.kill()
            events = answer.result().raise_for_status().json()["events"]
            ready = httpx.get(f"{address}/readyz")
            status = httpx.get(f"{address}/status", timeout=_DEADLINE)
        writer.dispose()
    assert len(events) == 50
    assert ready.json() == {"status": "up"}
    assert "Replica 1" in status.text
    assert "It does not answer. Check that it runs" in status.text


def test_a_report_that_the_primary_dies_with_is_not_sent_twice(template: Path) -> None:
    """Nobody knows whether it was stored: the visitor is told to try again, and the service does not by itself."""
    report = {"kind": "wrong", "message": "sent once"}
    with cluster(template) as made, ThreadPoolExecutor(1) as visitor:
        _add_production(made)
        standby = made.add_standby()
        made.primary.sql(_state(1), database="production")
        settings = _production(made)
        permit = grant(Purpose.PROMOTION, DatabaseTarget.RENDER_PROD)
        writer = open_production_writer(settings.database, permit, process="tests", connections=quick())
        with listening(settings) as address:
            where = f"{address}/api/events/e1/reports"
            with _locked(writer, "event_reports"):
                answer = visitor.submit(httpx.post, where, json=report, timeout=_DEADLINE)
                _until_held_up(made, made.primary)
                made.primary.kill()
            standby.promote()
            lost = answer.result()
            stored = standby.sql("SELECT count(*) FROM event_reports", database="production")
            again = httpx.post(where, json=report, timeout=_DEADLINE)
        writer.dispose()
        kept = standby.sql("SELECT message FROM event_reports", database="production")
    assert (lost.status_code, lost.headers["retry-after"], stored.strip()) == (503, "5", "0")
    assert (again.status_code, kept.strip()) == (201, "sent once")


def test_visitors_notice_nothing_of_a_failover(template: Path) -> None:
    """The primary is killed under load, the standby promoted and written to: no error, only whole states."""
    with cluster(template) as made:
        standby = made.add_standby()
        made.sql(f"BEGIN; {_state(1)} COMMIT")
        with listening(_settings(made)) as address:
            visitors = Visitors(address, "2026-01-01")
            with visitors.asking():
                _until_seen(visitors, _whole(1))
                made.primary.kill()
                standby.promote()
                made.sql(f"BEGIN; {_state(2)} COMMIT", standby)
                _until_seen(visitors, _whole(2))
    assert visitors.errors == []
    assert set(visitors.states) == {_whole(1), _whole(2)}


def test_a_backup_answers_when_nothing_else_does_and_says_how_old_it_is(trio: Trio) -> None:
    """The database is away for good: visitors see the copy's dances with its time, and nobody can report."""
    publish(trio, an_event("old", name="From the copy"), mode=2)
    with writing(trio, 2) as database, database.write() as transaction:
        transaction.execute(insert(promotions), a_promotion())
    gone = trio.environ(4) | {
        "RENDER_EXTERNAL_DB_URL": trio.render_prod.replace(f":{trio.server.port}/", ":9/"),
        "RENDER_DEV_EXTERNAL_DB_URL": "",
        "RENDER_BACKUP_DB_URL": trio.render_dev,
    }
    with TestClient(create_application(Settings.from_environ(gone))) as client:
        page = client.get("/", headers={"Accept": "text/html"})
        report = client.post("/api/events/old/reports", json={"kind": "wrong"})
        ready = client.get("/readyz")
    assert page.status_code == 200
    assert "From the copy" in page.text
    assert "These dances are as of" in page.text
    assert report.status_code == 503
    assert ready.json() == {"status": "up"}
    assert trio.query("render_dev", "SELECT count(*) FROM event_reports") == ["0"]
