"""Which rows differ: fingerprints computed inside each server, in two levels.

First a count and a sum of hashes for each bucket of about sixteen rows; then keys and hashes of the rows in
buckets that differ; at last the hashes of rows that one side knew without hashing them.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

from app.promotion.copying import Row, copied_out
from app.promotion.hashing import MODULUS, Hashing, total
from app.promotion.quoting import bigint_array
from app.promotion.relation import Relation
from app.promotion.waiting import at_once

_ROWS_IN_BUCKET: Final = 16
"""Smallest traffic for 1 % of a million rows: 16 bytes for each bucket, about 24 for each row of a dirty one."""
_MOST_BITS: Final = 20
_PACKED: Final = struct.Struct(">iiq")
_KEPT: Final = 50_000
_KEPT_SHARE: Final = 0.3
"""Beyond both, the keys of changed rows are counted and forgotten: the table is sent whole."""


@dataclass(frozen=True)
class Compared:
    """One table and how its rows are compared on both sides.

    Attributes:
        relation: with the columns that both sides have.
        known: for each side SQL that is true of a row `t` whose content the last promotion proved to be
            the same on both sides; None to hash every row.
    """

    relation: Relation
    known: tuple[str, str] | None = None

    @property
    def shift(self) -> int:
        """Right shift that makes a bucket of a key's hash."""
        wanted = max(1, self.relation.estimated_rows // _ROWS_IN_BUCKET)
        return 64 - min(_MOST_BITS, max(1, wanted.bit_length()))


@dataclass
class Difference:
    """What a table lacks to be the source's.

    Attributes:
        rows: in the source and in the destination.
        sums: of all row hashes; None where rows were known and not hashed.
        inserted: key to the source's hash.
        updated: key to both hashes.
        deleted: key to the destination's hash.
        counts: inserted, updated, deleted; true even when the keys were too many to keep.
        kept: whether the keys were kept.
        empty: the destination's table has never held a row.
        versions: sum of hashes of the source's row versions, where rows are not hashed before they are sent.
    """

    rows: tuple[int, int] = (0, 0)
    sums: tuple[int, int] | None = (0, 0)
    inserted: dict[str, int] = field(default_factory=dict)
    updated: dict[str, tuple[int, int]] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)
    counts: tuple[int, int, int] = (0, 0, 0)
    kept: bool = True
    empty: bool = False
    versions: int = 0


@dataclass
class _Buckets:
    """A table's first level on one side."""

    rows: int = 0
    sum: int = 0
    pages: dict[int, bytes] = field(default_factory=dict)


def differences(
    source: Cursor, destination: Cursor, tables: Sequence[Compared], hashing: Hashing
) -> list[Difference]:
    """Compare every table on both sides, by content.

    Returns:
        One difference for each table, in their order.
    """
    if not tables:
        return []
    cursors = (source, destination)
    left, right = at_once(lambda c: _first_level(c, tables, hashing, 0 if c is source else 1), cursors)
    found = [
        Difference(rows=(a.rows, b.rows), sums=None if table.known else (a.sum, b.sum))
        for table, a, b in zip(tables, left, right, strict=True)
    ]
    dirty = [_dirty(a, b) for a, b in zip(left, right, strict=True)]
    second = {n: buckets for n, buckets in enumerate(dirty) if buckets and found[n].rows[1]}
    for n, difference in enumerate(found):
        if dirty[n] and n not in second:  # the destination has no rows: all are to be inserted
            difference.counts, difference.kept = (difference.rows[0], 0, 0), False
    unresolved: dict[int, set[str]] = {}
    if second:
        queries = [_second_level(tables, second, hashing, side) for side in (0, 1)]
        with copied_out(source, queries[0]) as ours, copied_out(destination, queries[1]) as theirs:
            for n, here, there in _in_step(ours, theirs):
                _tell(found[n], unresolved.setdefault(n, set()), here, there)
    _resolve(cursors, tables, found, unresolved, hashing)
    for n, table in enumerate(tables):
        if table.known and not found[n].kept:  # too many to ask for one by one: hash them all
            found[n] = differences(source, destination, [Compared(table.relation)], hashing)[0]
    return found


def _first_level(cursor: Cursor, tables: Sequence[Compared], hashing: Hashing, side: int) -> list[_Buckets]:
    """Counts and sums of every bucket."""
    parts = [
        f"SELECT {n}::int4 AS n, b >> 8 AS page, string_agg(int4send(b::int4) || int4send(c) || int8send(s), ''"
        f" ORDER BY b) AS packed FROM (SELECT k >> {table.shift} AS b, count(*)::int4 AS c,"
        f" {total('coalesce(h, k)')} AS s FROM ({_hashed(table, hashing, side)}) AS r GROUP BY 1) AS g GROUP BY 2"
        for n, table in enumerate(tables)
    ]
    found = [_Buckets() for _ in tables]
    with copied_out(cursor, " UNION ALL ".join(parts)) as rows:
        for n, page, packed in rows:
            assert n is not None and page is not None and packed is not None  # noqa: S101, PT018 - none is null
            buckets = found[int.from_bytes(n)]
            buckets.pages[int.from_bytes(page, signed=True)] = packed
            for _, count, sum_ in _PACKED.iter_unpack(packed):
                buckets.rows += count
                buckets.sum = (buckets.sum + sum_) % MODULUS
    return found


def _hashed(table: Compared, hashing: Hashing, side: int, where: str = "") -> str:
    """SQL for key hash, key and row hash of every row; the row hash is null where it is known."""
    relation = table.relation
    row = hashing.row(relation, "t")
    if table.known:
        row = f"CASE WHEN NOT ({table.known[side]}) THEN {row} END"
    # OFFSET 0 keeps the planner from computing the hashes anew in every place where they are used.
    return (
        f"SELECT {hashing.key(relation, 't')} AS k, {relation.key_text('t')} AS key, {row} AS h"
        f" FROM {relation.quoted} AS t {where} OFFSET 0"
    )


def _dirty(left: _Buckets, right: _Buckets) -> list[int]:
    """Buckets whose count or sum differs."""
    dirty: set[int] = set()
    for page in left.pages.keys() | right.pages.keys():
        a, b = left.pages.get(page, b""), right.pages.get(page, b"")
        if a != b:
            differing = set(_PACKED.iter_unpack(a)) ^ set(_PACKED.iter_unpack(b))
            dirty.update(bucket for bucket, _, _ in differing)
    return sorted(dirty)


def _second_level(
    tables: Sequence[Compared], dirty: Mapping[int, list[int]], hashing: Hashing, side: int
) -> str:
    """SQL for the rows of dirty buckets, in the order of table and bucket."""
    parts = []
    for n, buckets in dirty.items():
        table = tables[n]
        bucket = f"{hashing.key(table.relation, 't')} >> {table.shift}"
        where = f"WHERE ({bucket}) = ANY ({bigint_array(buckets)})"
        parts.append(
            f"SELECT {n}::int4 AS n, k >> {table.shift} AS b, key, h FROM ({_hashed(table, hashing, side, where)}) AS r"
        )
    return " UNION ALL ".join(parts) + " ORDER BY 1, 2"


Group = dict[bytes, bytes | None]


def _in_step(ours: Iterable[Row], theirs: Iterable[Row]) -> Iterator[tuple[int, Group, Group]]:
    """Both sides' rows of each bucket, one bucket at a time."""
    streams = [_groups(ours), _groups(theirs)]
    heads = [next(stream, None) for stream in streams]
    while heads[0] or heads[1]:
        at = min(head[0] for head in heads if head)
        groups: list[Group] = [{}, {}]
        for side in (0, 1):
            head = heads[side]
            if head and head[0] == at:
                groups[side] = head[1]
                heads[side] = next(streams[side], None)
        yield at[0], groups[0], groups[1]


def _groups(rows: Iterable[Row]) -> Iterator[tuple[tuple[int, int], Group]]:
    def place(row: Row) -> tuple[int, int]:
        return int.from_bytes(row[0] or b""), int.from_bytes(row[1] or b"", signed=True)

    for at, members in groupby(rows, place):
        yield at, {row[2] or b"": row[3] for row in members}


def _tell(difference: Difference, unresolved: set[str], here: Group, there: Group) -> None:
    """Add one bucket's rows to a difference."""
    inserted = here.keys() - there.keys()
    deleted = there.keys() - here.keys()
    updated = {key for key in here.keys() & there.keys() if here[key] != there[key]}
    before = difference.counts
    difference.counts = before[0] + len(inserted), before[1] + len(updated), before[2] + len(deleted)
    if sum(difference.counts) > max(_KEPT, _KEPT_SHARE * max(difference.rows)):
        difference.kept = False
        for keys in (difference.inserted, difference.updated, difference.deleted, unresolved):
            keys.clear()
    if difference.kept:
        difference.inserted.update((key.decode(), _number(here[key])) for key in inserted)
        difference.deleted.update((key.decode(), _number(there[key])) for key in deleted)
        difference.updated.update((k.decode(), (_number(here[k]), _number(there[k]))) for k in updated)
        unresolved.update(
            key.decode()
            for key in inserted | updated | deleted
            if here.get(key, b"") is None or there.get(key, b"") is None
        )


def _number(hash_: bytes | None) -> int:
    return 0 if hash_ is None else int.from_bytes(hash_, signed=True)


def _resolve(
    cursors: Sequence[Cursor],
    tables: Sequence[Compared],
    found: Sequence[Difference],
    unresolved: Mapping[int, set[str]],
    hashing: Hashing,
) -> None:
    """Hash the rows that one side knew and the other did not; most differ, some were only rewritten."""
    wanted = {n: sorted(keys) for n, keys in unresolved.items() if keys and found[n].kept}
    if not wanted:
        return
    query = " UNION ALL ".join(
        f"SELECT {n}::int4, k.key, {hashing.row(tables[n].relation, 't')} FROM {tables[n].relation.keys(keys)} AS k"
        f" JOIN {tables[n].relation.quoted} AS t ON {tables[n].relation.matches('t', 'k')}"
        for n, keys in wanted.items()
    )

    def hashes(cursor: Cursor) -> dict[tuple[int, str], int]:
        with copied_out(cursor, query) as rows:
            return {(int.from_bytes(n or b""), (key or b"").decode()): _number(h) for n, key, h in rows}

    ours, theirs = at_once(hashes, cursors)
    for n, keys in wanted.items():
        difference = found[n]
        for key in keys:
            if key in difference.inserted:
                difference.inserted[key] = ours[n, key]
            elif key in difference.deleted:
                difference.deleted[key] = theirs[n, key]
            elif ours[n, key] == theirs[n, key]:
                del difference.updated[key]
            else:
                difference.updated[key] = ours[n, key], theirs[n, key]
        difference.counts = len(difference.inserted), len(difference.updated), len(difference.deleted)
