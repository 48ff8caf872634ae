"""`dance migrate`: the schema of the active target, or of production when it is named and confirmed."""

from typing import Annotated

import typer

from app.cli import consent
from app.database.engines import open_production_writer, open_writer
from app.database.handles import WritableDatabase
from app.database.permits import Purpose, grant
from app.database.schema import migrate, newest_revision
from settings import DatabaseTarget, Settings


def command(
    *,
    production: Annotated[bool, typer.Option("--production", help="Migrate production.")] = False,
    confirm: Annotated[
        str | None,
        typer.Option(metavar="REVISION", help="Consent for production: the revision that it will have."),
    ] = None,
) -> None:
    """Bring a database's schema to the newest revision.

    The active target needs no consent. Production has to be named and confirmed with the revision,
    so that a consent written down somewhere is good for one migration only.
    """
    everything = Settings()
    settings, connections = everything.database, everything.connections
    if production or settings.target is DatabaseTarget.RENDER_PROD:
        permit = grant(Purpose.MIGRATION, DatabaseTarget.RENDER_PROD)
        database: WritableDatabase = open_production_writer(
            settings, permit, process="migrate", connections=connections
        )
        consent.obtain(
            f"Migrate production ({database.label}) to revision {newest_revision()}.",
            expected=newest_revision(),
            given=confirm,
        )
    else:
        database = open_writer(
            settings,
            process="migrate",
            permit=grant(Purpose.MIGRATION, settings.target),
            connections=connections,
        )
    before, after = migrate(database)
    where = f"{database.environment} ({database.label})"
    if before == after:
        typer.echo(f"{where} is at revision {after} already: nothing to do.")
    else:
        typer.echo(f"{where}: {before or 'empty'} → {after}.")
