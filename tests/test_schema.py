"""The schema: what the migrations make is what the models say, and each table has its owner."""

from typing import Any

import pytest
from sqlalchemy import MetaData, Table, insert

from app.database.engines import open_writer
from app.database.failures import DatabaseFailedError
from app.database.handles import WritableDatabase
from app.database.schema import differences, migrate, newest_revision
from app.database.tables import CONTROL, Owner, UnownedTableError, events, metadata, owner_of, tables_of
from tests.postgres import Trio

_TABLES = """
    SELECT table_schema || '.' || table_name FROM information_schema.tables
    WHERE table_schema IN ('public', 'control')
"""
_SENSIBLE: dict[str, Any] = {
    "key": "e1",
    "name": "Salsa night",
    "starts_at": "2026-11-20 20:00-08",
    "ends_at": "2026-11-21 01:00-08",
    "time_zone": "America/Vancouver",
    "local_start_date": "2026-11-20",
    "local_start_time": "20:00",
    "local_end_date": "2026-11-21",
    "local_end_time": "01:00",
    "event_type": "social dance",
    "source": "test",
    "url": "https://example.org/salsa",
}


def _local(trio: Trio) -> WritableDatabase:
    return open_writer(trio.settings(), process="tests")


def test_every_table_has_an_owner() -> None:
    """All tables of the models name their owner."""
    assert all(owner_of(table) in Owner for table in metadata.tables.values())


def test_a_table_without_an_owner_is_an_error() -> None:
    """A table that names no owner is refused by name."""
    with pytest.raises(UnownedTableError, match="stray"):
        owner_of(Table("stray", MetaData()))


def test_production_lacks_what_never_leaves_a_working_database(any_trio: Trio) -> None:
    """Pipeline-private tables exist in working databases only; all others exist in both."""
    working = set(any_trio.query("local", _TABLES))
    production = set(any_trio.query("render_prod", _TABLES))
    private = {f"public.{table.name}" for table in tables_of(Owner.PIPELINE_PRIVATE)}
    everything = {f"{table.schema or 'public'}.{table.name}" for table in metadata.tables.values()}
    version = {f"{CONTROL}.alembic_version"}
    assert working == everything | version
    assert production == (everything - private) | version


def test_the_migrations_make_what_the_models_say(any_trio: Trio) -> None:
    """A migrated database has no difference from the models."""
    database = _local(any_trio)
    with database.write() as transaction:
        assert differences(transaction.connection, transaction.environment) == []
    database.dispose()


def test_migrating_again_does_nothing(trio: Trio) -> None:
    """A database at the newest revision stays as it is."""
    database = _local(trio)
    assert migrate(database) == (newest_revision(), newest_revision())
    database.dispose()


@pytest.mark.parametrize(
    "nonsense",
    [
        {"name": ""},
        {"name": None},
        {"starts_at": None},
        {"source": ""},
        {"ends_at": "2026-11-20 19:00-08"},
        {"ends_at": "2027-11-20 19:00-08"},
        {"starts_at": "1999-11-20 19:00-08"},
        {"local_end_date": "2026-11-19"},
        {"price_low": -1, "price_high": 5},
        {"price_low": 6, "price_high": 5},
        {"currency": "dollars"},
        {"url": "javascript:alert(1)"},
        {"venue_key": "nowhere"},
    ],
    ids=lambda change: " ".join(f"{name}={value}" for name, value in change.items()),
)
def test_rows_that_make_no_sense_are_refused_by_the_database(trio: Trio, nonsense: dict[str, Any]) -> None:
    """The events table refuses a row that no event can be, while the sensible row passes."""
    database = _local(trio)
    with database.write() as transaction:
        transaction.execute(insert(events), _SENSIBLE)
    with pytest.raises(DatabaseFailedError), database.write() as transaction:
        transaction.execute(insert(events), {**_SENSIBLE, "key": "e2", **nonsense})
    assert trio.query("local", "SELECT key FROM events") == ["e1"]
    database.dispose()
