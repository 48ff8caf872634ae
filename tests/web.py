"""A running web service for the tests, and events to show in it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from threading import Thread
from typing import Any, Final
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import uvicorn
from fastapi.testclient import TestClient
from sqlalchemy import insert

from app.database.engines import open_production_writer, open_writer
from app.database.handles import WritableDatabase
from app.database.permits import Purpose, grant
from app.database.tables import events, venues
from app.web.application import create_application
from settings import DatabaseTarget, Settings
from tests.postgres import Trio

ZONE: Final = ZoneInfo("America/Vancouver")
HALL: Final = {
    "key": "hall",
    "name": "Harbour Hall",
    "street": "1 Quay Street",
    "city": "Victoria",
    "region": "BC",
    "country": "CA",
    "latitude": 48.4284,
    "longitude": -123.3656,
}


def today() -> date:
    """The day it is for the service's visitors."""
    return datetime.now(ZONE).date()


def an_event(key: str, day: date | None = None, at: time | None = time(20), **fields: Any) -> dict[str, Any]:
    """A row of `events`: a salsa night on a day at an hour in Vancouver, three hours long."""
    day = day or today()
    start = datetime.combine(day, at or time(), ZONE)
    end = start + timedelta(hours=3)
    return {
        "key": key,
        "name": f"Night {key}",
        "starts_at": start.astimezone(UTC),
        "ends_at": end.astimezone(UTC) if at else None,
        "time_zone": "America/Vancouver",
        "local_start_date": day,
        "local_start_time": at,
        "local_end_date": end.date() if at else None,
        "local_end_time": end.time() if at else None,
        "event_type": "social dance",
        "dance_styles": ["salsa"],
        "source": "tests",
        **fields,
    }


def a_promotion(*, who: str = "ada", inserted: int = 1, updated: int = 0, deleted: int = 0) -> dict[str, Any]:
    """A row of control.promotions."""
    return {
        "run_id": uuid4(),
        "who": who,
        "host": "laptop",
        "commit": "",
        "from_environment": "local",
        "digest": "0123456789abcdef",
        "seed": 0,
        "columns": {},
        "counts": {"events": {"inserted": inserted, "updated": updated, "deleted": deleted}},
        "seconds": {"plan": 2.0, "apply": 0.5},
    }


def a_run(run: UUID, finished_at: datetime, **fields: Any) -> dict[str, Any]:
    """A row of control.runs that took a minute and a half."""
    return {
        "id": run,
        "started_at": finished_at - timedelta(seconds=90),
        "finished_at": finished_at,
        "outcome": "done",
        "target": "local",
        "commit": "",
        "host": "laptop",
        "who": "ada",
        **fields,
    }


@contextmanager
def writing(trio: Trio, mode: int) -> Iterator[WritableDatabase]:
    """The database that a mode's service reads, to be filled."""
    database: WritableDatabase
    if mode == 4:
        permit = grant(Purpose.PROMOTION, DatabaseTarget.RENDER_PROD)
        database = open_production_writer(trio.settings(4), permit, process="tests")
    else:
        database = open_writer(trio.settings(mode), process="tests")
    try:
        yield database
    finally:
        database.dispose()


def publish(
    trio: Trio, *rows: Mapping[str, Any], mode: int = 4, places: tuple[Mapping[str, Any], ...] = ()
) -> None:
    """Put venues and events where a mode's service reads them."""
    with writing(trio, mode) as database, database.write() as transaction:
        for place in places:
            transaction.execute(insert(venues), place)
        for row in rows:
            transaction.execute(insert(events), row)


@contextmanager
def service(trio: Trio, mode: int = 4, **variables: str) -> Iterator[TestClient]:
    """The web service of a mode, asked in this process."""
    settings = Settings.from_environ(trio.environ(mode) | variables)
    with TestClient(create_application(settings), raise_server_exceptions=False) as client:
        yield client


@contextmanager
def served(trio: Trio, mode: int = 4, **variables: str) -> Iterator[str]:
    """The web service of a mode on a free port of this machine.

    Yields:
        Its address.
    """
    with listening(Settings.from_environ(trio.environ(mode) | variables)) as address:
        yield address


@contextmanager
def listening(settings: Settings) -> Iterator[str]:
    """The web service for these settings on a free port of this machine.

    Yields:
        Its address.
    """
    configuration = uvicorn.Config(
        create_application(settings), host="127.0.0.1", port=0, log_level="error", proxy_headers=False
    )
    server = uvicorn.Server(configuration)
    thread = Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            thread.join(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
