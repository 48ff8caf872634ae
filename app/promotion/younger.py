"""Tables that the last promotion left equal: only row versions that are younger are looked at.

Where the source has as many older versions as were promoted, the younger ones are inserts. Otherwise production is
asked which of their keys it has; what is then still missing was deleted, and is found by comparing the keys, which
are hashed twenty times faster than rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

from app.promotion.buckets import two_levels
from app.promotion.changes import Difference, too_many
from app.promotion.copying import copied_out
from app.promotion.fingerprint import SMALL, bits_for
from app.promotion.hashing import Hashing
from app.promotion.known import Knowledge
from app.promotion.quoting import bigint_array
from app.promotion.relation import Relation
from app.promotion.rowwise import CollisionError, Selection, rows_that_differ
from app.promotion.waiting import at_once


@dataclass(frozen=True)
class _Seen:
    """A table's row versions on one side: how many, and the key hashes of the younger ones, packed."""

    rows: int
    younger: bytes

    @property
    def older(self) -> int:
        return self.rows - len(self.younger) // 8


def since(
    source: Cursor,
    destination: Cursor,
    relations: Sequence[Relation],
    known: Knowledge,
    hashing: Hashing,
    *,
    small: int = SMALL,
) -> dict[str, Difference]:
    """Compare the tables for which younger row versions tell everything.

    Args:
        source: reads, in one snapshot.
        destination: likewise.
        relations: to compare.
        known: what the last promotion proved.
        hashing: of keys and rows.
        small: rows of a table whose keys are not worth two levels.

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
    missing: dict[int, int] = {}
    for n, (relation, here, there) in enumerate(zip(told, ours, theirs, strict=True)):
        rows = promoted[relation.quoted]
        gone = rows - here.older
        if (there.rows, there.younger) == (rows, b"") and not too_many(len(here.younger) // 8 + gone, rows):
            missing[n] = gone
    found = rows_that_differ(
        source,
        destination,
        {
            n: _younger(told[n], ours[n], gone, known, hashing)
            for n, gone in missing.items()
            if ours[n].younger
        },
        hashing,
    )
    deleted = {}
    for n, gone in missing.items():
        difference = found.setdefault(n, Difference())
        rewritten = difference.rows[1]
        if rewritten > gone or difference.deleted:
            raise CollisionError
        if rewritten < gone:
            deleted[n] = gone - rewritten
        difference.rows, difference.sums = (ours[n].rows, promoted[told[n].quoted]), None
    bits = {
        n: bits_for(told[n], (found[n].counts[0] + count) / found[n].rows[1])
        for n, count in deleted.items()
        if told[n].estimated_rows > small
    }
    keys = two_levels(
        source, destination, {n: (told[n], b) for n, b in bits.items() if b}, hashing, content="k"
    ) | rows_that_differ(
        source,
        destination,
        {n: Selection(told[n], found[n].rows[0], total=found[n].rows[0]) for n in deleted if not bits.get(n)},
        hashing,
    )
    for n, count in deleted.items():
        if keys[n].counts[2] != count:
            raise CollisionError
        for key, before in keys[n].deleted:
            found[n].delete(key, before)
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


def _younger(relation: Relation, seen: _Seen, missing: int, known: Knowledge, hashing: Hashing) -> Selection:
    """The younger versions here, and the rows there that have their keys."""
    keys = memoryview(seen.younger)
    hashes = (int.from_bytes(keys[at : at + 8], signed=True) for at in range(0, len(keys), 8))
    there = f"{hashing.key(relation, 't')} = ANY ({bigint_array(hashes)})" if missing else "false"
    return Selection(relation, len(keys) // 8, f"NOT ({known.source})", total=seen.rows, there=there)
