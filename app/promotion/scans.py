"""Scans that do without a row-by-row comparison: of row headers, of versions, of one side's content."""

from collections.abc import Mapping, Sequence

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

from app.promotion.fingerprint import Difference
from app.promotion.hashing import Hashing, total
from app.promotion.relation import Relation
from app.promotion.waiting import at_once


def unwritten(
    source: Cursor,
    destination: Cursor,
    relations: Sequence[Relation],
    rows: Mapping[str, int],
    known: tuple[str, str],
) -> list[Relation]:
    """Tables without a row version that is not known and with as many rows as were known: nothing was written.

    A scan that looks at row headers only, on both sides at once.

    Args:
        source: reads.
        destination: reads.
        relations: to look at.
        rows: how many were known, by table.
        known: SQL for each side, true of a known row `t`.
    """
    if not relations:
        return []

    def scan(cursor: Cursor) -> list[tuple[int, int]]:
        predicate = known[0 if cursor is source else 1]
        cursor.execute(
            " UNION ALL ".join(
                f"SELECT {n}, count(*), count(*) FILTER (WHERE NOT ({predicate})) FROM {relation.quoted} AS t"
                for n, relation in enumerate(relations)
            )
        )
        return [(count, newer) for _, count, newer in sorted(cursor.fetchall())]

    ours, theirs = at_once(scan, (source, destination))
    return [
        relation
        for relation, here, there in zip(relations, ours, theirs, strict=True)
        if here == there == (rows[relation.quoted], 0)
    ]


def into_empty(source: Cursor, relations: Sequence[Relation], seed: int) -> list[Difference]:
    """What empty tables lack: everything. Rows are counted and told apart by version, not hashed.

    Their content is hashed while they are on their way.
    """
    if not relations:
        return []
    versions = total(f"hashtextextended(t.tableoid || ' ' || t.ctid || ' ' || t.xmin, {seed})")
    source.execute(
        " UNION ALL ".join(
            f"SELECT {n}, count(*), {versions} FROM {relation.quoted} AS t"
            for n, relation in enumerate(relations)
        )
    )
    return [
        Difference(rows=(rows, 0), sums=None, counts=(rows, 0, 0), kept=False, empty=True, versions=sum_)
        for _, rows, sum_ in sorted(source.fetchall())
    ]


def content_sums(source: Cursor, relations: Sequence[Relation], hashing: Hashing) -> list[int]:
    """The sum of every row's hash, for each table."""
    sums = []
    for relation in relations:
        source.execute(f"SELECT {total(hashing.row(relation, 't'))} FROM {relation.quoted} AS t")
        row = source.fetchone()
        assert row is not None  # noqa: S101 - an aggregate gives one row
        sums.append(int(row[0]))
    return sums
