"""`dance stamp`: declare which environment a database is."""

from hashlib import sha256
from typing import Annotated

import typer

from app.cli import consent
from app.database.engines import open_permitted
from app.database.handles import WritableDatabase
from app.database.origin import origin
from app.database.overrides import record_override
from app.database.permits import Purpose, grant
from app.database.stamp import Declaration
from app.database.stamping import AlreadyStampedError, put_stamp, replace_stamp
from app.errors import Refused
from settings import DatabaseTarget, Settings


class ReasonMissingError(Refused):
    """Nothing was changed: production's stamp, and any replaced one, is recorded with a reason. Add --reason."""


class NoSchemaError(Refused):
    """There is no place for a stamp yet: this database has no schema. Run `dance migrate` first."""


class ChangedMeanwhileError(Refused):
    """Nothing was changed: the database is not as it was shown. Run `dance stamp` again."""


def command(
    *,
    production: Annotated[
        bool, typer.Option("--production", help="Stamp production, whatever the target is.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a stamp: this is a restored, cloned or renamed copy.")
    ] = False,
    confirm: Annotated[
        str | None, typer.Option(metavar="DIGEST", help="Consent to exactly what was shown.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why; kept in the database.")] = None,
) -> None:
    """Declare which environment a database is.

    Shows what the URL stands for, what it leads to, and the stamp that is there. The consent names
    exactly that, so that one which was written down somewhere is good for nothing else.
    """
    database = _open(Settings(), production=production)
    shown = _declaration(database)
    there = shown.stamp
    typer.echo(f"The URL stands for  {database.environment}")
    typer.echo(f"It leads to         {shown.identity} at {database.label}")
    typer.echo(f"Its stamp says      {there or 'nothing: there is none'}")
    if there and there.environment is database.environment and there.identity.matches(shown.identity):
        typer.echo("That is right: nothing to do.")
        return
    if there and not replace:
        raise AlreadyStampedError
    if reason is None and (there or database.environment is DatabaseTarget.RENDER_PROD):
        raise ReasonMissingError
    consent.obtain(
        f"{'Replace the stamp' if there else 'Stamp it'}: {shown.identity} is {database.environment} from now on.",
        expected=_digest(database, shown),
        given=confirm,
    )
    with database.write() as transaction:
        if transaction.declaration() != shown:
            raise ChangedMeanwhileError
        stamp = (replace_stamp if there else put_stamp)(transaction, who=origin().who)
        record_override(
            transaction,
            action="stamp",
            reason=reason or "first stamp",
            detail={"before": str(there) if there else None, "after": str(stamp)},
        )
    typer.echo(f"Stamped: {stamp}.")


def _open(settings: Settings, *, production: bool) -> WritableDatabase:
    permit = grant(Purpose.STAMPING, DatabaseTarget.RENDER_PROD if production else settings.database.target)
    return open_permitted(settings.database, permit, process="stamp", connections=settings.connections)


def _declaration(database: WritableDatabase) -> Declaration:
    with database.read() as transaction:
        with transaction.cursor() as cursor:
            cursor.execute("SELECT to_regclass('control.stamp') IS NOT NULL")
            if cursor.fetchone() != (True,):
                raise NoSchemaError
        return transaction.declaration()


def _digest(database: WritableDatabase, shown: Declaration) -> str:
    return sha256(f"{database.environment} {shown.identity} {shown.stamp}".encode()).hexdigest()[:12]
