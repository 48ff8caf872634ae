"""Deliberate misuses, each of which mypy refuses; tests/test_guards_types.py compares them one by one.

Nothing here is ever called. A misuse that type-checked would be an unused `type: ignore`.
"""

from sqlalchemy import Engine, Select, delete, insert, select, text, update

from app.database.engines import (
    open_production_reader,
    open_production_writer,
    open_reader,
    open_writer,
)
from app.database.handles import ReadOnlyDatabase, WritableDatabase, WriteTransaction
from app.database.permits import Active, Production, Purpose, WritePermit, grant
from app.database.tables import venues
from settings import DatabaseSettings, DatabaseTarget


def publish(source: ReadOnlyDatabase[Active], destination: WritableDatabase[Production]) -> None:
    """What a promotion looks like to its caller."""


def store(database: WritableDatabase) -> None:
    """What a stage looks like."""


def swapped(settings: DatabaseSettings, permit: WritePermit[Production]) -> None:
    """Source and destination the wrong way round, or both the same."""
    working = open_reader(settings, process="misuse")
    production = open_production_writer(settings, permit, process="misuse")
    publish(production, working)  # type: ignore[arg-type]  # both are the other kind
    publish(working, open_writer(settings, process="misuse"))  # type: ignore[arg-type]  # not production's
    publish(open_production_reader(settings, process="misuse"), production)  # type: ignore[arg-type]  # reads production


def reader_as_writer(reader: ReadOnlyDatabase) -> None:
    """A reader where a writer is wanted."""
    store(reader)  # type: ignore[arg-type]  # a reader is no writer
    reader.write()  # type: ignore[attr-defined]  # a reader has no such method


def raw_engine(engine: Engine, url: str) -> None:
    """An engine or a URL instead of a database."""
    store(engine)  # type: ignore[arg-type]  # an engine knows no environment
    store(url)  # type: ignore[arg-type]  # a stage never gets a URL
    engine.begin()
    reader: ReadOnlyDatabase = engine  # type: ignore[assignment]  # nor is an engine a reader
    reader.begin()  # type: ignore[attr-defined]  # a database is no engine
    reader.connect()  # type: ignore[attr-defined]  # nor has it raw connections
    reader.raw_connection()  # type: ignore[attr-defined]  # of either kind


def writes_through_a_reader(reader: ReadOnlyDatabase) -> None:
    """Statements that write, through a transaction that reads."""
    with reader.read() as transaction:
        transaction.select(insert(venues))  # type: ignore[arg-type]  # not a SELECT
        transaction.select(update(venues))  # type: ignore[arg-type]  # not a SELECT
        transaction.select(delete(venues))  # type: ignore[arg-type]  # not a SELECT
        transaction.select(text("DELETE FROM venues"))  # type: ignore[arg-type]  # text says nothing of itself
        transaction.select("DELETE FROM venues")  # type: ignore[arg-type]  # nor does a string
        transaction.execute(select(venues))  # type: ignore[attr-defined]  # only writers execute
        transaction.commit()  # type: ignore[attr-defined]  # nothing commits by hand
        transaction.connection.commit()  # type: ignore[attr-defined]  # or gets at the connection
        wanted: WriteTransaction = transaction  # type: ignore[assignment]  # reading is not writing
        del wanted


def permits(settings: DatabaseSettings) -> None:
    """Production without a permit, with one for somewhere else, or with a home-made one."""
    open_production_writer(settings, process="misuse")  # type: ignore[call-arg]  # no permit
    open_production_writer(settings, None, process="misuse")  # type: ignore[arg-type]  # no permit
    elsewhere = grant(Purpose.PROMOTION, DatabaseTarget.RENDER_DEV)
    open_production_writer(settings, elsewhere, process="misuse")  # type: ignore[arg-type]  # not production's
    open_production_writer(settings, "promotion", process="misuse")  # type: ignore[arg-type]  # a word
    WritePermit(DatabaseTarget.RENDER_PROD, Purpose.PROMOTION)  # type: ignore[call-arg]  # not minted
    grant("promotion", DatabaseTarget.RENDER_PROD)  # type: ignore[call-overload]  # no purpose
    grant(Purpose.PROMOTION, "render_prod")  # type: ignore[call-overload]  # a string is no target


class Subclass(WritableDatabase[Production]):  # type: ignore[misc]  # final: nothing widens it
    """A writer that somebody extends."""


class Permissive(WritePermit[Production]):  # type: ignore[misc]  # final: nothing forges it
    """A permit that somebody extends."""


def limits(statement: Select[int]) -> None:
    """What the types can't see, and the server refuses: a CTE that inserts, setval()."""
    statement.add_cte(insert(venues).cte())
