"""The stamp: which database a URL really leads to, found out at connect."""

import logging
from uuid import uuid4

import pytest
from sqlalchemy import select

from app.database import tables
from app.database.engines import (
    open_production_reader,
    open_production_writer,
    open_reader,
    open_writer,
)
from app.database.failures import DatabaseFailedError
from app.database.guards import CopiedDatabaseError, UnstampedError, WrongStampError
from app.database.handles import ReadOnlyDatabase, WritableDatabase
from app.database.permits import Purpose, WritePermitError, grant
from app.database.stamping import AlreadyStampedError, put_stamp
from settings import ConfigurationError, DatabaseSettings, DatabaseTarget
from tests.postgres import Trio

PROD = DatabaseTarget.RENDER_PROD


def _settings(trio: Trio, **urls: str) -> DatabaseSettings:
    return DatabaseSettings.from_environ({**trio.environ(), **urls})


def _reads(database: ReadOnlyDatabase | WritableDatabase) -> None:
    try:
        with database.read() as transaction:
            transaction.select(select(tables.events)).all()
    finally:
        database.dispose()


def _writes(database: WritableDatabase) -> None:
    try:
        with database.write() as transaction:
            transaction.execute(tables.venues.insert().values(key=uuid4().hex, name="Hall"))
    finally:
        database.dispose()


def _drop_stamp(trio: Trio, database: str) -> None:
    trio.query(database, "ALTER TABLE control.stamp DISABLE TRIGGER keep_stamp; DELETE FROM control.stamp")


def test_a_stamped_database_is_read_and_written(any_trio: Trio) -> None:
    """With the right stamps, readers read and writers write, on both versions."""
    settings = any_trio.settings()
    _reads(open_reader(settings, process="tests"))
    _writes(open_writer(settings, process="tests"))
    _reads(open_production_reader(settings, process="tests"))
    _writes(open_production_writer(settings, grant(Purpose.PROMOTION, PROD), process="tests"))
    assert any_trio.query("render_prod", "SELECT count(*) FROM venues") == ["1"]


def test_swapped_urls_are_refused_with_both_names(trio: Trio) -> None:
    """A production URL in the working variable, and the reverse, meet the stamp."""
    swapped = _settings(trio, DATABASE_CONNECTION_STRING=trio.render_prod, RENDER_EXTERNAL_DB_URL=trio.local)
    with pytest.raises(WrongStampError, match=r"should be local, but its stamp says render_prod"):
        _writes(open_writer(swapped, process="tests"))
    with pytest.raises(WrongStampError, match=r"should be local"):
        _reads(open_reader(swapped, process="tests"))
    permit = grant(Purpose.PROMOTION, PROD)
    with pytest.raises(WrongStampError, match=r"should be render_prod, but its stamp says local"):
        _writes(open_production_writer(swapped, permit, process="tests"))
    assert trio.query("render_prod", "SELECT count(*) FROM venues") == ["0"]


def test_without_a_stamp_readers_warn_and_writers_refuse(
    trio: Trio, caplog: pytest.LogCaptureFixture
) -> None:
    """An unstamped database can be looked at, and is never written."""
    for name in ("local", "render_prod"):
        _drop_stamp(trio, name)
    with caplog.at_level(logging.WARNING, logger="app"):
        _reads(open_reader(trio.settings(), process="tests"))
    assert "nothing proves that it is local" in caplog.text
    with pytest.raises(UnstampedError, match="dance stamp"):
        _writes(open_writer(trio.settings(), process="tests"))
    with pytest.raises(UnstampedError):
        _writes(open_production_writer(trio.settings(), grant(Purpose.PROMOTION, PROD), process="tests"))


def test_migration_and_stamping_may_meet_an_unstamped_database(trio: Trio) -> None:
    """A fresh database can be migrated and stamped through their permits, and nothing else."""
    _drop_stamp(trio, "render_prod")
    _writes(open_production_writer(trio.settings(), grant(Purpose.MIGRATION, PROD), process="tests"))
    stamping = open_production_writer(trio.settings(), grant(Purpose.STAMPING, PROD), process="tests")
    with stamping.write() as transaction:
        stamp = put_stamp(transaction, who="tests")
        assert transaction.declaration().stamp == stamp
    stamping.dispose()
    _writes(open_production_writer(trio.settings(), grant(Purpose.PROMOTION, PROD), process="tests"))


def test_migration_is_refused_where_the_stamp_is_wrong(trio: Trio) -> None:
    """A migration permit excuses a missing stamp, not a wrong one."""
    swapped = _settings(
        trio, DATABASE_CONNECTION_STRING=trio.render_dev, RENDER_DEV_EXTERNAL_DB_URL=trio.local
    )
    permit = grant(Purpose.MIGRATION, DatabaseTarget.LOCAL)
    with pytest.raises(WrongStampError):
        _writes(open_writer(swapped, process="tests", permit=permit))


def test_a_stamp_is_never_put_twice(trio: Trio) -> None:
    """Stamping a stamped database is refused, by the command's function and by the database itself."""
    stamping = open_production_writer(trio.settings(), grant(Purpose.STAMPING, PROD), process="tests")
    with pytest.raises(AlreadyStampedError), stamping.write() as transaction:
        put_stamp(transaction, who="tests")
    for statement in (
        "UPDATE control.stamp SET environment = 'local'",
        "DELETE FROM control.stamp",
        "TRUNCATE control.stamp",
    ):
        with (
            pytest.raises(DatabaseFailedError, match="the stamp of a database is kept"),
            stamping.write() as transaction,
        ):
            transaction.connection.exec_driver_sql(statement)
    stamping.dispose()


def test_a_clone_is_not_production_until_it_is_stamped(trio: Trio) -> None:
    """A template clone, and a renamed database, carry a stamp that isn't theirs: refused."""
    name = f"clone_{uuid4().hex[:8]}"
    trio.server.sql(f'CREATE DATABASE "{name}" TEMPLATE "{trio.render_prod.rsplit("/", 1)[1]}"')
    try:
        settings = _settings(trio, RENDER_EXTERNAL_DB_URL=trio.server.url(name))
        with pytest.raises(CopiedDatabaseError, match="restored, cloned or renamed"):
            _reads(open_production_reader(settings, process="tests"))
        with pytest.raises(CopiedDatabaseError, match=name):
            _writes(open_production_writer(settings, grant(Purpose.PROMOTION, PROD), process="tests"))
    finally:
        trio.server.sql(f'DROP DATABASE "{name}"')


def test_a_stamp_that_changes_under_an_open_connection_stops_the_next_write(trio: Trio) -> None:
    """The stamp is verified inside each transaction that writes production, not only at connect."""
    database = open_production_writer(trio.settings(), grant(Purpose.PROMOTION, PROD), process="tests")
    with database.write() as transaction:
        transaction.execute(tables.venues.insert().values(key="v1", name="Hall"))
    trio.query(
        "render_prod",
        "ALTER TABLE control.stamp DISABLE TRIGGER keep_stamp; UPDATE control.stamp SET environment = 'local'",
    )
    with pytest.raises(WrongStampError):
        _writes(database)
    assert trio.query("render_prod", "SELECT key FROM venues") == ["v1"]


def test_the_stamp_is_held_while_production_is_written(trio: Trio) -> None:
    """Nobody can replace the stamp between its check and the commit."""
    database = open_production_writer(trio.settings(), grant(Purpose.PROMOTION, PROD), process="tests")
    with database.write():
        held = trio.query(
            "render_prod",
            "SELECT count(*) FROM (SELECT 1 FROM control.stamp FOR UPDATE SKIP LOCKED) AS unlocked",
        )
    assert held == ["0"]
    database.dispose()


def test_a_production_url_in_a_working_variable_is_caught_three_times(trio: Trio) -> None:
    """At load as the same database twice; at connect by its stamp; before either by the types and the permit."""
    with pytest.raises(ConfigurationError, match="names the same database as"):
        _settings(trio, DATABASE_CONNECTION_STRING=trio.render_prod)
    alone = {"DATABASE_CONNECTION_STRING": trio.render_prod}  # production itself is not configured here
    with pytest.raises(WrongStampError, match="should be local, but its stamp says render_prod"):
        _writes(open_writer(DatabaseSettings.from_environ(alone), process="tests"))
    named = {**trio.environ(4)}
    with pytest.raises(WritePermitError):
        open_writer(DatabaseSettings.from_environ(named), process="tests")
    assert trio.query("render_prod", "SELECT count(*) FROM venues") == ["0"]
