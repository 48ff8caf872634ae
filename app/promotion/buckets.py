"""Large tables in two levels: sums of the hashes of a few rows at a time, then the rows of buckets that differ."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from struct import Struct
from typing import Final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

from app.promotion.changes import Difference
from app.promotion.copying import copied_out
from app.promotion.hashing import Hashing
from app.promotion.relation import Relation
from app.promotion.rowwise import Selection, hashed, rows_that_differ
from app.promotion.waiting import at_once

_PACKED: Final = Struct(">Hq")
"""A bucket's number within its page, and the sum of its rows' hashes."""


@dataclass
class _Buckets:
    """A table's first level on one side."""

    rows: int = 0
    sum: int = 0
    pages: dict[int, bytes] = field(default_factory=dict)


def two_levels(
    source: Cursor,
    destination: Cursor,
    tables: Mapping[int, tuple[Relation, int]],
    hashing: Hashing,
) -> dict[int, Difference]:
    """Compare large tables: buckets first, then the rows of buckets that differ.

    Args:
        source: reads, in one snapshot.
        destination: likewise.
        tables: with bits of a bucket's number.
        hashing: of keys and rows.

    Returns:
        Their differences.

    Raises:
        CollisionError: two keys have one hash.
    """
    if not tables:
        return {}
    left, right = at_once(lambda cursor: _first_level(cursor, tables, hashing), (source, destination))
    selected = {}
    for n, (relation, bits) in tables.items():
        if dirty := _dirty(left[n], right[n]):
            rows = max(left[n].rows, right[n].rows)
            selected[n] = Selection(
                relation, (rows * len(dirty)) >> bits, among(dirty, hashing.key(relation, "t"), bits), rows
            )
    second = rows_that_differ(source, destination, selected, hashing)
    found = {n: second.get(n, Difference()) for n in tables}
    for n, difference in found.items():
        difference.rows = left[n].rows, right[n].rows
        difference.sums = left[n].sum, right[n].sum
    return found


def _first_level(
    cursor: Cursor, tables: Mapping[int, tuple[Relation, int]], hashing: Hashing
) -> dict[int, _Buckets]:
    """Sums of every bucket, 256 buckets in a row."""
    parts = [
        f"SELECT {n}::int4, b >> 8, sum(c)::int8, bit_xor(s), string_agg(int2send((b & 255)::int2) || int8send(s), '')"
        f" FROM (SELECT k >> {64 - bits} AS b, count(*) AS c, bit_xor(h) AS s"
        f" FROM ({hashed(Selection(relation, 0), hashing)}) AS r GROUP BY 1) AS g GROUP BY 2"
        for n, (relation, bits) in tables.items()
    ]
    found = {n: _Buckets() for n in tables}
    with copied_out(cursor, " UNION ALL ".join(parts)) as rows:
        for n, page, count, sum_, packed in rows:
            buckets = found[int.from_bytes(n)]
            buckets.pages[int.from_bytes(page, signed=True)] = packed
            buckets.rows += int.from_bytes(count)
            buckets.sum ^= int.from_bytes(sum_, signed=True)
    return found


def _dirty(left: _Buckets, right: _Buckets) -> set[int]:
    """Buckets whose sum differs."""
    dirty: set[int] = set()
    for page in left.pages.keys() | right.pages.keys():
        a, b = left.pages.get(page, b""), right.pages.get(page, b"")
        differing = set(_PACKED.iter_unpack(a)) ^ set(_PACKED.iter_unpack(b))
        dirty.update((page << 8) + bucket for bucket, _ in differing)
    return dirty


def among(buckets: set[int], key: str, bits: int) -> str:
    """SQL: the row's bucket is one of these."""
    lowest = -1 << (bits - 1)  # hashes are signed
    bitmap = bytearray((1 << bits) // 8 + 1)
    for bucket in buckets:
        bitmap[(bucket - lowest) >> 3] |= 1 << (bucket - lowest & 7)
    return f"get_bit('\\x{bitmap.hex()}'::bytea, (({key}) >> {64 - bits}) - ({lowest})) = 1"
