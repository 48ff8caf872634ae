"""`dance runs`: what the run ledger tells."""

import json
from datetime import datetime
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from app.database.engines import open_reader
from app.pipeline.history import Run, recent
from settings import Settings

_WIDE: Final = 240
"""Columns where no terminal says how many fit."""


def command(
    *,
    limit: Annotated[int, typer.Option(min=1, help="How many, the newest first.")] = 10,
    stages: Annotated[bool, typer.Option("--stages", help="With the stages of each.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """List the pipeline's runs on the active database: when, who, on what code, how it went."""
    settings = Settings()
    database = open_reader(settings.database, process="runs", connections=settings.connections)
    found = recent(database, limit)
    database.dispose()
    if as_json:
        typer.echo(json.dumps([_plain(run) for run in found], indent=2))
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDE
    if not found:
        console.print("No run yet. `dance pipeline` makes the first.")
        return
    console.print(_table(found, stages=stages))


def _table(found: list[Run], *, stages: bool) -> Table:
    table = Table("started (UTC)", "outcome", "target", "commit", "who", "what", box=None, pad_edge=False)
    table.add_column("seconds", justify="right")
    for run in found:
        what = "; ".join(run.failures) or ("killed" if run.killed else "")
        table.add_row(
            _shown(run.started_at), run.outcome, run.target, run.commit[:10], f"{run.who} on {run.host}", what,
            _seconds(run.seconds),
        )  # fmt: skip
        for stage in run.stages if stages else ():
            counts = ", ".join(f"{count:,} {name}" for name, count in stage.counts.items() if count)
            table.add_row(f"  {stage.name}", stage.outcome, "", "", "", counts, _seconds(stage.seconds))
    return table


def _plain(run: Run) -> dict[str, Any]:
    return {
        "id": str(run.id), "started_at": run.started_at.isoformat(), "seconds": run.seconds, "outcome": run.outcome,
        "target": run.target, "commit": run.commit, "who": run.who, "host": run.host, "killed": run.killed,
        "failures": list(run.failures),
        "stages": [
            {"name": stage.name, "outcome": stage.outcome, "seconds": stage.seconds, "counts": dict(stage.counts)}
            for stage in run.stages
        ],
    }  # fmt: skip


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f}"
