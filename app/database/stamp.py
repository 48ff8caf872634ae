"""The stamp: a database says itself which environment it is, bound to its physical identity."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import Numeric, cast, func, insert, literal_column, select

from app.database import tables
from app.database.handles import ReadTransaction, WriteTransaction
from app.errors import Refused
from settings import DatabaseTarget


class AlreadyStampedError(Refused):
    """This database carries a stamp already. It is never overwritten silently: see `dance stamp --help`."""


@dataclass(frozen=True)
class Identity:
    """What no copy of a database shares with it (a physical clone does: see docs/guards.md)."""

    system_identifier: int
    database_oid: int
    database_name: str


@dataclass(frozen=True)
class Stamp:
    """Which environment a database was declared to be, and which database that was."""

    environment: DatabaseTarget
    stamp_id: UUID
    identity: Identity


def identity_of(transaction: ReadTransaction) -> Identity:
    """The connected database's own identity."""
    row = transaction.select(
        select(
            cast(literal_column("(SELECT system_identifier FROM pg_control_system())"), Numeric),
            literal_column("(SELECT oid::bigint FROM pg_database WHERE datname = current_database())"),
            func.current_database(),
        )
    ).one()
    return Identity(int(row[0]), int(row[1]), str(row[2]))


def stamp_of(transaction: ReadTransaction) -> Stamp | None:
    """The stamp that a database carries, None without one or before its first migration."""
    if transaction.select(select(func.to_regclass("control.stamp"))).scalar_one() is None:
        return None
    row = transaction.select(select(tables.stamp)).one_or_none()
    if row is None:
        return None
    return Stamp(
        DatabaseTarget(row.environment),
        row.stamp_id,
        Identity(int(row.system_identifier), row.database_oid, row.database_name),
    )


def put_stamp(transaction: WriteTransaction, *, who: str) -> Stamp:
    """Stamp a database with the environment that the transaction was opened for.

    Raises:
        AlreadyStampedError: it carries one.
    """
    if stamp_of(transaction) is not None:
        raise AlreadyStampedError
    stamp = Stamp(transaction.environment, uuid4(), identity_of(transaction))
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
