"""Which rows differ: fingerprints computed inside each server.

A sample says how much differs. Where little does, each server sums the hashes of a few rows at a time, and only rows
of buckets that differ are named; where much does, all are. A row is named by the hash of its key and its own hash.
"""

from collections.abc import Mapping, Sequence
from math import ceil, log2, sqrt
from typing import Final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

from app.promotion.buckets import two_levels
from app.promotion.changes import Difference
from app.promotion.hashing import Hashing
from app.promotion.quoting import bigint_array, text_array
from app.promotion.relation import Relation
from app.promotion.rowwise import Selection, rows_that_differ

SMALL: Final = 10_000
"""Rows of a table that is read in one round trip, 16 bytes a row: less than what another round trip costs."""
_SAMPLE: Final = 4_096
"""Rows looked at to learn how much differs."""
_MUCH: Final = 0.04
"""Share of differing rows from which naming every row costs less than half of what the changed rows weigh."""
_MOST_BITS: Final = 22


def differences(
    source: Cursor,
    destination: Cursor,
    relations: Sequence[Relation],
    hashing: Hashing,
    *,
    small: int = SMALL,
) -> list[Difference]:
    """Compare every table on both sides, by content.

    Args:
        source: reads, in one snapshot.
        destination: likewise.
        relations: with the columns that both sides have.
        hashing: of keys and rows.
        small: rows of a table that is not worth two levels.

    Returns:
        One difference for each table, in their order.

    Raises:
        CollisionError: two keys have one hash.
    """
    large = {n: relation for n, relation in enumerate(relations) if relation.estimated_rows > small}
    shares = _shares(source, destination, large, hashing)
    bits = {n: bits_for(relation, shares[n]) for n, relation in large.items()}
    found = two_levels(source, destination, {n: (large[n], b) for n, b in bits.items() if b}, hashing)
    named = {n: Selection(r, r.estimated_rows) for n, r in enumerate(relations) if n not in found}
    found |= rows_that_differ(source, destination, named, hashing)
    return [found[n] for n in range(len(relations))]


def _shares(
    source: Cursor, destination: Cursor, relations: Mapping[int, Relation], hashing: Hashing
) -> dict[int, float]:
    """How much of the rows differs, by those in some blocks of the source; the destination looks for their keys.

    It only decides how the tables are compared: that it does not see deleted rows costs time at most.
    """
    if not relations:
        return {}
    source.execute(
        " UNION ALL ".join(
            f"SELECT {n}, array_agg({relation.key_text('t')}), array_agg({hashing.row(relation, 't')})"
            f" FROM {relation.quoted} AS t TABLESAMPLE SYSTEM ({100 * min(1, _SAMPLE / relation.estimated_rows)})"
            for n, relation in relations.items()
        )
    )
    sampled = {n: (keys, hashes) for n, keys, hashes in source.fetchall() if keys}
    shares = dict.fromkeys(relations, 0.0)
    if sampled:
        destination.execute(
            " UNION ALL ".join(
                f"SELECT {n}, avg(({hashing.row(relations[n], 't')} IS DISTINCT FROM k.hash)::int)::float8"
                f" FROM {_sampled(relations[n], keys, hashes)} AS k"
                f" LEFT JOIN {relations[n].quoted} AS t ON {relations[n].matches('t', 'k')}"
                for n, (keys, hashes) in sampled.items()
            )
        )
        shares |= dict(destination.fetchall())
    return shares


def _sampled(relation: Relation, keys: Sequence[str], hashes: Sequence[int]) -> str:
    """SQL for a subquery with the parsed keys of rows and their hashes."""
    return relation.parsed_keys(
        "", "key", f", k.hash FROM unnest({text_array(keys)}, {bigint_array(hashes)}) AS k(key, hash)"
    )


def bits_for(relation: Relation, share: float) -> int:
    """Bits of a bucket's number, for so many differing rows; 0 when all rows should be named.

    A bucket costs about half as much as naming a row: the more rows differ, the smaller a bucket should be.
    """
    if share > _MUCH:
        return 0
    in_bucket = min(256, max(8, sqrt(1.5 / max(share, 1e-6))))
    return min(_MOST_BITS, max(1, ceil(log2(max(2, relation.estimated_rows / in_bucket)))))
