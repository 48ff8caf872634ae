"""Rows compared one by one: each server names its rows by key hash and row hash, page by page in the hash's order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import ceil, log2
from typing import Final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

from app.promotion.changes import Difference
from app.promotion.copying import Row, bigints, copied_out
from app.promotion.hashing import Hashing
from app.promotion.relation import Relation

_PAGE: Final = 4_096
"""Rows named in one message; bounds the client's memory."""
_ENTRY: Final = 16
"""Bytes of a key hash and a row hash."""


class CollisionError(Exception):
    """Two rows of a table have one key hash: compare again with another seed."""


@dataclass(frozen=True)
class Selection:
    """Rows of a table that are compared.

    Attributes:
        relation: the table.
        rows: about how many.
        where: SQL that is true of such a row `t`; empty for all.
        total: rows of the whole table, when that is known.
        where_there: SQL for the destination's rows, where it is not the same.
    """

    relation: Relation
    rows: int
    where: str = ""
    total: int | None = None
    where_there: str | None = None

    @property
    def there(self) -> "Selection":
        """The same rows in the destination."""
        where = self.where if self.where_there is None else self.where_there
        return replace(self, relation=self.relation.there, where=where)


def hashed(selection: Selection, hashing: Hashing) -> str:
    """SQL for every row's key hash k, own hash h and place p; PostgreSQL computes those that are asked for."""
    relation = selection.relation
    where = f" WHERE {selection.where}" if selection.where else ""
    # OFFSET 0 keeps the planner from computing the hashes anew in every place where they are used.
    return (
        f"SELECT {hashing.key(relation, 't')} AS k, {hashing.row(relation, 't')} AS h, {relation.place('t')} AS p"
        f" FROM {relation.quoted} AS t{where} OFFSET 0"
    )


def rows_that_differ(
    source: Cursor, destination: Cursor, selected: Mapping[int, Selection], hashing: Hashing
) -> dict[int, Difference]:
    """Compare rows one by one, in pages by their key's hash.

    Args:
        source: reads, in one snapshot.
        destination: likewise.
        selected: which rows of which tables.
        hashing: of keys and rows.

    Returns:
        The differences among the selected rows, whose counts and sums are of those rows.

    Raises:
        CollisionError: two keys have one hash.
    """
    found = {n: Difference() for n in selected}
    if not selected:
        return found
    others = {n: selection.there for n, selection in selected.items()}
    with (
        copied_out(source, _named(selected, hashing)) as left,
        copied_out(destination, _named(others, hashing)) as right,
    ):
        for n, here, there in _in_step(left, right):
            difference = found[n]
            _add(difference, here, there)
            _tell(difference, here, there)
            difference.fits(selected[n].total or max(difference.rows))
    return found


def _named(selected: Mapping[int, Selection], hashing: Hashing) -> str:
    """SQL for table, page, how many rows, their sum, their key hashes and hashes, and their places."""
    parts = []
    for n, selection in selected.items():
        # One bit at least: a shift by all 64 bits is no shift at all.
        bits = max(1, ceil(log2(max(2, selection.rows / _PAGE))))
        parts.append(
            f"SELECT {n}::int4 AS n, k >> {64 - bits} AS page, count(*), bit_xor(h),"
            f" string_agg(int8send(k) || int8send(h), ''), string_agg(p, '')"
            f" FROM ({hashed(selection, hashing)}) AS r GROUP BY 2"
        )
    return " UNION ALL ".join(parts) + " ORDER BY 1, 2"


_NONE: Final[Row] = (b"",) * 6


def _in_step(ours: Iterator[Row], theirs: Iterator[Row]) -> Iterator[tuple[int, Row, Row]]:
    """Both sides' pages, one at a time."""
    streams = (ours, theirs)
    heads = [next(stream, None) for stream in streams]
    while any(heads):
        at = min(_page(head) for head in heads if head)
        pages = [_NONE, _NONE]
        for side, head in enumerate(heads):
            if head and _page(head) == at:
                pages[side] = head
                heads[side] = next(streams[side], None)
        yield at[0], pages[0], pages[1]


def _page(row: Row) -> tuple[int, int]:
    return int.from_bytes(row[0]), int.from_bytes(row[1], signed=True)


def _add(difference: Difference, here: Row, there: Row) -> None:
    """Count a page's rows and add up their hashes."""
    rows, sums = difference.rows, difference.sums or (0, 0)
    difference.rows = rows[0] + int.from_bytes(here[2]), rows[1] + int.from_bytes(there[2])
    difference.sums = (
        sums[0] ^ int.from_bytes(here[3], signed=True),
        sums[1] ^ int.from_bytes(there[3], signed=True),
    )


def _tell(difference: Difference, here: Row, there: Row) -> None:
    """Add one page's rows to a difference, in the order of their key's hashes."""
    ours, theirs = _entries(here[4]), _entries(there[4])
    differing = set(ours) ^ set(theirs)
    if not differing:
        return
    after, before = _by_key(ours, here, differing), _by_key(theirs, there, differing)
    new, both, gone = (
        sorted(keys)
        for keys in (after.keys() - before.keys(), after.keys() & before.keys(), before.keys() - after.keys())
    )
    difference.insert([(key, *after[key]) for key in new])
    difference.update([(key, before[key][0], after[key][0], before[key][1], after[key][1]) for key in both])
    difference.delete([(key, *before[key]) for key in gone])


def _entries(packed: bytes) -> list[bytes]:
    """Key hash and row hash of each row, as they came: sets of bytes are the fastest that Python has."""
    return [packed[at : at + _ENTRY] for at in range(0, len(packed), _ENTRY)]


def _by_key(entries: list[bytes], page: Row, wanted: set[bytes]) -> dict[int, tuple[int, int]]:
    """Key hash to row hash and place, of a page's entries that are wanted."""
    hashes, places = bigints(page[4]), bigints(page[5])
    chosen = [n for n, entry in enumerate(entries) if entry in wanted]
    found = {hashes[2 * n]: (hashes[2 * n + 1], places[n]) for n in chosen}
    if len(found) < len(chosen):
        raise CollisionError
    return found
