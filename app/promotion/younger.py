"""Tables that the last promotion left equal: only row versions that are younger are looked at.

Where the source has as many older versions as were promoted, the younger ones are inserts. Otherwise something was
updated or deleted: sums of keys, which are hashed ten times faster than rows, show where keys are gone, and the rows
there and those with a younger version's key are compared.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, log2

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

from app.promotion.buckets import Bitmap, differing, summed
from app.promotion.changes import Difference, too_many
from app.promotion.copying import copied_out
from app.promotion.hashing import Hashing
from app.promotion.known import Knowledge
from app.promotion.relation import Relation
from app.promotion.rowwise import CollisionError, Selection, rows_that_differ
from app.promotion.waiting import at_once


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

    def younger_keys(self) -> Iterator[int]:
        """The younger ones' key hashes."""
        packed = memoryview(self.younger)
        return (int.from_bytes(packed[at : at + 8], signed=True) for at in range(0, len(packed), 8))


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
        """Bits of a bucket's number: enough that few rows share one with a deleted row."""
        return _bits(2 * self.gone)

    def selection(self, gone: set[int], known: Knowledge, hashing: Hashing) -> Selection:
        """The rows among which all changed ones are.

        Args:
            gone: buckets in which keys were inserted or deleted.
            known: what the last promotion proved.
            hashing: of keys and rows.
        """
        if not self.gone:
            younger = f"NOT ({known.source})"
            return Selection(
                self.relation, self.seen.rows - self.then, younger, self.seen.rows, there="false"
            )
        finest = max(self.bits, _bits(64 * self.seen.count))
        among = Bitmap(finest)
        for bucket in gone:
            among.add(bucket, self.bits)
        for key in self.seen.younger_keys():
            among.add(key >> (64 - finest), finest)
        where = among.has(hashing.key(self.relation, "t"))
        return Selection(self.relation, int(self.then * among.share()), where, self.seen.rows)


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
    rewritten = {n: (table.relation, table.bits) for n, table in written.items() if table.gone}
    sums = summed(source, destination, rewritten, hashing, keys=True)
    selected = {
        n: table.selection(differing(*sums[n]) if table.gone else set(), known, hashing)
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


def _bits(buckets: int) -> int:
    # More than 2^18 made the client's memory grow with the table: 104 MB instead of 80 at a million rows.
    return min(18, max(9, ceil(log2(max(2, buckets)))))
