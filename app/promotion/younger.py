"""Tables that the last promotion left equal: only row versions that are younger are looked at.

Where the source has as many older versions as were promoted, the younger ones are inserts. Otherwise one more scan of
both sides names the younger rows and production's rows with their keys, and sums the key hashes of all others bucket by
bucket: what the source lacks there was deleted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, log2
from struct import Struct
from typing import Final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

from app.promotion.buckets import among
from app.promotion.changes import Difference, too_many
from app.promotion.copying import copied_out
from app.promotion.hashing import Hashing
from app.promotion.known import Knowledge
from app.promotion.quoting import bigint_array
from app.promotion.relation import Relation
from app.promotion.rowwise import CollisionError, Selection, in_step, rows_that_differ, tell
from app.promotion.waiting import at_once

_BUCKET: Final = Struct(">Hq")
"""A bucket's number within its page, and the sum of its keys' hashes."""
_ALONE: Final = 2**14
"""Buckets up to which keys that are gone are given one each; more cost more than naming the keys of shared ones."""


@dataclass(frozen=True)
class _Seen:
    """A table's row versions on one side: how many, and the key hashes of the younger ones, packed."""

    rows: int
    younger: bytes

    @property
    def older(self) -> int:
        return self.rows - len(self.younger) // 8

    def keys(self) -> str:
        """SQL for the younger ones' key hashes."""
        packed = memoryview(self.younger)
        return bigint_array(
            int.from_bytes(packed[at : at + 8], signed=True) for at in range(0, len(packed), 8)
        )


@dataclass
class _Touched:
    """A table whose source was written since.

    Attributes:
        relation: the table.
        seen: the source's row versions.
        gone: how many of the promoted versions are not there any more: updated or deleted.
        difference: what was found.
        lacking: by bucket, the sum of key hashes that production has and the source lacks.
        rewritten: younger rows whose keys production has.
    """

    relation: Relation
    seen: _Seen
    gone: int
    difference: Difference
    lacking: dict[int, int] = field(default_factory=dict)
    rewritten: int = 0

    @property
    def bits(self) -> int:
        """Bits of a bucket's number, when one in four of the versions that are gone was deleted."""
        deleted = self.gone / 4
        buckets = max(8 * deleted, min(deleted * deleted, _ALONE), len(self.seen.younger) / 128)
        return min(20, max(9, ceil(log2(max(2, buckets)))))

    @property
    def deleted(self) -> int:
        """How many keys are gone."""
        return self.gone - self.rewritten


def since(
    source: Cursor,
    destination: Cursor,
    relations: Sequence[Relation],
    known: Knowledge,
    hashing: Hashing,
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
    found, touched = {}, {}
    for n, (relation, here, there) in enumerate(zip(told, ours, theirs, strict=True)):
        rows = promoted[relation.quoted]
        gone = rows - here.older
        written = len(here.younger) // 8 + gone
        if (there.rows, there.younger) != (rows, b"") or too_many(written, rows):
            continue
        found[relation.quoted] = Difference(rows=(here.rows, rows), sums=None)
        if written:
            touched[n] = _Touched(relation, here, gone, found[relation.quoted])
    if touched:
        _tell_younger(source, destination, touched, known, hashing)
        _tell_deleted(source, destination, touched, hashing)
    return found


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


def _tell_younger(
    source: Cursor, destination: Cursor, touched: Mapping[int, _Touched], known: Knowledge, hashing: Hashing
) -> None:
    """Add inserts and updates to the differences, and what each bucket of the other rows lacks."""

    def theirs(table: _Touched) -> str:
        return f"{hashing.key(table.relation, 't')} = ANY ({table.seen.keys()})" if table.gone else "false"

    left = _named(touched, lambda _: f"NOT ({known.source})", hashing)
    right = _named(touched, theirs, hashing)
    with copied_out(source, left) as ours, copied_out(destination, right) as others:
        for n, here, there in in_step(ours, others):
            table = touched[n]
            page = int.from_bytes(here[1] or there[1], signed=True) << 8
            for bucket, sum_ in set(_BUCKET.iter_unpack(here[3])) ^ set(_BUCKET.iter_unpack(there[3])):
                table.lacking[page + bucket] = table.lacking.get(page + bucket, 0) ^ sum_
            table.rewritten += int.from_bytes(there[2])
            tell(table.difference, here, there)
    if any(table.rewritten > table.gone or table.difference.deleted for table in touched.values()):
        raise CollisionError


def _named(touched: Mapping[int, _Touched], chosen: Callable[[_Touched], str], hashing: Hashing) -> str:
    """SQL for table, page, how many chosen rows, sums of the others' keys, the chosen's hashes and places."""
    parts = []
    for n, table in touched.items():
        relation, which = table.relation, chosen(table)
        row = f"CASE WHEN {which} THEN {hashing.row(relation, 't')} END"
        only = "" if table.gone else f" WHERE {which}"
        parts.append(
            f"SELECT {n}::int4, b >> 8, sum(c)::int8,"
            " coalesce(string_agg(int2send((b & 255)::int2) || int8send(s), '') FILTER (WHERE s <> 0), ''),"
            " coalesce(string_agg(e, ''), ''), coalesce(string_agg(p, ''), '')"
            f" FROM (SELECT k >> {64 - table.bits} AS b, bit_xor(k) FILTER (WHERE h IS NULL) AS s,"
            " count(h) AS c, string_agg(int8send(k) || int8send(h), '') FILTER (WHERE h IS NOT NULL) AS e,"
            " string_agg(p, '') FILTER (WHERE h IS NOT NULL) AS p"
            f" FROM (SELECT {hashing.key(relation, 't')} AS k, {row} AS h, {relation.place('t')} AS p"
            f" FROM {relation.quoted} AS t{only} OFFSET 0) AS r GROUP BY 1) AS g GROUP BY 2"
        )
    return " UNION ALL ".join(parts) + " ORDER BY 1, 2"


def _tell_deleted(
    source: Cursor, destination: Cursor, touched: Mapping[int, _Touched], hashing: Hashing
) -> None:
    """Add the deletions to the differences, with the hashes of their rows."""
    selected = {n: _suspects(table, hashing) for n, table in touched.items() if table.deleted}
    found = rows_that_differ(source, destination, selected, hashing)
    for n, table in touched.items():
        gone = found.get(n, Difference()).deleted
        if len(gone) != table.deleted or (table.lacking and not gone):
            raise CollisionError
        for key, before in gone:
            table.difference.delete(key, before)


def _suspects(table: _Touched, hashing: Hashing) -> Selection:
    """Rows among which all deleted ones are."""
    relation, key = table.relation, hashing.key(table.relation, "t")
    if len(table.lacking) == table.deleted:  # each bucket lacks one key, whose hash is the difference
        there = f"{key} = ANY ({bigint_array(table.lacking.values())})"
        return Selection(relation, table.deleted, "false", total=table.seen.rows, there=there)
    rows = (table.seen.rows * len(table.lacking)) >> table.bits
    return Selection(relation, rows, among(set(table.lacking), key, table.bits), total=table.seen.rows)
