"""Who a table belongs to: the owner decides where the table exists and who may write it (DR012)."""

from enum import StrEnum
from typing import Final

from sqlalchemy import Column, DateTime, MetaData, Table, func

CONTROL: Final = "control"
"""The schema of what describes a database rather than the events in it."""

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)


class Owner(StrEnum):
    """Who a table belongs to (DR012)."""

    PIPELINE = "pipeline"
    """Written by the pipeline in a working database, promoted to production."""
    PIPELINE_PRIVATE = "pipeline-private"
    """Written by the pipeline, never leaves a working database, does not exist in production."""
    WEB = "web"
    """Written by the web service in production; promotion neither reads nor writes it."""
    SYSTEM = "system"
    """Describes the database itself: its stamp and its ledgers."""


class UnownedTableError(Exception):
    """A table says nothing of its owner. Give it info={"owner": Owner...} in app/database/tables/."""


def owner_of(table: Table) -> Owner:
    """The owner of a table.

    Raises:
        UnownedTableError: the table's `info` names none.
    """
    owner = table.info.get("owner")
    if not isinstance(owner, Owner):
        raise UnownedTableError(f"{table.fullname}: {UnownedTableError.__doc__}")
    return owner


def tables_of(*owners: Owner) -> list[Table]:
    """The tables of these owners, parents before the tables that reference them."""
    return [table for table in metadata.sorted_tables if owner_of(table) in owners]


def instant(name: str, *, nullable: bool = False, default_now: bool = False) -> Column[object]:
    """A column that holds an instant: a time with its zone."""
    return Column(
        name,
        DateTime(timezone=True),
        nullable=nullable,
        server_default=func.now() if default_now else None,
    )
