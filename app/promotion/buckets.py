"""Sums of the hashes of a few rows at a time: only in buckets whose sums differ can rows differ."""

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

_PACKED: Final = Struct(">HHq")
"""A bucket's number within its page, its rows modulo 2^16, and the sum of their hashes."""


@dataclass
class Buckets:
    """A table's sums on one side.

    Attributes:
        rows: of the table.
        sum: of all hashes.
        pages: the sums of 256 buckets at a time, packed.
    """

    rows: int = 0
    sum: int = 0
    pages: dict[int, bytes] = field(default_factory=dict)


class Bitmap:
    """A set of buckets, by the highest bits of their keys' hashes."""

    def __init__(self, bits: int) -> None:
        """Empty.

        Args:
            bits: of a bucket's number.
        """
        self._bits = bits
        self._map = bytearray((1 << bits) // 8 + 1)

    def add(self, bucket: int) -> None:
        """Add a bucket by its number, signed as hashes are."""
        place = bucket + (1 << (self._bits - 1))
        self._map[place >> 3] |= 1 << (place & 7)

    def share(self) -> float:
        """How much of all hashes falls into the set."""
        return int.from_bytes(self._map).bit_count() / (1 << self._bits)

    def has(self, key: str) -> str:
        """SQL: a key's hash falls into the set."""
        number = f"(({key}) >> {64 - self._bits}) + {1 << (self._bits - 1)}"
        return f"get_bit('\\x{self._map.hex()}'::bytea, {number}) = 1"


def two_levels(
    source: Cursor, destination: Cursor, tables: Mapping[int, tuple[Relation, int]], hashing: Hashing
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
    first = summed(source, destination, tables, hashing)
    selected = {}
    for n, (relation, bits) in tables.items():
        if dirty := unlike(*first[n]):
            among = Bitmap(bits)
            for bucket in dirty:
                among.add(bucket)
            most = max(side.rows for side in first[n])
            where = among.has(hashing.key(relation, "t"))
            selected[n] = Selection(relation, int(most * among.share()), where, most)
    second = rows_that_differ(source, destination, selected, hashing)
    found = {n: second.get(n, Difference()) for n in tables}
    for n, difference in found.items():
        left, right = first[n]
        difference.rows = left.rows, right.rows
        difference.sums = left.sum, right.sum
    return found


def summed(
    source: Cursor,
    destination: Cursor,
    tables: Mapping[int, tuple[Relation, int]],
    hashing: Hashing,
    *,
    keys: bool = False,
) -> dict[int, tuple[Buckets, Buckets]]:
    """Sums of every bucket on both sides.

    Args:
        source: reads, in one snapshot.
        destination: likewise.
        tables: with bits of a bucket's number.
        hashing: of keys and rows.
        keys: sum the keys' hashes, which shows only inserted and deleted rows, and not the rows'.
    """
    if not tables:
        return {}
    query = " UNION ALL ".join(
        f"SELECT {n}::int4, b >> 8, sum(c)::int8, bit_xor(s),"
        " string_agg(int2send((b & 255)::int2) || substr(int8send(c), 7) || int8send(s), '')"
        f" FROM (SELECT k >> {64 - bits} AS b, count(*) AS c, bit_xor({'k' if keys else 'h'}) AS s"
        f" FROM ({hashed(Selection(relation, 0), hashing)}) AS r GROUP BY 1) AS g GROUP BY 2"
        for n, (relation, bits) in tables.items()
    )

    def read(cursor: Cursor) -> dict[int, Buckets]:
        found = {n: Buckets() for n in tables}
        with copied_out(cursor, query) as rows:
            for n, page, count, sum_, packed in rows:
                buckets = found[int.from_bytes(n)]
                buckets.pages[int.from_bytes(page, signed=True)] = packed
                buckets.rows += int.from_bytes(count)
                buckets.sum ^= int.from_bytes(sum_, signed=True)
        return found

    left, right = at_once(read, (source, destination))
    return {n: (left[n], right[n]) for n in tables}


def unlike(left: Buckets, right: Buckets) -> dict[int, tuple[int, int]]:
    """Buckets whose sums differ: rows that the right has more, modulo 2^16, and the sum of what only one has."""
    found: dict[int, tuple[int, int]] = {}
    for page in left.pages.keys() | right.pages.keys():
        a, b = (set(_PACKED.iter_unpack(side.pages.get(page, b""))) for side in (left, right))
        for more, one_side in ((-1, a - b), (1, b - a)):
            for bucket, rows, sum_ in one_side:
                count, hashes = found.get((page << 8) + bucket, (0, 0))
                found[(page << 8) + bucket] = (count + more * rows) % (1 << 16), hashes ^ sum_
    return found
