"""Applying a plan: stage, one message, and when the link was lost, find out what became of it."""

import time
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

import psycopg2
from psycopg2 import errorcodes
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

from app.database.failures import DatabaseUnreachableError
from app.database.handles import WritableDatabase
from app.errors import AppError, TemporaryFailure
from app.promotion.catalog import PINNED
from app.promotion.hashing import Hashing
from app.promotion.proof import UNVERIFIED
from app.promotion.script import STALE
from app.promotion.staging import Staging
from app.promotion.transfer import Moved, copy_rows
from app.promotion.waiting import at_once

LOCK: Final = "hashtext('dance promotion')"
"""SQL for the advisory lock that one promotion at a time holds on its destination."""
_SETTLING: Final = 30.0
"""Seconds to go on asking what became of a COMMIT."""


class AlreadyRunningError(TemporaryFailure):
    """Another promotion is running. Wait until it has ended, then try again."""


class StalePlanError(TemporaryFailure):
    """Production changed after the plan was made; nothing was written. Plan again."""


class UnverifiedError(AppError):
    """What was written differs from the source; everything was rolled back. A trigger of production may have changed it."""


class StatementTimeoutError(TemporaryFailure):
    """Production was too slow; nothing was written. Try again when it has less to do, or raise DATABASE_STATEMENT_TIMEOUT."""


class ConstraintError(AppError):
    """A constraint of production refuses the plan's rows; nothing was written. Mend the rows or the constraint."""


_REMEDIES: Final = {
    errorcodes.UNIQUE_VIOLATION: "If rows only swap these values, declare the constraint DEFERRABLE: a foreign key acts"
    " on the deletion of such a row, so it cannot be deleted and inserted again. Else mend the rows.",
    errorcodes.EXCLUSION_VIOLATION: "If rows only swap these values, declare the constraint DEFERRABLE. Else mend the rows.",
    errorcodes.FOREIGN_KEY_VIOLATION: "Keep the row that is referenced in the working database, or mend what references it.",
    errorcodes.CHECK_VIOLATION: "Mend the rows in the working database, or the constraint.",
    errorcodes.NOT_NULL_VIOLATION: "Mend the rows in the working database, or the column.",
}
"""SQLSTATE to remedy."""


class UnknownOutcomeError(TemporaryFailure):
    """The link was lost during COMMIT and production does not answer. `dance promotions` will say what became of it."""


def stage_and_run(
    production: WritableDatabase,
    source: Cursor | None,
    stagings: Sequence[Staging],
    hashing: Hashing,
    *,
    script: Callable[[], str],
    run_id: UUID,
    moved: Moved,
    phase: Callable[[str], None],
    fill: str = "",
) -> None:
    """Stage the changes in production's session and send the message that applies them.

    Args:
        production: to be changed.
        source: gives the rows; None when `fill` takes them from production itself.
        stagings: what to stage.
        hashing: of the plan.
        script: gives the message, when everything is staged.
        run_id: of the ledger's row that the message writes.
        moved: told of rows and bytes on their way.
        phase: told what happens now.
        fill: SQL that fills the staging tables from production.

    Raises:
        AlreadyRunningError: another promotion holds the lock.
        StalePlanError: production is not what the plan saw.
        UnverifiedError: the result is not what the plan says.
        StatementTimeoutError: production was too slow.
        ConstraintError: a constraint that the source does not have refuses the rows.
        UnknownOutcomeError: nobody can say whether it was committed.
        TemporaryFailure: the link was lost, or a lock or timeout ended the transaction; nothing was written.
    """
    sent = False
    try:
        with production.write() as transaction, transaction.cursor() as cursor:
            phase("stage")
            at_once(lambda c: _prepare(c, stagings, hashing, fill), [cursor])
            if source is not None:
                for staging in stagings:
                    if staging.table.sends:
                        _copy(source, cursor, staging, hashing, moved)
            text = script()
            phase("apply")
            sent = True
            at_once(lambda c: _run(c, text), [cursor])
    except DatabaseUnreachableError:
        if not sent or not settled(production, run_id):
            raise


def _prepare(cursor: Cursor, stagings: Sequence[Staging], hashing: Hashing, fill: str) -> None:
    creates = " ".join(staging.create(hashing) for staging in stagings)
    cursor.execute(
        f"{PINNED}; SET LOCAL application_name = 'dance promotion: stage'; SET CONSTRAINTS ALL DEFERRED; {creates} {fill}"
        f" SELECT pg_try_advisory_xact_lock({LOCK})"
    )
    row = cursor.fetchone()
    if row is None or not row[0]:
        cursor.execute(
            "SELECT usename, coalesce(host(client_addr), 'a socket'), backend_start::timestamp(0), application_name"
            " FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND granted"
            f" AND objid = ({LOCK}::bigint & 4294967295)::oid"
        )
        holder = cursor.fetchone()
        who = "by {} from {} since {} UTC ({})".format(*holder) if holder else "that has just ended"
        raise AlreadyRunningError(
            f"Another promotion is running, {who}. Wait until it has ended, then try again."
        )


def _copy(source: Cursor, cursor: Cursor, staging: Staging, hashing: Hashing, moved: Moved) -> None:
    def copy(_: Cursor) -> None:
        copy_rows(source, staging.queries(hashing), cursor, staging.into, moved)

    at_once(copy, [cursor])


def _run(cursor: Cursor, script: str) -> None:
    try:
        cursor.execute(f"SET LOCAL application_name = 'dance promotion: apply'; {script}")
    except psycopg2.Error as error:
        said = str(error).split("\nCONTEXT")[0].strip()
        if error.pgcode == STALE:
            raise StalePlanError(f"{said}\nNothing was written. Plan again.") from error
        if error.pgcode == UNVERIFIED:
            raise UnverifiedError(f"{said}\n{UnverifiedError.__doc__}") from error
        if error.pgcode == errorcodes.QUERY_CANCELED and "statement timeout" in said:
            raise StatementTimeoutError(f"{said}\n{StatementTimeoutError.__doc__}") from error
        if remedy := _REMEDIES.get(error.pgcode or ""):
            raise ConstraintError(
                f"{error.diag.table_name}: production's constraint {error.diag.constraint_name} refuses this: {said}\n"
                f"Nothing was written. {remedy}"
            ) from error
        raise


def settled(production: WritableDatabase, run_id: UUID) -> bool:
    """Whether a message whose answer was lost was committed: the ledger has its row, or never will.

    The promotion's advisory lock is waited for first: while the lost session still works, it holds it.

    Raises:
        UnknownOutcomeError: production did not answer for half a minute.
    """
    deadline = time.monotonic() + _SETTLING
    while True:
        try:
            with production.write() as transaction, transaction.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = '5s'; SELECT pg_advisory_xact_lock({LOCK})")
                cursor.execute("SELECT count(*) FROM control.promotions WHERE run_id = %s", (str(run_id),))
                row = cursor.fetchone()
                return row is not None and row[0] == 1
        except TemporaryFailure as error:
            if time.monotonic() > deadline:
                raise UnknownOutcomeError from error
            time.sleep(0.2)
