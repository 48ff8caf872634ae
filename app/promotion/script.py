"""The one message that changes production: undo images, lock, check, apply, verify, ledger, COMMIT.

It needs no client while the lock is held, so the lock's time does not depend on the round trip and a client
that dies cannot leave it held.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.promotion.catalog import Side, parts
from app.promotion.hashing import Hashing
from app.promotion.ledger import Entry
from app.promotion.proof import UNVERIFIED, disturbed, verified
from app.promotion.quoting import dollar_quoted, literal
from app.promotion.staging import Staging
from app.promotion.statement import change_all, park

STALE: Final = "DP001"
"""SQLSTATE: the destination changed after the plan was made."""
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
    """Everything from finding the rows to COMMIT.

    What is read before the lock is what is there under it, or the check finds that it is not.

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
        f"{entry.insert()} RETURNING id INTO _promotion;",
        entry.insert_run(),
        *(_undo(staging) for staging in stagings),
        forget(limits),
        lock(stagings, limits),
        *(_unchanged(staging, destination) for staging in stagings),
        *(park(staging) for staging in stagings if staging.parking and staging.table.updated),
        change_all(stagings, hashing),
        *(_counted(staging) for staging in stagings),
        disturbed(stagings),
        *(verified(staging, hashing, f"NOT {_older(destination)}", full=full) for staging in stagings),
        *(sequences(staging) for staging in stagings if staging.table.inserted),
        before_commit,
        remember(),
    ]
    counters = " ".join(
        f"_d{s.number} bigint; _r{s.number} bigint; _u{s.number} bigint; _i{s.number} bigint; _w{s.number} bigint;"
        for s in stagings
    )
    find = " ".join(staging.find(hashing) for staging in stagings)
    block = "\n".join(step for step in steps if step)
    body = dollar_quoted(
        "\nDECLARE _promotion bigint; _rows bigint; _newer bigint; _sum bigint; _wrong text; _disturbed boolean;"
        f" _at bigint := 0; _n bigint; _begun timestamptz; {counters}\nBEGIN\n{block}\nEND\n"
    )
    return (
        # A sample of 300 rows tells the planner enough. Reading rows by their places is always cheaper than a scan.
        f"SET LOCAL default_statistics_target = 1; {find}"
        f" SET LOCAL random_page_cost = 0; SET LOCAL lock_timeout = '{limits.lock_timeout}s';"
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
    """No row version is younger than the plan's snapshot, none has gone, and all are where they were."""
    table = staging.table
    name, files = literal(table.relation.quoted), ",".join(map(str, table.relation.files))
    return f"""IF '{{{files}}}' <> (SELECT array_agg(coalesce(pg_relation_filenode(o), 0) ORDER BY o)
    FROM {parts(f"{name}::regclass")} AS p) THEN
  RAISE EXCEPTION USING ERRCODE = '{STALE}', MESSAGE = {literal(table.relation.label)} || ' was rewritten after the plan was made';
END IF;
SELECT count(*), count(*) FILTER (WHERE NOT {_older(destination)}) INTO _rows, _newer FROM {table.relation.quoted} AS t;
IF _rows <> {table.difference.rows[1]} OR _newer > 0 THEN
  RAISE EXCEPTION USING ERRCODE = '{STALE}', MESSAGE = {literal(table.relation.label)} || ' changed after the plan was made: '
    || _rows || ' rows instead of {table.difference.rows[1]}, ' || _newer || ' of them new';
END IF;"""


def _older(destination: Side) -> str:
    """SQL: row version `t` was there when the plan was made."""
    last = (destination.last_promotion or {}).get("known", {}).get("destination", {}).get("xid")
    older = f"age(t.xmin) > (SELECT age('{destination.snapshot_xmin % 2**32}'::xid))"
    return older if last is None else f"({older} OR t.xmin = '{int(last) % 2**32}'::xid)"


def _undo(staging: Staging) -> str:
    relation = staging.table.relation
    begin = (
        "INSERT INTO control.promotion_undo"
        " (promotion_id, position, table_name, operation, row_key, before, after_hash)"
        f" SELECT _promotion, _at + row_number() OVER (), {literal(relation.quoted)}"
    )
    end = "GET DIAGNOSTICS _n = ROW_COUNT; _at := _at + _n;"
    parts = []
    if staging.table.deleted:
        parts.append(
            f"{begin}, 'delete', {relation.key_text('t')}, {relation.texts('t')}, NULL"
            f" FROM {relation.quoted} AS t JOIN {staging.gone} AS g ON t.ctid = g.at AND t.tableoid = g.part; {end}"
        )
    if staging.table.updated:
        parts.append(
            f"{begin}, 'update', {relation.key_text('t')}, {relation.texts('t')}, f.hash"
            f" FROM {relation.quoted} AS t JOIN {staging.found} AS f ON t.ctid = f.at AND t.tableoid = f.part; {end}"
        )
    if staging.table.inserted:
        parts.append(
            f"{begin}, 'insert', f.key, NULL, f.hash FROM {staging.found} AS f WHERE f.at IS NULL; {end}"
        )
    return "\n".join(parts)


def _counted(staging: Staging) -> str:
    """As many rows were touched as the plan says."""
    n, table = staging.number, staging.table
    updated = f"_u{n} + _r{n}"
    return f"""IF _d{n} <> {table.deleted} OR {updated} <> {table.updated} OR _i{n} <> {table.inserted} THEN
  RAISE EXCEPTION USING ERRCODE = '{UNVERIFIED}', MESSAGE = {literal(table.relation.label)} || ': '
    || _i{n} || ' rows inserted, ' || ({updated}) || ' updated, ' || _d{n} || ' deleted instead of'
    ' {table.inserted}, {table.updated}, {table.deleted}';
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
        # Not IN: that reads every image.
        "DELETE FROM control.promotion_undo WHERE promotion_id <="
        f" (SELECT id FROM control.promotions ORDER BY id DESC OFFSET {limits.keep} LIMIT 1);"
    )


def remember() -> str:
    """SQL that completes the ledger's row: seconds under the lock, and the transaction's own id."""
    return """UPDATE control.promotions SET
  seconds = seconds || jsonb_build_object('locked', round(extract(epoch FROM clock_timestamp() - _begun), 3)),
  known = jsonb_set(known, '{destination}', coalesce(known->'destination', '{}')
    || jsonb_build_object('xid', pg_current_xact_id()::text::bigint))
WHERE id = _promotion;"""
