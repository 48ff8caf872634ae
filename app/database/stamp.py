"""The stamp: a database says itself which environment it is, bound to its physical identity."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

from settings import DatabaseTarget


@dataclass(frozen=True)
class Identity:
    """What no copy of a database shares with it (a physical clone does: see docs/guards.md).

    Attributes:
        system_identifier: of the cluster; None where the role may not read it.
        database_oid: survives a rename, not a restore.
        database_name: survives a restore, not a rename.
    """

    system_identifier: int | None
    database_oid: int
    database_name: str

    def __str__(self) -> str:
        """For people."""
        cluster = (
            "an unreadable system identifier" if self.system_identifier is None else self.system_identifier
        )
        return f"database {self.database_name!r} (oid {self.database_oid}, cluster {cluster})"

    def matches(self, other: "Identity") -> bool:
        """Whether both name one database, as far as both are known."""
        clusters = {self.system_identifier, other.system_identifier} - {None}
        return len(clusters) <= 1 and (self.database_oid, self.database_name) == (
            other.database_oid,
            other.database_name,
        )


@dataclass(frozen=True)
class Stamp:
    """Which environment a database was declared to be, and which database that was."""

    environment: DatabaseTarget
    stamp_id: UUID
    identity: Identity

    def __str__(self) -> str:
        """For people."""
        return f"{self.environment}, stamp {self.stamp_id}, {self.identity}"


@dataclass(frozen=True)
class Declaration:
    """What a database says of itself.

    Attributes:
        identity: what it physically is.
        stamp: what it was declared to be; None without a stamp that this role can read.
    """

    identity: Identity
    stamp: Stamp | None


_WHAT_IS_READABLE: Final = """
    SELECT has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE'),
           CASE WHEN has_schema_privilege(to_regnamespace('control'), 'USAGE')
                THEN has_table_privilege(to_regclass('control.stamp'), 'SELECT') END
"""
_COLUMNS: Final = "s.environment, s.stamp_id::text, s.system_identifier, s.database_oid, s.database_name"
_DECLARATION: Final = """
    SELECT {cluster}, d.oid::bigint, d.datname, {columns}
    FROM pg_catalog.pg_database d {stamp}
    WHERE d.datname = current_database()
"""
_CLUSTER: Final = "(SELECT system_identifier FROM pg_control_system())"
_NO_COLUMNS: Final = "NULL, NULL, NULL, NULL, NULL"


def declaration_of(cursor: Cursor) -> Declaration:
    """What the connected database says of itself, in two round trips; needs no privilege at all."""
    cursor.execute(_WHAT_IS_READABLE)
    cluster_readable, stamp_readable = cursor.fetchone() or (False, False)
    cursor.execute(
        _DECLARATION.format(
            cluster=_CLUSTER if cluster_readable else "NULL::bigint",
            columns=_COLUMNS if stamp_readable else _NO_COLUMNS,
            stamp="LEFT JOIN control.stamp s ON true" if stamp_readable else "",
        )
    )
    return _declaration(cursor.fetchone())


def _declaration(row: tuple[Any, ...] | None) -> Declaration:
    assert row is not None  # noqa: S101 - a connected database has its row in pg_database
    cluster, oid, name, environment, stamp_id, *declared = row
    identity = Identity(_integer(cluster), oid, name)
    if environment is None:
        return Declaration(identity, None)
    return Declaration(
        identity,
        Stamp(
            DatabaseTarget(environment),
            UUID(stamp_id),
            Identity(_integer(declared[0]), declared[1], declared[2]),
        ),
    )


def _integer(value: Any) -> int | None:
    return None if value is None else int(value)


def hold_stamp(cursor: Cursor, known: Identity) -> Declaration:
    """Read the stamp and keep it from being replaced until this transaction ends; one round trip.

    Args:
        cursor: in the transaction.
        known: the database's identity as it was read when the session began.
    """
    cursor.execute(
        _DECLARATION.format(cluster="%s", columns=_COLUMNS, stamp=", control.stamp s") + "FOR SHARE OF s",
        (known.system_identifier,),
    )
    row = cursor.fetchone()
    return Declaration(known, None) if row is None else _declaration(row)
