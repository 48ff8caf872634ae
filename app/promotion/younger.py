"""Tables that the last promotion left equal: only row versions that are younger are looked at.

Where the source has as many older versions as were promoted, the younger ones are inserts. Otherwise something was
updated or deleted: sums of keys by bucket, which are hashed ten times faster than rows, say where keys are gone, and
often which. Compared are the younger versions, the rows of their keys, the gone ones, and what shares a bucket with both.
"""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log2
from typing import Final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

from app.promotion.buckets import Bitmap, summed, unlike
from app.promotion.changes import Difference, too_many
from app.promotion.copying import bigints, copied_out
from app.promotion.hashing import Hashing
from app.promotion.known import Knowledge
from app.promotion.quoting import bigint_array
from app.promotion.relation import Relation
from app.promotion.rowwise import CollisionError, Selection, rows_that_differ
from app.promotion.waiting import at_once

_CHEAP: Final = 1 << 13
"""Buckets whose sums are as fast as one sum over everything; 2^14 take a third longer, 2^15 twice as long."""


@dataclass(frozen=True)
class _Seen:
    """A table's row versions on one side: how many, and the key hashes of the younger ones, packed."""

    rows: int
    younger: bytes

    @property
    def count(self) -> int:
        """How many younger ones."""
        return len(self.younger) // 8

    @property
    def older(self) -> int:
        return self.rows - self.count

    def younger_keys(self) -> "array[int]":
        """The younger ones' key hashes."""
        return bigints(self.younger)


@dataclass(frozen=True)
class _Touched:
    """A table whose source was written since.

    Attributes:
        relation: the table.
        seen: the source's row versions.
        then: how many rows were promoted.
    """

    relation: Relation
    seen: _Seen
    then: int

    @property
    def gone(self) -> int:
        """How many of the promoted versions are not there any more: updated or deleted."""
        return self.then - self.seen.older

    @property
    def bits(self) -> int:
        """Bits of a bucket's number: enough that few deleted rows share one, but sums that fit a processor's cache."""
        return min(18, max(9, ceil(log2(max(1, self.gone, min(8 * self.gone, _CHEAP))))))

    def selection(
        self, unlike: Mapping[int, tuple[int, int]], known: Knowledge, hashing: Hashing
    ) -> Selection:
        """The rows among which all changed ones are.

        Args:
            unlike: buckets where keys were inserted or deleted: how many fewer there are, and the sum of those keys.
            known: what the last promotion proved.
            hashing: of keys and rows.
        """
        keys, among = self.seen.younger_keys(), Bitmap(self.bits)
        younger = {key >> (64 - self.bits): key for key in keys}
        for number, (fewer, sum_) in unlike.items():
            if number not in younger and fewer == 1:  # one was deleted, and the sum is its key
                keys.append(sum_)
            elif younger.get(number) != sum_:  # not one that was inserted
                among.add(number)
        key = hashing.key(self.relation, "t")
        bucket = among.has(key)
        return Selection(
            self.relation,
            len(keys) + int(self.then * among.share()),
            f"NOT ({known.source}) OR {bucket}",
            self.seen.rows,
            where_there=f"{key} = ANY ({bigint_array(keys)}) OR {bucket}" if self.gone else "false",
        )


def since(
    source: Cursor, destination: Cursor, relations: Sequence[Relation], known: Knowledge, hashing: Hashing
) -> dict[str, Difference]:
    """Compare the tables for which younger row versions tell everything.

    Args:
        source: reads, in one snapshot.
        destination: likewise.
        relations: to compare.
        known: what the last promotion proved.
        hashing: of keys and rows.

    Returns:
        Differences by table; one that is left out has to be compared in full: production's was written by others,
        or too much was.

    Raises:
        CollisionError: two keys have one hash.
    """
    promoted = known.rows
    told = [relation for relation in relations if relation.quoted in promoted]
    if known.untouched or not told:
        return {r.quoted: Difference(rows=(promoted[r.quoted],) * 2, sums=None) for r in told}
    ours, theirs = at_once(
        lambda c: _seen(c, told, hashing, known.source if c is source else known.destination),
        (source, destination),
    )
    written = {}
    for n, (relation, here, there) in enumerate(zip(told, ours, theirs, strict=True)):
        table = _Touched(relation, here, promoted[relation.quoted])
        changes = here.count + table.gone
        if (there.rows, there.younger) == (table.then, b"") and not too_many(changes, table.then):
            written[n] = table
    sums = summed(
        source,
        destination,
        {n: (table.relation, table.bits) for n, table in written.items() if table.gone},
        hashing,
        keys=True,
    )
    gone = {n: unlike(*sides) for n, sides in sums.items()}
    selected = {
        n: table.selection(gone.get(n, {}), known, hashing)
        for n, table in written.items()
        if table.gone or table.seen.younger
    }
    found = rows_that_differ(source, destination, selected, hashing)
    for n, table in written.items():
        difference = found.setdefault(n, Difference())
        difference.rows, difference.sums = (table.seen.rows, table.then), None
        inserted, _, deleted = difference.counts
        if inserted - deleted != table.seen.rows - table.then:
            raise CollisionError
    return {told[n].quoted: difference for n, difference in found.items()}


def _seen(cursor: Cursor, relations: Sequence[Relation], hashing: Hashing, older: str) -> list[_Seen]:
    """A scan that looks at row headers, and at the keys of younger versions."""
    query = " UNION ALL ".join(
        f"SELECT {n}::int4, count(*), coalesce(string_agg(int8send({hashing.key(relation, 't')}), '')"
        f" FILTER (WHERE NOT ({older})), '') FROM {relation.quoted} AS t"
        for n, relation in enumerate(relations)
    )
    with copied_out(cursor, query) as rows:
        seen = {int.from_bytes(n): _Seen(int.from_bytes(count), younger) for n, count, younger in rows}
    return [seen[n] for n in range(len(relations))]
