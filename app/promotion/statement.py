"""The one statement that changes every table, by the places of its rows."""

from collections.abc import Sequence

from app.promotion.hashing import Hashing
from app.promotion.relation import Column
from app.promotion.staging import Staging


def _rekeyed(staging: Staging) -> str:
    """SQL: row `t` cannot simply be updated."""
    return " OR ".join(_moves(staging, column) for column in staging.rekeying)


def park(staging: Staging) -> str:
    """Make the unique values that will change null, so that each is free when another row takes it."""
    sets = ", ".join(
        f"{c.quoted} = CASE WHEN {_moves(staging, c)} THEN NULL ELSE t.{c.quoted} END"
        for c in staging.parking
    )
    moves = " OR ".join(_moves(staging, column) for column in staging.parking)
    # RETURNING speaks of the row after the update, which is in another place.
    return f"""WITH p AS (UPDATE {staging.table.relation.quoted} AS t SET {sets} FROM {staging.found} AS f, {staging.rows} AS s
  WHERE {staging.at} AND ({moves}) RETURNING f.staged, t.tableoid AS part, t.ctid AS at)
UPDATE {staging.found} AS f SET part = p.part, at = p.at FROM p WHERE p.staged = f.staged;"""


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
        name = staging.table.relation.quoted
        both = f"{staging.found} AS f, {staging.rows} AS s"
        parts.append(
            f"d{staging.number} AS (DELETE FROM {name} AS t USING {staging.gone} AS g"
            " WHERE t.ctid = g.at AND t.tableoid = g.part RETURNING 1)"
        )
        rekeyed = f"({_rekeyed(staging)})" if staging.rekeying else "false"
        own = [f"t.{column.quoted} AS o{n}" for n, column in enumerate(staging.own)]
        parts.append(
            f"r{staging.number} AS (DELETE FROM {name} AS t USING {both} WHERE {staging.at} AND {rekeyed}"
            f" RETURNING {', '.join(['f.staged', *own])})"
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
            f"u{staging.number} AS (UPDATE {relation.quoted} AS t SET {sets or keys}"
            f" FROM {staging.found} AS f, {staging.rows} AS s, deleted WHERE {staging.at}{kept} AND deleted.n >= 0"
            f" RETURNING {hashing.row(relation, 't')} <> s.hash AS wrong)"
        )
    parts.append(f"updated AS (SELECT {_sum(['u'], numbers)} + (SELECT n FROM deleted) AS n)")
    for staging in stagings:
        relation = staging.table.relation
        stored = f'{relation.key_text("t")} COLLATE "C" AS key, {hashing.row(relation, "t")} AS hash'
        names = [c.quoted for c in relation.columns]
        values = [staging.value(c) for c in relation.columns]
        insert = f"INSERT INTO {relation.quoted} AS t ({{}}) OVERRIDING SYSTEM VALUE SELECT {{}} FROM {staging.rows} AS s, updated"
        parts.append(
            f"i{staging.number} AS ({insert.format(', '.join(names), ', '.join(values))}"
            f", {staging.found} AS f WHERE f.at IS NULL AND s.ctid = f.staged AND updated.n >= 0 RETURNING {stored})"
        )
        names += [column.quoted for column in staging.own]
        values += [f"r.o{n}" for n in range(len(staging.own))]
        again = f"{insert.format(', '.join(names), ', '.join(values))}, r{staging.number} AS r WHERE s.ctid = r.staged"
        parts.append(f"b{staging.number} AS ({again} AND updated.n >= 0 RETURNING {stored})")
        parts.append(
            f"w{staging.number} AS (SELECT 1 FROM u{staging.number} WHERE wrong UNION ALL SELECT 1 FROM"
            f" (TABLE i{staging.number} UNION ALL TABLE b{staging.number}) AS n LEFT JOIN {staging.found} AS f USING (key)"
            " WHERE n.hash IS DISTINCT FROM f.hash)"
        )
    counts = ", ".join(f"(SELECT count(*) FROM {op}{n})" for n in numbers for op in "dbuiw")
    into = ", ".join(f"_{op}{n}" for n in numbers for op in "druiw")
    return f"WITH {', '.join(parts)} SELECT {counts} INTO {into};"


def _sum(operations: Sequence[str], numbers: Sequence[int]) -> str:
    return " + ".join(f"(SELECT count(*) FROM {op}{n})" for op in operations for n in numbers)
