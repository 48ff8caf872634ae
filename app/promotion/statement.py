"""The one statement that changes every table, and which staged rows are new, changed or gone for it."""

from collections.abc import Sequence

from app.promotion.hashing import Hashing
from app.promotion.plan import Strategy
from app.promotion.relation import Column
from app.promotion.staging import Staging


def changed(staging: Staging, hashing: Hashing) -> str:
    """SQL: the staged row `s` is an update of row `t`."""
    if staging.table.strategy is Strategy.ROWS:
        return "NOT s.is_new"
    if not staging.table.unchanged:
        return "true"
    return f"{hashing.row(staging.table.relation, 't')} <> s.hash"


def added(staging: Staging) -> str:
    """SQL: the staged row `s` is to be inserted."""
    if not staging.table.inserted:
        return "false"
    if staging.table.strategy is Strategy.ROWS:
        return "s.is_new"
    return f"NOT EXISTS (SELECT FROM {staging.table.relation.quoted} AS t WHERE {staging.matches})"


def departed(staging: Staging) -> tuple[str, str]:
    """SQL: what to join row `t` with, and the condition, for it to be deleted."""
    if not staging.table.deleted:
        return "(SELECT) AS k", "false"
    relation = staging.table.relation
    if staging.table.strategy is Strategy.ROWS:
        return f"{relation.parsed_keys(staging.gone, 'key')} AS k", relation.matches("t", "k")
    return "(SELECT) AS k", f"NOT EXISTS (SELECT FROM {staging.rows} AS s WHERE {staging.matches})"


def _rekeyed(staging: Staging) -> str:
    """SQL: row `t` cannot simply be updated."""
    return " OR ".join(_moves(staging, column) for column in staging.rekeying)


def park(staging: Staging, hashing: Hashing) -> str:
    """Make the unique values that will change null, so that each is free when another row takes it.

    Counts the rows that are what they are to become by that alone.
    """
    sets = ", ".join(
        f"{c.quoted} = CASE WHEN {_moves(staging, c)} THEN NULL ELSE t.{c.quoted} END"
        for c in staging.parking
    )
    moves = " OR ".join(_moves(staging, column) for column in staging.parking)
    # RETURNING speaks of the row after the update.
    return f"""WITH p AS (UPDATE {staging.table.relation.quoted} AS t SET {sets} FROM {staging.rows} AS s
  WHERE {staging.matches} AND {changed(staging, hashing)} AND ({moves}) RETURNING {changed(staging, hashing)} AS left)
SELECT count(*) FILTER (WHERE NOT p.left) INTO _p{staging.number} FROM p;"""


def _moves(staging: Staging, column: Column) -> str:
    return f"t.{column.quoted}::text IS DISTINCT FROM ({staging.value(column)})::text"


def change_all(stagings: Sequence[Staging], hashing: Hashing) -> str:
    """One statement for all tables: foreign keys are checked at its end, when every table is complete.

    Its parts run in the order deletes, updates, inserts, because each waits for the counts of those before
    it: a unique value is free before another row takes it. What is written gives its hash as it was stored, after
    triggers before it and in its partition; those that are not the staged row's are counted.
    """
    parts, numbers = [], [staging.number for staging in stagings]
    for staging in stagings:
        name, (joined, condition) = staging.table.relation.quoted, departed(staging)
        parts.append(
            f"d{staging.number} AS (DELETE FROM {name} AS t USING {joined} WHERE {condition} RETURNING 1)"
        )
        rekeyed = f"({_rekeyed(staging)})" if staging.rekeying else "false"
        own = [f"t.{column.quoted} AS o{n}" for n, column in enumerate(staging.own)]
        parts.append(
            f"r{staging.number} AS (DELETE FROM {name} AS t USING {staging.rows} AS s WHERE {staging.matches}"
            f" AND {changed(staging, hashing)} AND {rekeyed} RETURNING {', '.join(['s.key', *own])})"
        )
    parts.append(f"deleted AS (SELECT {_sum(['d', 'r'], numbers)} AS n)")
    for staging in stagings:
        relation = staging.table.relation
        sets = ", ".join(
            f"{c.quoted} = {staging.value(c)}"
            for c in relation.columns
            if c.name not in relation.key and not c.always
        )
        keys = ", ".join(f"{c.quoted} = {staging.value(c)}" for c in relation.of(relation.key))
        kept = f" AND NOT ({_rekeyed(staging)})" if staging.rekeying else ""
        parts.append(
            f"u{staging.number} AS (UPDATE {relation.quoted} AS t SET {sets or keys} FROM {staging.rows} AS s, deleted"
            f" WHERE {staging.matches} AND {changed(staging, hashing)}{kept} AND deleted.n >= 0"
            f" RETURNING {hashing.row(relation, 't')} <> s.hash AS wrong)"
        )
    parts.append(f"updated AS (SELECT {_sum(['u'], numbers)} + (SELECT n FROM deleted) AS n)")
    for staging in stagings:
        relation = staging.table.relation
        stored = f"{relation.key_text('t')} AS key, {hashing.row(relation, 't')} AS hash"
        names = [c.quoted for c in relation.columns]
        values = [staging.value(c) for c in relation.columns]
        insert = f"INSERT INTO {relation.quoted} AS t ({{}}) OVERRIDING SYSTEM VALUE SELECT {{}} FROM {staging.rows} AS s, updated"
        parts.append(
            f"i{staging.number} AS ({insert.format(', '.join(names), ', '.join(values))}"
            f" WHERE {added(staging)} AND updated.n >= 0 RETURNING {stored})"
        )
        names += [column.quoted for column in staging.own]
        values += [f"r.o{n}" for n in range(len(staging.own))]
        again = f"{insert.format(', '.join(names), ', '.join(values))}, r{staging.number} AS r WHERE r.key = s.key"
        parts.append(f"b{staging.number} AS ({again} AND updated.n >= 0 RETURNING {stored})")
        parts.append(
            f"w{staging.number} AS (SELECT 1 FROM u{staging.number} WHERE wrong UNION ALL SELECT 1 FROM"
            f" (TABLE i{staging.number} UNION ALL TABLE b{staging.number}) AS n LEFT JOIN {staging.rows} AS s USING (key)"
            " WHERE n.hash IS DISTINCT FROM s.hash)"
        )
    counts = ", ".join(f"(SELECT count(*) FROM {op}{n})" for n in numbers for op in "dbuiw")
    into = ", ".join(f"_{op}{n}" for n in numbers for op in "druiw")
    return f"WITH {', '.join(parts)} SELECT {counts} INTO {into};"


def _sum(operations: Sequence[str], numbers: Sequence[int]) -> str:
    return " + ".join(f"(SELECT count(*) FROM {op}{n})" for op in operations for n in numbers)
