"""`dance rollback`: plan the inverse of a promotion, obtain consent, apply it."""

from typing import Annotated

import typer

from app.cli import consent
from app.cli.promote import limits_of, places
from app.cli.stopping import heeding_sigterm
from app.database.origin import origin
from app.promotion import report, rollback
from settings import Settings


def command(
    *,
    promotion: Annotated[
        int | None, typer.Argument(help="Its id in `dance promotions`; the newest when left out.")
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Show what would be undone and stop.")] = False,
    confirm: Annotated[
        str | None, typer.Option(metavar="DIGEST", help="Consent to the rollback with this digest.")
    ] = None,
) -> None:
    """Undo a promotion: its rows become what they were, what came later to other rows stays.

    Refused, with a list, when rows of it were changed again since. The next `dance promote` would bring
    the change back unless the working database changes too.
    """
    settings = Settings()
    with heeding_sigterm(), places(settings) as where:
        made = rollback.plan(where.production, promotion)
        for line in report.rollback_lines(made):
            typer.echo(line)
        if plan:
            return
        consent.obtain(
            f"Undo promotion {made.promotion['id']} in {made.destination.label}.",
            expected=made.digest,
            given=confirm,
        )
        with where.writable() as production:
            rollback.apply(made, production, origin=origin(), limits=limits_of(settings))
        typer.echo(f"Undone: promotion {made.promotion['id']}, verified.")
