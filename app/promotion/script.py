"""The one message that changes production: lock, check, undo images, apply, verify, ledger, COMMIT.

It needs no client while the lock is held, so the lock's time does not depend on the round trip and a client
that dies cannot leave it held.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.promotion.catalog import Side
from app.promotion.hashing import Hashing, total
from app.promotion.ledger import Entry
from app.promotion.plan import Strategy
from app.promotion.quoting import dollar_quoted, literal
from app.promotion.relation import Column
from app.promotion.staging import Staging

STALE: Final = "DP001"
"""SQLSTATE: the destination changed after the plan was made."""
UNVERIFIED: Final = "DP002"
"""SQLSTATE: what was written is not what was to be written."""

_PATIENCE: Final = """PERFORM set_config('lock_timeout', (1000 * extract(epoch FROM least(
      current_setting('lock_timeout')::interval, current_setting('deadlock_timeout')::interval / 2)))::int::text, true);"""
"""Whoever holds one table and waits for another gives way before the server looks for deadlocks: it would end
the one that came last, which may be a visitor."""


@dataclass(frozen=True)
class Limits:
    """How long production may be kept waiting.

    Attributes:
        lock_timeout: seconds to wait for the lock in one attempt.
        lock_attempts: how often to try; between two, those who wait behind it get through.
        keep: undo images of this many promotions stay.
    """

    lock_timeout: float = 5.0
    lock_attempts: int = 3
    keep: int = 20


def message(
    entry: Entry,
    stagings: Sequence[Staging],
    hashing: Hashing,
    destination: Side,
    limits: Limits,
    *,
    full: bool = False,
    before_commit: str = "",
) -> str:
    """Everything from LOCK to COMMIT.

    Args:
        entry: the ledger's row.
        stagings: the staged changes.
        hashing: of the plan.
        destination: as it was when the plan was made.
        limits: of waiting.
        full: compare whole tables afterwards; needs the sums of the source's hashes.
        before_commit: more SQL for the end of the transaction's block.
    """
    steps = [
        lock(stagings, limits),
        f"{entry.insert()} RETURNING id INTO _promotion;",
        entry.insert_run(),
        *(_unchanged(staging, destination) for staging in stagings),
        *(_undo(staging, hashing) for staging in stagings),
        *(_park(staging, hashing) for staging in stagings if staging.parking and staging.table.updated),
        _apply(stagings, hashing),
        *(_counted(staging) for staging in stagings),
        *(_verified(staging, hashing, full=full) for staging in stagings),
        *(sequences(staging) for staging in stagings if staging.table.inserted),
        before_commit,
        forget(limits),
        remember(),
    ]
    counters = " ".join(
        f"_d{s.number} bigint; _r{s.number} bigint; _u{s.number} bigint; _i{s.number} bigint; _p{s.number} bigint := 0;"
        for s in stagings
    )
    analyze = " ".join(staging.analyze() for staging in stagings)
    block = "\n".join(step for step in steps if step)
    body = dollar_quoted(
        "\nDECLARE _promotion bigint; _rows bigint; _newer bigint; _sum bigint; _wrong text;"
        f" _at bigint := 0; _n bigint; _begun timestamptz; {counters}\nBEGIN\n{block}\nEND\n"
    )
    return (
        f"{analyze} SET LOCAL lock_timeout = '{limits.lock_timeout}s';"
        f" SET CONSTRAINTS ALL DEFERRED; DO {body}; COMMIT"
    )


def lock(stagings: Sequence[Staging], limits: Limits) -> str:
    """SQL for a block that takes the lock, in a few attempts, and notes when."""
    first, *others = sorted(staging.table.relation.quoted for staging in stagings)
    # SHARE ROW EXCLUSIVE keeps other writers out, and neither readers nor foreign keys' row locks.
    mode = "IN SHARE ROW EXCLUSIVE MODE"
    rest = f"{_PATIENCE} LOCK TABLE {', '.join(others)} {mode};" if others else ""
    return f"""FOR _attempt IN 1..{limits.lock_attempts} LOOP
  BEGIN
    LOCK TABLE {first} {mode}; {rest}
    EXIT;
  EXCEPTION WHEN lock_not_available THEN
    IF _attempt = {limits.lock_attempts} THEN RAISE; END IF;
    PERFORM pg_sleep(_attempt * 0.2);
  END;
END LOOP;
PERFORM set_config('lock_timeout', '{limits.lock_timeout}s', true);
_begun := clock_timestamp();"""


def _unchanged(staging: Staging, destination: Side) -> str:
    """No row version is younger than the plan's snapshot, and none has gone."""
    table = staging.table
    last = (destination.last_promotion or {}).get("known", {}).get("destination", {}).get("xid")
    older = f"age(t.xmin) > (SELECT age('{destination.snapshot_xmin % 2**32}'::xid))"
    if last is not None:
        older = f"({older} OR t.xmin = '{int(last) % 2**32}'::xid)"
    return f"""SELECT count(*), count(*) FILTER (WHERE NOT {older}) INTO _rows, _newer FROM {table.relation.quoted} AS t;
IF _rows <> {table.difference.rows[1]} OR _newer > 0 THEN
  RAISE EXCEPTION USING ERRCODE = '{STALE}', MESSAGE = {literal(table.relation.label)} || ' changed after the plan was made: '
    || _rows || ' rows instead of {table.difference.rows[1]}, ' || _newer || ' of them new';
END IF;"""


def _changed(staging: Staging, hashing: Hashing) -> str:
    """SQL: the staged row `s` is an update of row `t`."""
    if staging.table.strategy is Strategy.ROWS:
        return "NOT s.is_new"
    if not staging.table.unchanged:
        return "true"
    return f"{hashing.row(staging.table.relation, 't')} <> s.hash"


def _new(staging: Staging) -> str:
    """SQL: the staged row `s` is to be inserted."""
    if not staging.table.inserted:
        return "false"
    if staging.table.strategy is Strategy.ROWS:
        return "s.is_new"
    return f"NOT EXISTS (SELECT FROM {staging.table.relation.quoted} AS t WHERE {staging.matches})"


def _gone(staging: Staging) -> tuple[str, str]:
    """SQL: what to join row `t` with, and the condition, for it to be deleted."""
    if not staging.table.deleted:
        return "(SELECT) AS k", "false"
    relation = staging.table.relation
    if staging.table.strategy is Strategy.ROWS:
        return f"{relation.parsed_keys(staging.gone, 'key')} AS k", relation.matches("t", "k")
    return "(SELECT) AS k", f"NOT EXISTS (SELECT FROM {staging.rows} AS s WHERE {staging.matches})"


def _undo(staging: Staging, hashing: Hashing) -> str:
    relation = staging.table.relation
    begin = (
        "INSERT INTO control.promotion_undo"
        " (promotion_id, position, table_name, operation, row_key, before, after_hash)"
        f" SELECT _promotion, _at + row_number() OVER (), {literal(relation.quoted)}"
    )
    end = "GET DIAGNOSTICS _n = ROW_COUNT; _at := _at + _n;"
    joined, gone = _gone(staging)
    parts = []
    if staging.table.deleted:
        parts.append(
            f"{begin}, 'delete', {relation.key_text('t')}, {relation.texts('t')}, NULL"
            f" FROM {relation.quoted} AS t, {joined} WHERE {gone}; {end}"
        )
    if staging.table.updated:
        parts.append(
            f"{begin}, 'update', {relation.key_text('t')}, {relation.texts('t')}, s.hash"
            f" FROM {relation.quoted} AS t JOIN {staging.rows} AS s ON {staging.matches}"
            f" WHERE {_changed(staging, hashing)}; {end}"
        )
    if staging.table.inserted:
        parts.append(
            f"{begin}, 'insert', s.key, NULL, s.hash FROM {staging.rows} AS s WHERE {_new(staging)}; {end}"
        )
    return "\n".join(parts)


def _rekeyed(staging: Staging) -> str:
    """SQL: row `t` cannot simply be updated."""
    return " OR ".join(_moves(staging, column) for column in staging.rekeying)


def _park(staging: Staging, hashing: Hashing) -> str:
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
  WHERE {staging.matches} AND {_changed(staging, hashing)} AND ({moves}) RETURNING {_changed(staging, hashing)} AS left)
SELECT count(*) FILTER (WHERE NOT p.left) INTO _p{staging.number} FROM p;"""


def _moves(staging: Staging, column: Column) -> str:
    return f"t.{column.quoted}::text IS DISTINCT FROM ({staging.value(column)})::text"


def _apply(stagings: Sequence[Staging], hashing: Hashing) -> str:
    """One statement for all tables: foreign keys are checked at its end, when every table is complete.

    Its parts run in the order deletes, updates, inserts, because each waits for the counts of those before
    it: a unique value is free before another row takes it.
    """
    parts, numbers = [], [staging.number for staging in stagings]
    for staging in stagings:
        name, (joined, gone) = staging.table.relation.quoted, _gone(staging)
        parts.append(
            f"d{staging.number} AS (DELETE FROM {name} AS t USING {joined} WHERE {gone} RETURNING 1)"
        )
        rekeyed = f"({_rekeyed(staging)})" if staging.rekeying else "false"
        own = [f"t.{column.quoted} AS o{n}" for n, column in enumerate(staging.own)]
        parts.append(
            f"r{staging.number} AS (DELETE FROM {name} AS t USING {staging.rows} AS s WHERE {staging.matches}"
            f" AND {_changed(staging, hashing)} AND {rekeyed} RETURNING {', '.join(['s.key', *own])})"
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
            f" WHERE {staging.matches} AND {_changed(staging, hashing)}{kept} AND deleted.n >= 0 RETURNING 1)"
        )
    parts.append(f"updated AS (SELECT {_sum(['u'], numbers)} + (SELECT n FROM deleted) AS n)")
    for staging in stagings:
        relation = staging.table.relation
        names = [c.quoted for c in relation.columns]
        values = [staging.value(c) for c in relation.columns]
        insert = f"INSERT INTO {relation.quoted} ({{}}) OVERRIDING SYSTEM VALUE SELECT {{}} FROM {staging.rows} AS s, updated"
        parts.append(
            f"i{staging.number} AS ({insert.format(', '.join(names), ', '.join(values))}"
            f" WHERE {_new(staging)} AND updated.n >= 0 RETURNING 1)"
        )
        names += [column.quoted for column in staging.own]
        values += [f"r.o{n}" for n in range(len(staging.own))]
        again = f"{insert.format(', '.join(names), ', '.join(values))}, r{staging.number} AS r WHERE r.key = s.key"
        parts.append(f"b{staging.number} AS ({again} AND updated.n >= 0 RETURNING 1)")
    counts = ", ".join(f"(SELECT count(*) FROM {op}{n})" for n in numbers for op in "dbui")
    into = ", ".join(f"_{op}{n}" for n in numbers for op in "drui")
    return f"WITH {', '.join(parts)} SELECT {counts} INTO {into};"


def _sum(operations: Sequence[str], numbers: Sequence[int]) -> str:
    return " + ".join(f"(SELECT count(*) FROM {op}{n})" for op in operations for n in numbers)


def _counted(staging: Staging) -> str:
    """As many rows were touched as the plan says."""
    n, table = staging.number, staging.table
    updated = f"_u{n} + _r{n} + _p{n}"
    return f"""IF _d{n} <> {table.deleted} OR {updated} <> {table.updated} OR _i{n} <> {table.inserted} THEN
  RAISE EXCEPTION USING ERRCODE = '{UNVERIFIED}', MESSAGE = {literal(table.relation.label)} || ': '
    || _i{n} || ' rows inserted, ' || ({updated}) || ' updated, ' || _d{n} || ' deleted instead of'
    ' {table.inserted}, {table.updated}, {table.deleted}';
END IF;"""


def _verified(staging: Staging, hashing: Hashing, *, full: bool) -> str:
    """What was written is what the source has, by content.

    Rows that were not touched are those that the plan compared: `_unchanged` proved that none changed since.
    """
    relation, difference = staging.table.relation, staging.table.difference
    hash_ = hashing.row(relation, "t")
    label = literal(relation.label)
    wrong = f"""SELECT string_agg(key, ', ') INTO _wrong FROM (SELECT s.key FROM {staging.rows} AS s
  LEFT JOIN {relation.quoted} AS t ON {staging.matches} WHERE {hash_} IS DISTINCT FROM s.hash LIMIT 5) AS w;
IF _wrong IS NOT NULL THEN
  RAISE EXCEPTION USING ERRCODE = '{UNVERIFIED}', MESSAGE = {label} || ': rows differ from the source after they were written: ' || _wrong;
END IF;"""
    if not full and staging.table.strategy is Strategy.ROWS:
        return wrong
    assert difference.sums is not None  # noqa: S101 - the plan hashes everything for these
    return f"""SELECT count(*), {total(hash_)} INTO _rows, _sum FROM {relation.quoted} AS t;
IF _rows <> {difference.rows[0]} OR _sum <> {difference.sums[0]} THEN
  {wrong}
  RAISE EXCEPTION USING ERRCODE = '{UNVERIFIED}', MESSAGE = {label} || ' differs from the source after it was written';
END IF;"""


def sequences(staging: Staging) -> str:
    """Sequences are only ever raised: a visitor's row may have taken a number already."""
    columns = {c.name: c.quoted for c in staging.table.relation.columns}
    return "\n".join(
        f"PERFORM setval({literal(sequence)}, m) FROM (SELECT max({columns[column]}) AS m"
        f" FROM {staging.table.relation.quoted}) AS x, {sequence} WHERE m >= last_value;"
        for sequence, column in staging.table.relation.sequences
        if column in columns
    )


def forget(limits: Limits) -> str:
    """SQL that drops the undo images of promotions that are too old."""
    return (
        "DELETE FROM control.promotion_undo WHERE promotion_id IN"
        f" (SELECT id FROM control.promotions ORDER BY id DESC OFFSET {limits.keep});"
    )


def remember() -> str:
    """SQL that completes the ledger's row: seconds under the lock, and the transaction's own id."""
    return """UPDATE control.promotions SET
  seconds = seconds || jsonb_build_object('locked', round(extract(epoch FROM clock_timestamp() - _begun), 3)),
  known = jsonb_set(known, '{destination}', coalesce(known->'destination', '{}')
    || jsonb_build_object('xid', pg_current_xact_id()::text::bigint))
WHERE id = _promotion;"""
