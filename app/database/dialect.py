"""SQLAlchemy's dialect, told by libpq what it would ask the server: six round trips less for each new engine."""

from typing import Any, Final

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2

DRIVER: Final = "postgresql+psycopg2_told"
"""The driver's name in an engine's URL that selects this dialect."""


class ToldDialect(PGDialect_psycopg2):
    """Takes version and string syntax from what the server reported when the connection was made.

    The methods are SQLAlchemy's hooks for dialects of descendants of PostgreSQL.
    """

    supports_statement_cache = True

    def _get_server_version_info(self, connection: Any) -> tuple[int, ...]:
        version: int = connection.connection.driver_connection.info.server_version
        return divmod(version, 10_000)

    def _get_default_schema_name(self, connection: Any) -> str:  # noqa: ARG002 - SQLAlchemy's signature
        return "public"

    def get_default_isolation_level(self, dbapi_conn: Any) -> Any:  # noqa: ARG002 - SQLAlchemy's signature
        """PostgreSQL's own default; what asks for another says so."""
        return "READ COMMITTED"

    def _set_backslash_escapes(self, connection: Any) -> None:
        info = connection.connection.driver_connection.info
        self._backslash_escapes = info.parameter_status("standard_conforming_strings") == "off"


registry.register("postgresql.psycopg2_told", __name__, ToldDialect.__name__)
