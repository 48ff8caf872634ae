"""The first copy into empty tables: rows go straight into them, and are checked before COMMIT.

Nobody sees them before that, and nobody writes a table that was never filled, so there is nothing to compare
with, no staging and one undo image for the whole table.
"""

from collections.abc import Sequence

from app.promotion.hashing import Hashing, total
from app.promotion.ledger import Entry
from app.promotion.proof import UNVERIFIED
from app.promotion.quoting import dollar_quoted, literal
from app.promotion.script import Limits, forget, lock, remember, sequences
from app.promotion.staging import Staging


def first_copy_message(entry: Entry, stagings: Sequence[Staging], hashing: Hashing, limits: Limits) -> str:
    """Everything from LOCK to COMMIT, for rows that were copied already.

    Args:
        entry: the ledger's row.
        stagings: the copied tables; their differences have the sums of the source's hashes.
        hashing: of the plan.
        limits: of waiting.
    """
    # CREATE TABLE AS and not SELECT INTO a variable: only the former may use parallel workers.
    sums = " ".join(
        f"CREATE TEMP TABLE copied_{s.number} ON COMMIT DROP AS SELECT count(*) AS rows,"
        f" {total(hashing.row(s.table.relation, 't'))} AS sum FROM {s.table.relation.quoted} AS t;"
        for s in stagings
    )
    block = "\n".join([
        "_begun := current_setting('dance.begun')::timestamptz;",
        f"{entry.insert()} RETURNING id INTO _promotion;",
        entry.insert_run(),
        *(_checked(staging, f"SELECT rows, sum INTO _rows, _sum FROM pg_temp.copied_{staging.number};") for staging in stagings),
        *(sequences(staging) for staging in stagings),
        forget(limits),
        remember(),
    ])  # fmt: skip
    body = dollar_quoted(
        f"\nDECLARE _promotion bigint; _rows bigint; _sum bigint; _begun timestamptz;\nBEGIN\n{block}\nEND\n"
    )
    return (
        f"SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL lock_timeout = '{limits.lock_timeout}s';"
        f" DO $lock$\nDECLARE _begun timestamptz;\nBEGIN\n{lock(stagings, limits)}\n"
        "PERFORM set_config('dance.begun', _begun::text, true);\nEND\n$lock$;"
        f" {sums} DO {body}; COMMIT"
    )


def copied(stagings: Sequence[Staging], hashing: Hashing) -> str:
    """The same checks for the block of another message: some tables were copied, others change in their rows."""
    return "\n".join(
        f"""{
            _checked(
                staging,
                f"SELECT count(*), {total(hashing.row(staging.table.relation, 't'))} INTO _rows, _sum"
                f" FROM {staging.table.relation.quoted} AS t;",
            )
        }
{sequences(staging)}"""
        for staging in stagings
    )


def _checked(staging: Staging, sums: str) -> str:
    """The table holds the source's rows and no others; one undo image stands for all of them."""
    table = staging.table
    assert table.difference.sums is not None  # noqa: S101 - hashed while they were copied
    label = literal(table.relation.label)
    # Its position is negative: those of other images count from 1.
    return f"""{sums}
IF _rows <> {table.difference.rows[0]} OR _sum <> {table.difference.sums[0]} THEN
  RAISE EXCEPTION USING ERRCODE = '{UNVERIFIED}', MESSAGE = {label} || ' differs from the source after it was copied: '
    || _rows || ' rows instead of {table.difference.rows[0]}, or other content';
END IF;
INSERT INTO control.promotion_undo (promotion_id, position, table_name, operation, row_key, before, after_hash)
VALUES (_promotion, {-1 - staging.number}, {literal(table.relation.quoted)}, 'fill', _rows::text, NULL, _sum);"""
