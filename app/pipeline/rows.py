"""Rows into PostgreSQL by the set: COPY, then whatever differs. Never row by row."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BufferedIOBase
from itertools import islice
from typing import Any, Final

from psycopg2 import Error as DriverError
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name
from sqlalchemy import Boolean, Column, Date, DateTime, Integer, Numeric, Table, Time

_BATCH: Final = 200
"""Rows that are converted at a time, while the server works on those before."""
_BLOCK: Final = 1 << 18
"""Bytes that are handed to the driver at a time."""
_NULL: Final = "\\N"
_PLAIN: Final = (Boolean, Date, DateTime, Integer, Numeric, Time)
"""Types whose values have nothing in them to be escaped."""

Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Changes:
    """What storing a set of rows changed."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0


def copy(cursor: Cursor, table: Table, columns: Sequence[str], rows: Iterable[Row], *, into: str = "") -> int:
    """COPY rows into a table.

    None and blank text are NULL in a column that may be NULL, and blank in one that may not.

    Args:
        cursor: of the open transaction.
        table: the table that knows the columns.
        columns: what the rows hold, in order.
        rows: texts as they are, arrays as `array` gives them, anything else as `str` shows it.
        into: another table of the same columns that takes the rows.

    Returns:
        How many rows there were.
    """
    lines = _Lines(rows, [table.c[name] for name in columns])
    try:
        cursor.copy_expert(f"COPY {into or table.fullname} ({_list(columns)}) FROM STDIN", lines, _BLOCK)
    except DriverError:
        if lines.failure:  # the driver only tells its text
            raise lines.failure from None
        raise
    return cursor.rowcount


def replace(cursor: Cursor, table: Table, columns: Sequence[str], rows: Iterable[Row]) -> Changes:
    """Make a table hold these rows, touching only what differs; `remove_others` does the rest.

    Args:
        cursor: of the open transaction.
        table: its one-column primary key tells which row is which.
        columns: what the rows hold, in order; all that the table has.
        rows: one for each key.

    Returns:
        What it took.
    """
    cursor.execute(f"SELECT EXISTS (SELECT FROM {table.fullname})")  # noqa: S608 - a name from tables.py
    if not _one(cursor):
        return Changes(inserted=copy(cursor, table, columns, rows))
    desired = f"desired_{table.name}"
    cursor.execute(f"CREATE TEMP TABLE {desired} (LIKE {table.fullname} INCLUDING DEFAULTS) ON COMMIT DROP")
    copy(cursor, table, columns, rows, into=desired)
    cursor.execute(f"ANALYZE {desired}")
    return Changes(
        updated=_update(cursor, table, columns, desired),
        inserted=_insert(cursor, table, columns, desired),
    )


def remove_others(cursor: Cursor, table: Table) -> int:
    """Delete what `replace` found no row for; apart from it, because what refers to it goes first."""
    desired, key = f"desired_{table.name}", _key(table)
    cursor.execute("SELECT to_regclass(%s)", (f"pg_temp.{desired}",))
    if _one(cursor) is None:
        return 0
    cursor.execute(
        f"DELETE FROM {table.fullname} AS old"  # noqa: S608 - names from tables.py
        f" WHERE NOT EXISTS (SELECT FROM {desired} AS new WHERE new.{key} = old.{key})"
    )
    return cursor.rowcount


def array(texts: Iterable[str]) -> str:
    """A text array as PostgreSQL writes one."""
    return "{" + ",".join('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts) + "}"


class _Lines(BufferedIOBase):
    """A file of COPY's text format that is written as it is read."""

    def __init__(self, rows: Iterable[Row], columns: Sequence[Column[Any]]) -> None:
        self._parts = _parts(iter(rows), columns)
        self._rest = b""
        self.failure: BaseException | None = None

    def read(self, size: int | None = _BLOCK, /) -> bytes:
        """The next part, at most `size` bytes; blank at the end."""
        if not self._rest:
            try:
                self._rest = next(self._parts, b"")
            except BaseException as failure:
                self.failure = failure
                raise
        part, self._rest = self._rest[:size], self._rest[size:]
        return part


def _parts(rows: Iterator[Row], columns: Sequence[Column[Any]]) -> Iterator[bytes]:
    # Column by column, since what has to be asked of a value is then asked of two hundred at once.
    shown = [
        (_plain if isinstance(column.type, _PLAIN) else _escaped, _NULL if column.nullable else "")
        for column in columns
    ]
    while batch := list(islice(rows, _BATCH)):
        texts = [
            show(values, blank) for (show, blank), values in zip(shown, zip(*batch, strict=True), strict=True)
        ]
        yield ("\n".join(map("\t".join, zip(*texts, strict=True))) + "\n").encode()


def _plain(values: Sequence[Any], _: str) -> list[str]:
    return [_NULL if value is None else _shown(value) for value in values]


def _escaped(values: Sequence[str | None], blank: str) -> list[str]:
    together = "".join(filter(None, values))
    if _is_plain(together):
        return [value or blank for value in values]
    return [_escape(value) if value else blank for value in values]


def _escape(text: str) -> str:
    if _is_plain(text):
        return text
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")


def _is_plain(text: str) -> bool:
    # Four times `in` take a sixtieth of one isprintable() or search by pattern.
    return not ("\\" in text or "\n" in text or "\r" in text or "\t" in text)


_shown = lru_cache(maxsize=50_000, typed=True)(str)
"""Days, hours and prices come again and again."""


def _update(cursor: Cursor, table: Table, columns: Sequence[str], desired: str) -> int:
    key = _key(table)
    facts = [name for name in columns if name != key]
    old, new = (", ".join(f"{side}.{name}" for name in facts) for side in ("old", "new"))
    cursor.execute(
        f"UPDATE {table.fullname} AS old SET ({_list(facts)}) = ROW ({new})"  # noqa: S608 - names from tables.py
        f" FROM {desired} AS new WHERE new.{key} = old.{key} AND ({old}) IS DISTINCT FROM ({new})"
    )
    return cursor.rowcount


def _insert(cursor: Cursor, table: Table, columns: Sequence[str], desired: str) -> int:
    key = _key(table)
    cursor.execute(
        f"INSERT INTO {table.fullname} ({_list(columns)}) SELECT {_list(columns)} FROM {desired} AS new"  # noqa: S608 - names from tables.py
        f" WHERE NOT EXISTS (SELECT FROM {table.fullname} AS old WHERE old.{key} = new.{key})"
    )
    return cursor.rowcount


def _key(table: Table) -> str:
    return table.primary_key.columns[0].name


def _list(columns: Iterable[str]) -> str:
    return ", ".join(columns)


def _one(cursor: Cursor) -> Any:
    row = cursor.fetchone()
    return row[0] if row else None
