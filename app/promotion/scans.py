"""Scans that do without a row-by-row comparison: of versions, of one side's content."""

from collections.abc import Sequence

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

from app.promotion.changes import Difference
from app.promotion.hashing import Hashing, total
from app.promotion.relation import Relation


def into_empty(source: Cursor, relations: Sequence[Relation], seed: int) -> dict[str, Difference]:
    """What empty tables lack: everything. Rows are counted and told apart by version, not hashed.

    Their content is hashed while they are on their way.
    """
    if not relations:
        return {}
    versions = total(f"hashtextextended(t.tableoid || ' ' || t.ctid || ' ' || t.xmin, {seed})")
    source.execute(
        " UNION ALL ".join(
            f"SELECT {n}, count(*), {versions} FROM {relation.quoted} AS t"
            for n, relation in enumerate(relations)
        )
    )
    return {
        relations[n].quoted: Difference(
            rows=(rows, 0), sums=None, counts=(rows, 0, 0), kept=False, empty=True, versions=sum_
        )
        for n, rows, sum_ in source.fetchall()
    }


def content_sums(source: Cursor, relations: Sequence[Relation], hashing: Hashing) -> list[int]:
    """The sum of every row's hash, for each table."""
    sums = []
    for relation in relations:
        source.execute(f"SELECT {total(hashing.row(relation, 't'))} FROM {relation.quoted} AS t")
        row = source.fetchone()
        assert row is not None  # noqa: S101 - an aggregate gives one row
        sums.append(int(row[0]))
    return sums
