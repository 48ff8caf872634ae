"""`dance promotions`: what production remembers of its promotions."""

import json
from typing import Annotated

import typer

from app.database.engines import open_production_reader
from app.promotion import ledger
from settings import Settings


def command(
    *,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """List the promotions that production remembers, newest first, with those that failed."""
    settings = Settings()
    production = open_production_reader(
        settings.database, process="promotions", connections=settings.connections
    )
    try:
        rows = ledger.newest(production, limit)
    finally:
        production.dispose()
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    if not rows:
        typer.echo("No promotion yet.")
    for row in rows:
        typer.echo(ledger.line(row))
        for gate, why in row.get("overrides", {}).items():
            typer.echo(f"      overridden {gate}: {why}")
