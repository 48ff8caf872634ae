"""Which revision a database's schema has, and moving it to the newest."""

from pathlib import Path
from typing import Any

from alembic import command, op
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Table, text
from sqlalchemy.schema import SchemaItem

from app.database.handles import WritableDatabase
from app.database.overrides import record_override
from app.database.tables import CONTROL, Owner, metadata, owner_of
from settings import DatabaseTarget

_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = "pg_advisory_xact_lock(hashtext('dance migrate'))"


def newest_revision() -> str:
    """The revision that this version of the code expects."""
    head = ScriptDirectory(str(_MIGRATIONS)).get_current_head()
    assert head is not None  # noqa: S101 - there is a first migration
    return head


def migrate(database: WritableDatabase) -> tuple[str | None, str]:
    """Bring a database to the newest revision, in one transaction.

    Production lacks the tables that never leave a working database.

    Returns:
        The revision before and after; the same when there was nothing to do.

    Raises:
        AppError: a statement failed; the schema is as it was.
    """
    with database.write() as transaction:
        transaction.allow(None)  # lock_timeout still keeps it from standing in anyone's way
        connection = transaction.connection
        connection.execute(text(f"SELECT {_LOCK}"))
        before = revision_of(connection)
        if before != newest_revision():
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {CONTROL}"))
            command.upgrade(_configuration(connection, database.environment), "head")
            if database.environment is DatabaseTarget.RENDER_PROD:
                detail = {"from": before, "to": newest_revision()}
                record_override(
                    transaction, action="migrate", reason="confirmed by its revision", detail=detail
                )
        return before, newest_revision()


def revision_of(connection: Connection) -> str | None:
    """The revision that a database has, None before its first migration."""
    context = MigrationContext.configure(connection, opts={"version_table_schema": CONTROL})
    return context.get_current_revision()


def differences(connection: Connection, environment: DatabaseTarget) -> list[object]:
    """How a database's schema differs from the models; empty when it doesn't."""
    context = MigrationContext.configure(connection, opts=scope_of(environment))
    return list(compare_metadata(context, metadata))


def scope_of(environment: DatabaseTarget) -> dict[str, Any]:
    """What Alembic looks at in the databases of an environment: our two schemas, the tables that belong there."""
    return {
        "version_table_schema": CONTROL,
        "include_schemas": True,
        "include_name": lambda name, kind, _: kind != "schema" or name in (None, CONTROL),
        "include_object": lambda item, _name, kind, _reflected, _other: (
            kind != "table" or belongs_here(item, environment)
        ),
        "compare_server_default": True,
    }


def belongs_here(item: SchemaItem, environment: DatabaseTarget) -> bool:
    """Whether a table has its place in databases of an environment."""
    return not isinstance(item, Table) or exists_in(owner_of(metadata.tables[item.fullname]), environment)


def exists_in(owner: Owner, environment: DatabaseTarget) -> bool:
    """Whether an owner's tables exist in databases of an environment."""
    return owner is not Owner.PIPELINE_PRIVATE or environment is not DatabaseTarget.RENDER_PROD


def exists_here(owner: Owner) -> bool:
    """For migrations: whether an owner's tables exist in the database that is being migrated."""
    config = op.get_context().config
    assert config is not None  # noqa: S101 - env.py always has one
    return exists_in(owner, configuration_of(config)[1])


def configuration_of(config: Config) -> tuple[Connection, DatabaseTarget]:
    """What `migrate` handed to Alembic: the open connection and whose database it is."""
    return config.attributes["connection"], config.attributes["environment"]


def _configuration(connection: Connection, environment: DatabaseTarget) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes.update(connection=connection, environment=environment)
    return config
