"""`dance roles`: who may own, write and read a database."""

import os
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final

import typer
from sqlalchemy import make_url

from app.cli import consent
from app.database.engines import open_permitted
from app.database.handles import WritableDatabase
from app.database.overrides import record_override
from app.database.permits import Purpose, grant
from app.database.roles import OWNER, READER, WRITER, apply, set_password, statements_for
from app.errors import Refused
from settings import DatabaseSettings, DatabaseTarget, Settings

_VARIABLES: Final = {
    OWNER: "the URL for dance migrate",
    WRITER: "the URL that writes",
    READER: "RENDER_READER_DB_URL",
}


class FileThereError(Refused):
    """Nothing was changed: the file for the URLs exists. Name one that doesn't; it will hold passwords."""


def command(
    *,
    production: Annotated[
        bool, typer.Option("--production", help="Production's roles, whatever the target is.")
    ] = False,
    execute: Annotated[bool, typer.Option("--apply", help="Run the SQL, after consent.")] = False,
    urls: Annotated[
        Path | None,
        typer.Option(help="With --apply: a new file for the roles' URLs, with new passwords in it."),
    ] = None,
    confirm: Annotated[
        str | None, typer.Option(metavar="DIGEST", help="Consent to exactly the SQL that was shown.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; kept in the database.")] = "least privilege",
) -> None:
    r"""Print, or apply, the SQL for a role that owns a database, one that writes it and one that reads it.

    Without --urls the roles get no password: give them one with psql's \password.
    """
    settings = Settings()
    database = _open(settings, production=production)
    with database.read() as transaction:
        statements = statements_for(transaction)
    typer.echo(f"-- {database.environment} ({database.label})")
    typer.echo("\n".join(f"{statement};" for statement in statements))
    if not execute:
        return
    if urls is not None and urls.exists():
        raise FileThereError
    consent.obtain(
        f"Run this on {database.environment} ({database.label})"
        f"{' and change the passwords of the three roles' if urls else ''}.",
        expected=sha256("\n".join((database.label, str(urls), *statements)).encode()).hexdigest()[:12],
        given=confirm,
    )
    with database.write() as transaction:
        apply(transaction, statements)
        record_override(transaction, action="roles", reason=reason, detail={"statements": statements})
        if urls is not None:
            _write(
                urls,
                settings.database,
                database,
                {role: set_password(transaction, role) for role in _VARIABLES},
            )
    typer.echo(
        f"-- Applied.{f' The URLs are in {urls}: move them to where they belong and delete it.' if urls else ''}"
    )


def _open(settings: Settings, *, production: bool) -> WritableDatabase:
    permit = grant(Purpose.ROLES, DatabaseTarget.RENDER_PROD if production else settings.database.target)
    return open_permitted(settings.database, permit, process="roles", connections=settings.connections)


def _write(
    path: Path, settings: DatabaseSettings, database: WritableDatabase, passwords: dict[str, str]
) -> None:
    of_production = database.environment is DatabaseTarget.RENDER_PROD
    url = make_url((settings.production_url if of_production else settings.active_url).get_secret_value())
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        for role, password in passwords.items():
            own = url.set(drivername="postgresql", username=role, password=password)
            file.write(f"# {_VARIABLES[role]}\n{own.render_as_string(hide_password=False)}\n")
