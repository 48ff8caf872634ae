"""Storing events as the pipeline does and as people do: the ORM, Core, `execute_values`, pandas."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from psycopg2.extras import execute_values
from sqlalchemy import insert, text
from sqlalchemy.orm import Session, registry

from app.database import tables
from app.database.handles import WritableDatabase, WriteTransaction
from app.pipeline import rows

OURS: Final = "the pipeline's COPY"
_COLUMNS: Final = [column.name for column in tables.events.columns]


@contextmanager
def emptied(opened: WritableDatabase) -> Iterator[WriteTransaction]:
    """A transaction in which the table of events is empty; to empty it takes a few milliseconds."""
    with opened.write() as transaction:
        transaction.execute(text("TRUNCATE events"))
        yield transaction


def ways(opened: WritableDatabase) -> Mapping[str, Callable[[], None]]:
    """Functions that store the events which the database holds now, each into an emptied table, in one transaction."""
    with opened.read() as transaction:
        events = [tuple(row) for row in transaction.select(tables.events.select())]
    styles = _COLUMNS.index("dance_styles")

    def ours() -> None:
        shown = ((*event[:styles], rows.array(event[styles]), *event[styles + 1 :]) for event in events)
        with emptied(opened) as transaction, transaction.cursor() as cursor:
            rows.replace(cursor, tables.events, _COLUMNS, shown)

    def values() -> None:
        statement = f"INSERT INTO events ({', '.join(_COLUMNS)}) VALUES %s"
        with emptied(opened) as transaction, transaction.cursor() as cursor:
            execute_values(cursor, statement, events, page_size=1000)

    def orm() -> None:
        mapper = registry()
        kind = type("StoredEvent", (), {})
        mapper.map_imperatively(kind, tables.events)
        with emptied(opened) as transaction, Session(transaction.connection) as session:
            session.add_all([_filled(kind(), event) for event in events])
            session.flush()
        mapper.dispose()

    def core() -> None:
        with emptied(opened) as transaction:
            transaction.execute(
                insert(tables.events), [dict(zip(_COLUMNS, event, strict=True)) for event in events]
            )

    def pandas() -> None:
        frame = import_module("pandas").DataFrame(events, columns=_COLUMNS)
        with emptied(opened) as transaction:
            frame.to_sql(
                "events",
                transaction.connection,
                if_exists="append",
                index=False,
                method="multi",
                chunksize=500,
            )

    return {
        OURS: ours,
        "SQLAlchemy ORM, add_all": orm,
        "SQLAlchemy Core, insertmanyvalues": core,
        "psycopg2 execute_values": values,
        **({"pandas to_sql, multi": pandas} if find_spec("pandas") else {}),
    }


def _filled(one: Any, event: tuple[Any, ...]) -> Any:
    for name, value in zip(_COLUMNS, event, strict=True):
        setattr(one, name, value)
    return one
