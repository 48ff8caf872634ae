"""Visitors under load while the ground moves: promotions, a lost replica, a failover."""

import time
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert

from app.database.tables import promotions
from app.web.application import create_application
from settings import Settings
from tests.cluster import QUICK, Cluster, cluster
from tests.postgres import Trio
from tests.promoting import scene
from tests.web import Readers, a_promotion, an_event, listening, publish, served, writing

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
    return frozenset(f"State {number} event {i}" for i in range(1, _size(number) + 1))


def _read_during_promotions(trio: Trio, promotions: int) -> None:
    with scene(trio) as here, served(trio) as address:
        here.working(_state(0))
        here.promote()
        readers = Readers(address)
        with readers.asking():
            for number in range(1, promotions + 1):
                here.working(_state(number))
                here.promote()
            _until_seen(readers, _whole(promotions))
    assert readers.errors == []
    assert set(readers.states) <= {_whole(number) for number in range(promotions + 1)}
    assert len(readers.states) > 1


def _until_seen(readers: Readers, state: frozenset[str]) -> None:
    deadline = time.monotonic() + _DEADLINE
    while not readers.states[state]:
        assert time.monotonic() < deadline, readers.errors[:3]
        time.sleep(0.02)


def test_visitors_see_whole_states_during_promotions(trio: Trio) -> None:
    """Every answer is one promoted state from its first to its last event, and none is an error."""
    _read_during_promotions(trio, 8)


@pytest.mark.deep
@pytest.mark.timeout(1800)
def test_visitors_see_whole_states_during_fifty_promotions(trio: Trio) -> None:
    """The same with fifty promotions."""
    _read_during_promotions(trio, 50)


def _settings(made: Cluster, **variables: str) -> Settings:
    ports = (made.port, *(standby.port for standby in made.standbys))
    places = ",".join(f"127.0.0.1:{port}" for port in ports)
    url = f"postgresql://postgres:{made.primary.password}@{places}/events"
    return Settings.from_environ({"DATABASE_CONNECTION_STRING": url} | QUICK | variables)


def test_visitors_notice_nothing_of_a_failover(template: Path) -> None:
    """The primary is killed under load, the standby promoted and written to: no error, only whole states."""
    with cluster(template) as made:
        standby = made.add_standby()
        made.sql(f"BEGIN; {_state(1)} COMMIT")
        with listening(_settings(made)) as address:
            readers = Readers(address)
            with readers.asking():
                _until_seen(readers, _whole(1))
                made.primary.kill()
                standby.promote()
                made.sql(f"BEGIN; {_state(2)} COMMIT", standby)
                _until_seen(readers, _whole(2))
    assert readers.errors == []
    assert set(readers.states) == {_whole(1), _whole(2)}


def test_a_lost_replica_costs_nobody_an_answer(template: Path) -> None:
    """The replica is killed under load: visitors are answered by the primary, and the service stays ready."""
    with cluster(template) as made:
        replica = made.add_standby()
        made.sql(f"BEGIN; {_state(1)} COMMIT")
        url = f"postgresql://postgres:{made.primary.password}@127.0.0.1:"
        settings = Settings.from_environ(
            QUICK
            | {
                "DATABASE_CONNECTION_STRING": f"{url}{made.port}/events",
                "LOCAL_REPLICA_URLS": f"{url}{replica.port}/events",
            }
        )
        with listening(settings) as address:
            readers = Readers(address)
            with readers.asking():
                _until_seen(readers, _whole(1))
                replica.kill()
                made.sql(f"BEGIN; {_state(2)} COMMIT")
                _until_seen(readers, _whole(2))
            ready = httpx.get(f"{address}/readyz")
            status = httpx.get(f"{address}/status")
    assert readers.errors == []
    assert set(readers.states) <= {_whole(1), _whole(2)}
    assert ready.json() == {"status": "up"}
    assert "Replica 1" in status.text
    assert "It does not answer. Check that it runs" in status.text


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
