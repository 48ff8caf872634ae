"""The connection budget: what all processes may open, against what the server has."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Integer, cast, func, literal_column, select

from app.database.handles import ReadTransaction
from app.errors import AppError
from settings.connections import ConnectionSettings, Pool


class ConnectionBudgetError(AppError):
    """The processes together may open more connections than the server has. Lower DATABASE_POOL_SIZE, DATABASE_POOL_OVERFLOW or DATABASE_PROCESSES."""


@dataclass(frozen=True)
class Budget:
    """Connections that are wanted, and that the server has for this role.

    Attributes:
        wanted: processes x (pool size + overflow).
        available: `max_connections` less the reserved ones, or the database's or role's own limit.
    """

    wanted: int
    available: int

    @property
    def suffices(self) -> bool:
        """Whether every pool can be filled."""
        return self.wanted <= self.available


def budget(transaction: ReadTransaction, connections: ConnectionSettings) -> Budget:
    """Compare the connections that all processes may open with what the server grants this role.

    Behind a pooler, the server's own limit says nothing of the pooler's: the budget is the server's.
    """
    each = 1 if connections.pool is Pool.NONE else connections.pool_size + connections.pool_overflow
    unreserved = (
        _setting("max_connections")
        - _setting("superuser_reserved_connections")
        - func.coalesce(_setting("reserved_connections"), 0)  # from PostgreSQL 16 on
    )
    available = transaction.select(
        select(
            func.least(
                unreserved,
                _own_limit("SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user"),
                _own_limit(
                    "SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database()"
                ),
            )
        )
    ).scalar_one()
    return Budget(connections.processes * each, int(available))


def require_budget(transaction: ReadTransaction, connections: ConnectionSettings) -> None:
    """Refuse to start with pools that the server cannot serve.

    Raises:
        ConnectionBudgetError: with both figures.
    """
    found = budget(transaction, connections)
    if not found.suffices:
        raise ConnectionBudgetError(
            f"{found.wanted} connections wanted, the server has {found.available} for this role. "
            f"{ConnectionBudgetError.__doc__}"
        )


def _setting(name: str) -> ColumnElement[int]:
    return cast(func.current_setting(name, literal_column("true")), Integer)


def _own_limit(query: str) -> ColumnElement[int]:
    return literal_column(f"({query})", Integer)
