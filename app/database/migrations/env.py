"""Alembic's entry: migrates the connection that app/database/schema.py hands over."""

from alembic import context

from app.database.schema import belongs_here, configuration_of
from app.database.tables import CONTROL, metadata

connection, environment = configuration_of(context.config)
context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table_schema=CONTROL,
    include_schemas=True,
    include_name=lambda name, kind, _: kind != "schema" or name in (None, CONTROL),
    include_object=lambda item, _name, kind, _reflected, _other: (
        kind != "table" or belongs_here(item, environment)
    ),
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
