"""How a reader's session is held, what that costs, and what a reader may still do."""

import logging
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg2 import extensions
from sqlalchemy import select

from app.database.driver import ReaderWritesError, refuse_unless_it_reads
from app.database.engines import open_production_reader, open_production_writer, open_reader, open_writer
from app.database.failures import DatabaseFailedError
from app.database.handles import ReadOnlyDatabase
from app.database.permits import Purpose, grant
from app.database.tables import venues
from benchmarks.link import Link
from settings import DatabaseSettings, DatabaseTarget
from tests.pgbouncer import needs_pgbouncer, pgbouncer
from tests.postgres import Trio

PROD = DatabaseTarget.RENDER_PROD


@contextmanager
def _reader(trio: Trio, **variables: str) -> Iterator[ReadOnlyDatabase]:
    database = open_reader(DatabaseSettings.from_environ({**trio.environ(), **variables}), process="tests")
    yield database
    database.dispose()


def _ask(database: ReadOnlyDatabase, *statements: str) -> list[object]:
    answers: list[object] = []
    with database.read() as transaction, transaction.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
            answers.append((cursor.fetchone() or [None])[0])
    return answers


@contextmanager
def _counted(trio: Trio) -> Iterator[tuple[Link, DatabaseSettings]]:
    link = Link(trio.server.port)
    through = trio.render_prod.replace(f":{trio.server.port}/", f":{link.entrance}/")
    try:
        yield link, DatabaseSettings.from_environ({**trio.environ(), "RENDER_EXTERNAL_DB_URL": through})
    finally:
        link.close()


def test_a_guarded_read_costs_one_round_trip_more_and_a_statement_none(trio: Trio) -> None:
    """The pool's proof, BEGIN, the guard's confirmation, the statements, ROLLBACK: counted on the wire."""
    with _counted(trio) as (link, settings):
        reader = open_production_reader(settings, process="tests")
        _ask(reader, "SELECT 1")
        for statements in (1, 4):
            before = link.turns
            _ask(reader, *["SELECT 1"] * statements)
            unguarded = 3 + statements
            assert link.turns - before == unguarded + 1
        reader.dispose()


def test_a_guarded_write_of_production_costs_one_round_trip_more(trio: Trio) -> None:
    """The pool's proof, BEGIN, the stamp held, the statement, COMMIT."""
    with _counted(trio) as (link, settings):
        writer = open_production_writer(settings, grant(Purpose.PROMOTION, PROD), process="tests")
        before = 0
        for key in ("warm", "cold"):
            before = link.turns
            with writer.write() as transaction:
                transaction.execute(venues.insert().values(key=key, name="Hall"))
        assert link.turns - before == 4 + 1
        writer.dispose()


def test_every_session_is_read_only_by_default_too(any_trio: Trio) -> None:
    """Merged libpq options: the URL's own stay, the guard's come last."""
    url = any_trio.local + "?options=-c%20search_path%3Dcontrol%20-c%20default_transaction_read_only%3Doff"
    with _reader(any_trio, DATABASE_CONNECTION_STRING=url) as reader:
        assert _ask(reader, "SHOW default_transaction_read_only", "SHOW search_path") == ["on", "control"]


def test_a_session_whose_default_was_switched_off_is_replaced(trio: Trio) -> None:
    """The server reports the change unasked, and the pool opens another connection."""
    with _reader(trio) as reader:
        (first,) = _ask(reader, "SELECT pg_backend_pid()")
        with reader.read() as transaction, transaction.cursor() as cursor:
            extensions.cursor(cursor.connection).execute("COMMIT; SET default_transaction_read_only = off")
            with pytest.raises(ReaderWritesError, match="made this session writable"):
                cursor.execute("SELECT 1")
        second, default = _ask(reader, "SELECT pg_backend_pid()", "SHOW default_transaction_read_only")
    assert second != first
    assert default == "on"


def test_what_one_reader_sets_the_next_does_not_find(trio: Trio) -> None:
    """Each transaction begins with the session's own settings, whatever was left behind by hand."""
    with _reader(trio) as reader:
        with reader.read() as transaction, transaction.cursor() as cursor:
            extensions.cursor(cursor.connection).execute("COMMIT; SET search_path = nowhere")
        assert _ask(reader, "SHOW search_path") == ['"$user", public']


@needs_pgbouncer
@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_behind_a_pooler_that_drops_options_it_holds(
    trio: Trio, mode: Literal["transaction", "session"], caplog: pytest.LogCaptureFixture
) -> None:
    """The default is off there, which is said once; the transaction is READ ONLY all the same."""
    assert mode in ("transaction", "session")
    with (
        pgbouncer(
            trio.server, ignore_options=True, mode="transaction" if mode == "transaction" else "session"
        ) as pooler,
        _reader(trio, DATABASE_CONNECTION_STRING=pooler.url(trio.local.rsplit("/", 1)[1])) as reader,
        caplog.at_level(logging.WARNING, logger="app"),
    ):
        states = _ask(reader, "SHOW default_transaction_read_only", "SHOW transaction_read_only")
        with pytest.raises(DatabaseFailedError, match="read-only transaction"):
            _ask(
                reader, "WITH w AS (INSERT INTO venues (key, name) VALUES ('v', 'Hall') RETURNING 1) SELECT 1"
            )
    assert states == ["off", "on"]
    assert trio.query("local", "SELECT count(*) FROM venues") == ["0"]


def test_readers_share_a_snapshot(trio: Trio) -> None:
    """A second reader adopts the first one's exported snapshot and doesn't see what came after it."""
    writer = open_writer(trio.settings(), process="tests")
    with _reader(trio) as reader, reader.read(snapshot=True) as first, first.cursor() as cursor:
        cursor.execute("SELECT pg_export_snapshot()")
        ((exported,),) = cursor.fetchall()
        with writer.write() as transaction:
            transaction.execute(venues.insert().values(key="v1", name="Hall"))
        with reader.read(snapshot=exported) as second:
            assert second.select(select(venues)).all() == []
        with reader.read() as later:
            assert len(later.select(select(venues)).all()) == 1
    writer.dispose()


def test_what_is_no_snapshot_is_refused_before_it_is_sent(trio: Trio) -> None:
    """A snapshot's id is digits and dashes; nothing else gets into the statement."""
    with _reader(trio) as reader, pytest.raises(ValueError, match="no exported snapshot"):  # noqa: SIM117 - one raises
        with reader.read(snapshot="1'; DROP TABLE venues; --"):
            pass


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1;",
        "  select 1 -- ; done",
        "/* first; */ SELECT 1",
        "(SELECT 1) UNION (SELECT 2)",
        "WITH a AS (SELECT 1) TABLE a",
        "SELECT ';', \"we;ird\", $$a;b$$, $x$;$x$ FROM a$b",
        "COPY (SELECT 1) TO STDOUT",
        "DECLARE c CURSOR FOR SELECT 1",
        "SET LOCAL work_mem = '64MB'",
        "SAVEPOINT s",
        "ROLLBACK  TO s",
        "EXPLAIN SELECT 1",
    ],
)
def test_one_reading_statement_passes(statement: str) -> None:
    """Semicolons in strings, identifiers, comments and dollar quotes are no second statement."""
    refuse_unless_it_reads(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "COMMIT",
        "/* a */ -- b\n COMMIT",
        "SELECT 1; COMMIT",
        "SELECT a$$; COMMIT; --$$",
        "SELECT 'a'';'; COMMIT",
        "SELECT E'\\''; COMMIT; --'",
        "SELECT /* ; */ 1; /* */ COMMIT",
        "SET SESSION work_mem = 1",
        "ROLLBACK",
        "LOCK TABLE venues",
        "DO $$ BEGIN END $$",
    ],
)
def test_what_ends_the_transaction_is_refused(statement: str) -> None:
    """Also where quoting or comments should hide it."""
    with pytest.raises(ReaderWritesError):
        refuse_unless_it_reads(statement)


@given(hidden=st.text(alphabet="ab;'\"$-/* \n", max_size=20), quote=st.sampled_from(["'", '"']))
def test_no_text_in_quotes_hides_a_second_statement(hidden: str, quote: str) -> None:
    """However a value is spelled, quoted as SQL wants it, what follows the semicolon is seen."""
    quoted = quote + hidden.replace(quote, quote * 2) + quote
    refuse_unless_it_reads(f"SELECT {quoted}")
    with pytest.raises(ReaderWritesError):
        refuse_unless_it_reads(f"SELECT {quoted}; COMMIT")


def test_a_long_value_costs_no_more_than_a_copy() -> None:
    """A statement with a megabyte in quotes is looked through in about its own memory: arrays of keys are that long."""
    statement = f"SELECT '{'ab' * 500_000}'"
    tracemalloc.start()
    refuse_unless_it_reads(statement)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * len(statement)
