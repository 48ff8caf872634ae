"""Alembic's entry: migrates the connection that app/database/schema.py hands over."""

from alembic import context

from app.database.schema import configuration_of, scope_of
from app.database.tables import metadata

connection, environment = configuration_of(context.config)
context.configure(connection=connection, target_metadata=metadata, **scope_of(environment))
with context.begin_transaction():
    context.run_migrations()
