"""Copies of a stamped database: which of them pass for it, and which do not."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import insert, select

from app.database.driver import ReaderWritesError
from app.database.embedded import EmbeddedServerError
from app.database.engines import open_production_reader, open_production_writer, open_reader
from app.database.failures import DatabaseFailedError
from app.database.guards import CopiedDatabaseError, WrongStampError
from app.database.permits import Purpose, grant
from app.database.stamping import put_stamp
from app.database.tables import venues
from settings import DatabaseSettings, DatabaseTarget
from tests.cluster import cluster
from tests.mishaps import MortalServer
from tests.postgres import Trio

PROD = DatabaseTarget.RENDER_PROD


def _name(url: str) -> str:
    return url.rsplit("/", 1)[1]


def _dump(trio: Trio, database: str, *options: str) -> str:
    """The whole database, or what the options say, as a script."""
    return trio.server.run(
        "pg_dump", "-h", "127.0.0.1", "-p", str(trio.server.port), "-U", "postgres", *options, database
    )


@contextmanager
def _database(trio: Trio) -> Iterator[str]:
    name = f"copy_{uuid4().hex[:8]}"
    trio.server.sql(f'CREATE DATABASE "{name}"')
    try:
        yield name
    finally:
        trio.server.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _production_at(trio: Trio, name: str) -> DatabaseSettings:
    return DatabaseSettings.from_environ({**trio.environ(), "RENDER_EXTERNAL_DB_URL": trio.server.url(name)})


def _try_reading(settings: DatabaseSettings) -> None:
    reader = open_production_reader(settings, process="tests")
    try:
        with reader.read() as transaction:
            transaction.select(select(venues)).all()
    finally:
        reader.dispose()


def _try_writing(settings: DatabaseSettings) -> None:
    writer = open_production_writer(settings, grant(Purpose.PROMOTION, PROD), process="tests")
    try:
        with writer.write() as transaction:
            transaction.execute(insert(venues).values(key="w", name="Hall"))
    finally:
        writer.dispose()


def test_a_restored_copy_is_not_production(any_trio: Trio) -> None:
    """pg_dump and psql carry the stamp along; oid and name tell that it is another database."""
    with _database(any_trio) as name:
        any_trio.server.sql(_dump(any_trio, _name(any_trio.render_prod)), database=name)
        for attempt in (_try_reading, _try_writing):
            with pytest.raises(CopiedDatabaseError, match=name):
                attempt(_production_at(any_trio, name))


def test_a_copy_restored_under_the_same_name_is_not_production_either(trio: Trio) -> None:
    """Dropped and restored in place: the name is the same, the oid isn't."""
    name = _name(trio.render_prod)
    dumped = _dump(trio, name)
    trio.server.sql(f'DROP DATABASE "{name}" WITH (FORCE)')
    trio.server.sql(f'CREATE DATABASE "{name}"')
    trio.server.sql(dumped, database=name)
    with pytest.raises(CopiedDatabaseError, match="dance stamp --replace"):
        _try_writing(trio.settings())


def test_a_renamed_production_waits_for_its_new_stamp(trio: Trio) -> None:
    """A rename is refused until somebody says that it was meant."""
    new = f"renamed_{uuid4().hex[:8]}"
    trio.server.sql(f'ALTER DATABASE "{_name(trio.render_prod)}" RENAME TO "{new}"')
    try:
        with pytest.raises(CopiedDatabaseError):
            _try_reading(_production_at(trio, new))
    finally:
        trio.server.sql(f'ALTER DATABASE "{new}" RENAME TO "{_name(trio.render_prod)}"')
    _try_writing(trio.settings())


def test_restoring_development_over_production_is_found_out(trio: Trio) -> None:
    """`--clean` brings the other stamp with it: it can't be prevented, and is refused at the next connect."""
    script = _dump(trio, _name(trio.render_dev), "--clean", "--if-exists")
    trio.server.sql(script, database=_name(trio.render_prod))
    with pytest.raises(WrongStampError, match="should be render_prod, but its stamp says render_dev"):
        _try_writing(trio.settings())


def test_restoring_only_data_over_production_is_stopped_by_the_stamp(trio: Trio) -> None:
    """There is one stamp: the second row violates its key, and psql stops with nothing restored."""
    script = _dump(trio, _name(trio.render_dev), "--data-only", "--exclude-table=control.alembic_version")
    with pytest.raises(EmbeddedServerError, match="stamp_pkey"):
        trio.server.sql(f"BEGIN;\n{script}\nCOMMIT;", database=_name(trio.render_prod))
    _try_writing(trio.settings())


def test_an_unreadable_system_identifier_leaves_oid_and_name(trio: Trio) -> None:
    """Where the platform denies pg_control_system(), stamping and verifying go on with what is left."""
    with _database(trio) as name:
        trio.server.sql(_dump(trio, _name(trio.render_prod)), database=name)
        trio.server.sql(
            "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC;"
            "ALTER TABLE control.stamp DISABLE TRIGGER keep_stamp; DELETE FROM control.stamp;"
            "CREATE ROLE plain LOGIN PASSWORD 'plain'; GRANT ALL ON ALL TABLES IN SCHEMA public, control TO plain",
            database=name,
        )
        url = trio.server.url(name, role="plain", password="plain")  # noqa: S106 - a database of this test
        settings = DatabaseSettings.from_environ({**trio.environ(), "RENDER_EXTERNAL_DB_URL": url})
        try:
            stamping = open_production_writer(settings, grant(Purpose.STAMPING, PROD), process="tests")
            with stamping.write() as transaction:
                assert put_stamp(transaction, who="tests").identity.system_identifier is None
            stamping.dispose()
            _try_writing(settings)
            _try_reading(_production_at(trio, name))  # a role that can read it agrees
        finally:
            trio.server.sql("DROP OWNED BY plain; DROP ROLE plain", database=name)


@pytest.fixture
def standby(template: Path) -> Iterator[tuple[MortalServer, DatabaseSettings]]:
    """A streaming replica, and settings whose local database it is."""
    with cluster(template) as made:
        replica = made.add_standby()
        yield replica, made.settings(replica.port)


def test_a_standby_is_read_and_stays_read_only_when_it_is_promoted(
    standby: tuple[MortalServer, DatabaseSettings],
) -> None:
    """A standby is the same database; promoted under an open connection, its reader still doesn't write.

    "It is a replica" would be no guard: without this project's own layers that very connection
    becomes writable. The promoted node carries the same stamp, which can't tell a physical fork;
    the timeline can, and writers look at it (app/database/failover.py).
    """
    replica, settings = standby
    reader = open_reader(settings, process="tests")
    with reader.read() as transaction:
        before = transaction.declaration().identity
    replica.promote()
    with reader.read() as transaction:
        assert transaction.declaration().identity == before
        with transaction.cursor() as cursor, pytest.raises(ReaderWritesError):
            cursor.execute("INSERT INTO venues VALUES ('s', 'Hall')")
    with pytest.raises(DatabaseFailedError, match="read-only transaction"):  # noqa: SIM117 - the outer raises
        with reader.read() as transaction, transaction.cursor() as cursor:
            cursor.execute(
                "WITH x AS (INSERT INTO venues (key, name) VALUES ('s', 'Hall') RETURNING 1) SELECT 1"
            )
    reader.dispose()
    assert replica.sql("SELECT count(*) FROM venues", database="events").strip() == "0"
