"""Sightings for the pipeline's tests: sources that say what a test wants, and one run of all stages."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from app.database.engines import open_writer
from app.database.handles import ReadOnlyDatabase, WritableDatabase
from app.errors import AppError
from app.pipeline.event import Finding, Sighting
from app.pipeline.run import Plan, Result, run
from app.pipeline.stage import SILENT, Observer
from tests.postgres import Trio

NOW: Final = datetime(2026, 6, 1, 18, 0, tzinfo=UTC)
"""The moment of the tests' runs."""
FRIDAY: Final = date(2026, 6, 5)


def sighting(name: str = "Salsa Social", **fields: Any) -> Sighting:
    """A sighting of a plausible event; its reference follows from what it says unless one is given."""
    said: dict[str, Any] = {
        "source": "studio",
        "kind": "icalendar",
        "place": "studio.ics",
        "start_date": FRIDAY,
        "start_time": time(20),
        "location": "Edelweiss Hall, 108 Niagara St, Victoria, BC",
        **fields,
    }
    reference = said.pop("reference", f"{name} {said['start_date']} {said['start_time']} {said['location']}")
    return Sighting(name=name, reference=reference, **said)


@dataclass
class Saying:
    """A source that says what it is told to, then fails if it is told to.

    Attributes:
        failure: raised after its findings.
    """

    name: str = "studio"
    says: Iterable[Finding] = field(default_factory=tuple)
    failure: Exception | None = None

    def findings(self) -> Iterator[Finding]:
        """What it was told to say."""
        yield from self.says
        if self.failure:
            raise self.failure


class SourceDownError(AppError):
    """The source is down."""


@contextmanager
def working(trio: Trio) -> Iterator[WritableDatabase]:
    """The local database, to be written."""
    database = open_writer(trio.settings(1), process="tests")
    try:
        yield database
    finally:
        database.dispose()


def run_all(
    database: WritableDatabase,
    *sources: Saying,
    days_later: float = 0,
    observer: Observer = SILENT,
    production: ReadOnlyDatabase | None = None,
    **plan: Any,
) -> Result:
    """One run at the tests' moment, or days later."""
    now = NOW + timedelta(days=days_later)
    return run(database, Plan(sources=sources, now=now, **plan), observer, production=production)


def one_source(*says: Finding) -> Saying:
    """A single source that says this."""
    return Saying(says=says)


def events(trio: Trio) -> list[str]:
    """The stored events, all columns, in the order of their keys."""
    return trio.query("local", "SELECT e::text FROM events e ORDER BY key")


def names(trio: Trio) -> list[str]:
    """The names of the stored events."""
    return trio.query("local", "SELECT name FROM events ORDER BY name, starts_at")


_TABLES: Final = ("venues", "events", "sightings", "rejects", "provenance", "fetches", "judgements")
_STATE: Final = " UNION ALL ".join(f"SELECT '{table}', x::text FROM {table} x" for table in _TABLES)


def state(trio: Trio) -> list[str]:
    """Every row of every table that the pipeline writes, ledgers apart."""
    return trio.query("local", f"{_STATE} ORDER BY 1, 2")
