"""Giving a database its stamp, and replacing it."""

from uuid import uuid4

from sqlalchemy import insert

from app.database import tables
from app.database.handles import WriteTransaction
from app.database.stamp import Identity, Stamp
from app.errors import Refused


class AlreadyStampedError(Refused):
    """This database carries a stamp already, and a stamp is never overwritten silently. `dance stamp --replace` does it, with a reason."""


def put_stamp(transaction: WriteTransaction, *, who: str) -> Stamp:
    """Stamp a database with the environment that the transaction was opened for.

    Raises:
        AlreadyStampedError: it carries one.
    """
    found = transaction.declaration()
    if found.stamp is not None:
        raise AlreadyStampedError
    return _write(transaction, found.identity, who)


def replace_stamp(transaction: WriteTransaction, *, who: str) -> Stamp:
    """Declare anew what a database is: the stamp that it carries is another database's, or outdated.

    Waits for transactions that hold the old stamp, no longer than five seconds. Needs the owner of
    the table, because the trigger that keeps stamps has to step aside.

    Raises:
        TemporaryFailure: production is being written under the old stamp.
    """
    found = transaction.declaration()
    with transaction.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '5s'")
        cursor.execute("ALTER TABLE control.stamp DISABLE TRIGGER keep_stamp")
        cursor.execute("DELETE FROM control.stamp")
        cursor.execute("ALTER TABLE control.stamp ENABLE TRIGGER keep_stamp")
    return _write(transaction, found.identity, who)


def _write(transaction: WriteTransaction, identity: Identity, who: str) -> Stamp:
    stamp = Stamp(transaction.environment, uuid4(), identity)
    transaction.execute(
        insert(tables.stamp).values(
            environment=stamp.environment,
            stamp_id=stamp.stamp_id,
            system_identifier=stamp.identity.system_identifier,
            database_oid=stamp.identity.database_oid,
            database_name=stamp.identity.database_name,
            stamped_by=who,
        )
    )
    return stamp
