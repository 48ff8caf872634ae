"""The proof before COMMIT that production holds what the source has, by content.

Rows that were not touched are those that the plan compared: under the lock none was younger. Rows that were written
gave their hash as they were stored, in the statement that wrote them. Only triggers, rules and foreign keys that act
can change rows beside and after that: where there are any, what was written is read back and nothing else may have
been written.
"""

from collections.abc import Sequence
from typing import Final

from app.promotion.hashing import Hashing, total
from app.promotion.plan import Strategy
from app.promotion.quoting import literal
from app.promotion.staging import Staging

UNVERIFIED: Final = "DP002"
"""SQLSTATE: what was written is not what was to be written."""

_ACTS: Final = "f.contype = 'f' AND (f.confdeltype IN ('c', 'n', 'd') OR f.confupdtype IN ('c', 'n', 'd'))"


def disturbed(stagings: Sequence[Staging]) -> str:
    """SQL for a block that finds out whether something else may write these tables when they are written.

    That begins with a trigger or rule of theirs, or of a table that foreign keys reach from them by CASCADE, SET
    NULL or SET DEFAULT; or such a foreign key leads back to them. The lock keeps anyone from adding one to them.
    """
    names = ", ".join(literal(staging.table.relation.quoted) for staging in stagings)
    return f"""WITH RECURSIVE ours(oid) AS (SELECT unnest(ARRAY[{names}]::regclass[])::oid
  UNION SELECT inhrelid FROM pg_inherits JOIN ours ON inhparent = oid),
reached(oid) AS (TABLE ours UNION SELECT f.conrelid FROM pg_constraint AS f JOIN reached AS r ON f.confrelid = r.oid WHERE {_ACTS})
SELECT EXISTS (SELECT FROM pg_trigger AS g JOIN reached AS r ON g.tgrelid = r.oid WHERE NOT g.tgisinternal AND g.tgenabled <> 'D')
  OR EXISTS (SELECT FROM pg_rewrite AS w JOIN reached AS r ON w.ev_class = r.oid)
  OR EXISTS (SELECT FROM pg_constraint AS f JOIN reached AS r ON f.confrelid = r.oid JOIN ours AS o ON f.conrelid = o.oid WHERE {_ACTS})
INTO _disturbed;
SET CONSTRAINTS ALL IMMEDIATE;"""


def verified(staging: Staging, hashing: Hashing, younger: str, *, full: bool) -> str:
    """SQL for a block that raises an exception unless the table is the source's.

    Args:
        staging: what was written.
        hashing: of the plan.
        younger: SQL: row version `t` was written after the plan was made.
        full: hash the whole table.
    """
    relation, difference = staging.table.relation, staging.table.difference
    hash_ = hashing.row(relation, "t")
    named = f"""IF _disturbed OR _w{staging.number} > 0 THEN
  SELECT string_agg(key, ', ') INTO _wrong FROM (SELECT s.key FROM {staging.rows} AS s
    LEFT JOIN {relation.quoted} AS t ON {staging.matches} WHERE {hash_} IS DISTINCT FROM s.hash LIMIT 5) AS w;
  IF _wrong IS NOT NULL THEN
    {_raise(staging, "rows differ from the source after they were written: ", "_wrong")}
  END IF;
END IF;"""
    if full or staging.table.strategy is Strategy.WHOLE:
        assert difference.sums is not None  # noqa: S101 - the plan hashes everything for these
        wanted, what = difference.sums[0], total(hash_)
        why = "it differs from the source after it was written"
    else:
        wanted, what = staging.table.inserted + staging.table.updated, f"count(*) FILTER (WHERE {younger})"
        why = "a trigger or foreign key of production wrote other rows as well; with --verify full all are compared"
    return f"""{named}
IF {"true" if full else "_disturbed"} THEN
  SELECT count(*), {what} INTO _rows, _sum FROM {relation.quoted} AS t;
  IF _rows <> {difference.rows[0]} OR _sum <> {wanted} THEN
    {_raise(staging, why, "''")}
  END IF;
END IF;"""


def _raise(staging: Staging, message: str, more: str) -> str:
    label = literal(f"{staging.table.relation.label}: {message}")
    return f"RAISE EXCEPTION USING ERRCODE = '{UNVERIFIED}', MESSAGE = {label} || {more};"
