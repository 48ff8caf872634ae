"""`dance promote`: plan what production would change, obtain consent, apply exactly that."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Annotated
from uuid import UUID

import typer

from app.cli.consent import ConsentMissingError, ask
from app.cli.moving import Moving
from app.cli.stopping import heeding_sigterm
from app.database.engines import open_production_reader, open_production_writer, open_reader
from app.database.guards import refuse_production
from app.database.handles import ReadOnlyDatabase, WritableDatabase
from app.database.origin import origin
from app.database.permits import Active, Production, Purpose, grant
from app.database.tables import Owner, tables_of
from app.errors import AppError
from app.promotion import promote, report
from app.promotion.guard import Tolerance, refuse
from app.promotion.plan import Plan, seed_of
from app.promotion.planning import Request
from app.promotion.script import Limits
from settings import DatabaseTarget, Settings


class NotADigestError(AppError):
    """This is not the digest of a plan. Copy it from the last line of `dance promote --plan`."""

    exit_status = 2


class NotAnOverrideError(AppError):
    """An override needs the gate's name and a reason: --override shrunk='the old season is over'."""

    exit_status = 2


@dataclass(frozen=True)
class Places:
    """The two databases of a promotion, and the second one to be written."""

    settings: Settings
    source: ReadOnlyDatabase[Active]
    production: ReadOnlyDatabase[Production]

    @contextmanager
    def writable(self) -> Iterator[WritableDatabase[Production]]:
        """Production, to be written by a promotion."""
        opened = open_production_writer(
            self.settings.database,
            grant(Purpose.PROMOTION, DatabaseTarget.RENDER_PROD),
            process="promotion",
            connections=self.settings.connections,
        )
        try:
            yield opened
        finally:
            opened.dispose()


def command(
    *,
    plan: Annotated[bool, typer.Option("--plan", help="Show the plan and stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --plan: print it as JSON.")] = False,
    confirm: Annotated[
        str | None, typer.Option(metavar="DIGEST", help="Consent to the plan with this digest.")
    ] = None,
    override: Annotated[
        list[str] | None, typer.Option(metavar="GATE=WHY", help="Pass a guard; the reason is recorded.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Compare every row, whatever is known.")] = False,
    verify: Annotated[
        str, typer.Option(metavar="touched|full", help="Before COMMIT, read back what was written, or all.")
    ] = "touched",
) -> None:
    """Plan what production would change, obtain consent, apply exactly that.

    Consent is the plan's digest, typed on a terminal or given with --confirm. Unattended, the variable
    PROMOTE_TO has to name the stamp id of the very production database that would change.
    """
    if verify not in ("touched", "full"):
        raise typer.BadParameter("touched or full", param_hint="--verify")
    settings = Settings()
    request = request_for(settings, override=override, full=full, verify_full=verify == "full")
    with places(settings) as where:
        if plan:
            made = promote.plan(where.source, where.production, request)
            if as_json:
                typer.echo(json.dumps(report.as_json(made), ensure_ascii=False, indent=2))
            else:
                show(made)
            refuse(made.findings, request.tolerance.overrides)
        else:
            run(where, request, confirm=confirm)


def promote_after_run(settings: Settings, *, run_id: UUID | None, confirm: str | None = None) -> bool:
    """The last step of `dance pipeline --promote`.

    Args:
        settings: of this process.
        run_id: of the pipeline run that this belongs to; the guard against unfinished runs leaves it out.
        confirm: the digest of a plan, when one was given.

    Returns:
        Whether production changed.

    Raises:
        AppError: it was refused, or it failed; production is unchanged.
    """
    with places(settings) as where:
        return run(where, request_for(settings, during=run_id), confirm=confirm)


@contextmanager
def places(settings: Settings) -> Iterator[Places]:
    """Both databases, opened to be read."""
    refuse_production(settings.database)
    source = open_reader(settings.database, process="promotion", connections=settings.connections)
    production = open_production_reader(
        settings.database, process="promotion", connections=settings.connections
    )
    try:
        yield Places(settings, source, production)
    finally:
        source.dispose()
        production.dispose()


def request_for(
    settings: Settings,
    *,
    override: list[str] | None = None,
    full: bool = False,
    verify_full: bool = False,
    during: UUID | None = None,
) -> Request:
    """What to promote: the tables that the pipeline owns, with the tolerances of the settings."""
    return Request(
        tables=[(table.schema or "public", table.name) for table in tables_of(Owner.PIPELINE)],
        tolerance=Tolerance(
            shrink=settings.promotion.max_shrink,
            change=settings.promotion.max_change,
            during=during,
            overrides=overrides(override or []),
        ),
        full=full,
        verify_full=verify_full,
    )


def overrides(given: list[str]) -> Mapping[str, str]:
    """Gate to reason.

    Raises:
        NotAnOverrideError: one has no reason.
    """
    pairs = [text.partition("=") for text in given]
    if any(not gate.strip() or not why.strip() for gate, _, why in pairs):
        raise NotAnOverrideError
    return {gate.strip(): why.strip() for gate, _, why in pairs}


def run(where: Places, request: Request, *, confirm: str | None) -> bool:
    """Plan, obtain consent, apply; tell what happened.

    Returns:
        Whether production changed.
    """
    pinned = where.settings.promotion.promote_to
    seed = seed_of(confirm) if confirm else None
    if confirm and seed is None:
        raise NotADigestError
    with heeding_sigterm(), Moving() as moving:
        request = replace(request, phase=moving.phase, moved=moving.moved)
        if not confirm and pinned is None and sys.stdin.isatty():
            confirm, seed = _ask(where, request, moving)
            if confirm is None:
                return False

        def consent(plan: Plan) -> None:
            moving.pause()
            show(plan)
            _check(plan, confirm=confirm, pinned=pinned)
            moving.rows_to_send, moving.bytes_to_send = report.to_send(plan)

        # One connection for the plan and the change: another would cost a laptop a dozen round trips.
        with where.writable() as production:
            outcome = promote.promote(
                where.source,
                production,
                request,
                origin=origin(),
                consent=consent,
                limits=limits_of(where.settings),
                seed=seed,
            )
    if outcome.changed:
        typer.echo(report.done(outcome.plan, outcome.seconds))
    else:
        show(outcome.plan)
    return outcome.changed


def limits_of(settings: Settings) -> Limits:
    """How long production may be kept waiting, and what it keeps."""
    return Limits(
        lock_timeout=settings.promotion.lock_timeout,
        lock_attempts=settings.promotion.lock_attempts,
        keep=settings.promotion.keep_undo,
    )


def _ask(where: Places, request: Request, moving: Moving) -> tuple[str | None, int | None]:
    """Show a plan on the terminal and ask for its digest; nothing stays open meanwhile."""
    plan = promote.plan(where.source, where.production, request)
    moving.pause()
    show(plan)
    refuse(plan.findings, request.tolerance.overrides)
    if not plan.changes:
        return None, None
    typed = ask("Type the plan's digest to apply it")
    if typed != plan.digest:
        raise ConsentMissingError(f"Nothing was changed: expected {plan.digest}, got {typed!r}.")
    return plan.digest, plan.hashing.seed


def _check(plan: Plan, *, confirm: str | None, pinned: UUID | None) -> None:
    """Consent names this plan, or pins this production database (DR003).

    Raises:
        ConsentMissingError: neither does.
    """
    if confirm is not None:
        if confirm.strip() != plan.digest:
            raise ConsentMissingError(
                f"Nothing was changed: the consent was for plan {confirm.strip()}, and it is {plan.digest} now."
                " Look at the new plan, then confirm that one."
            )
    elif pinned is None:
        raise ConsentMissingError(f"Nothing was changed. To apply this plan, add: --confirm {plan.digest}")
    elif str(pinned) != plan.destination.stamp_id:
        raise ConsentMissingError(
            f"Nothing was changed: PROMOTE_TO names {pinned}, this production is {plan.destination.stamp_id}."
            " Check which database the URL leads to."
        )


def show(plan: Plan) -> None:
    """Print a plan."""
    for line in report.lines(plan):
        typer.echo(line)
