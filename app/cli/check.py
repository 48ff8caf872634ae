"""`dance check`: is every database that the configuration names there, and what it should be?"""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Final

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from app.database.handles import ReadOnlyDatabase
from app.database.health import Condition
from app.database.inspection import Inspected, inspect_all, open_all, worst
from settings import Settings

_WIDE: Final = 240
"""Columns where no terminal says how many fit."""
_COLOURS: Final = {Condition.UP: "green", Condition.LAGGING: "yellow", Condition.POOL_EXHAUSTED: "yellow"}


def command(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For machines: one JSON document a look.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again, until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks with --watch.")] = 2.0,
    looks: Annotated[int | None, typer.Option(min=1, help="End --watch after so many looks.")] = None,
    deadline: Annotated[float, typer.Option(min=0.1, help="Seconds until no answer means down.")] = 10.0,
) -> None:
    """Whether every configured database answers and is what it should be; it only reads.

    The exit status is that of the worst: 0 all in order, 1 a schema, stamp, replica or connection
    budget is not, 75 a database is away, 77 it is not the one that its URL stands for.
    """
    settings = Settings()
    databases = open_all(settings)
    try:
        found = inspect_all(databases, settings, deadline=deadline)
        if not watch:
            _show(found, as_json=as_json)
        elif as_json:
            found = _stream(databases, settings, found, every=every, looks=looks, deadline=deadline)
        else:
            found = _watch(databases, settings, found, every=every, looks=looks, deadline=deadline)
    finally:
        for database in databases.values():
            database.dispose()
    raise typer.Exit(worst(found))


def _stream(
    databases: Mapping[str, ReadOnlyDatabase],
    settings: Settings,
    found: list[Inspected],
    *,
    every: float,
    looks: int | None,
    deadline: float,
) -> list[Inspected]:
    typer.echo(_document(found, indent=None))
    while looks is None or (looks := looks - 1):
        time.sleep(every)
        found = inspect_all(databases, settings, deadline=deadline)
        typer.echo(_document(found, indent=None))
    return found


def _watch(
    databases: Mapping[str, ReadOnlyDatabase],
    settings: Settings,
    found: list[Inspected],
    *,
    every: float,
    looks: int | None,
    deadline: float,
) -> list[Inspected]:
    with Live(_picture(found), console=_console(), auto_refresh=False) as live:
        while looks is None or (looks := looks - 1):
            time.sleep(every)
            found = inspect_all(databases, settings, deadline=deadline)
            live.update(_picture(found), refresh=True)
    return found


def _show(found: list[Inspected], *, as_json: bool) -> None:
    if as_json:
        typer.echo(_document(found, indent=2))
    else:
        _console().print(_picture(found))


def _console() -> Console:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDE
    return console


def _document(found: list[Inspected], *, indent: int | None) -> str:
    document = {"exit_status": worst(found), "databases": [asdict(one) for one in found]}
    return json.dumps(document, indent=indent, default=str)


def _picture(found: list[Inspected]) -> Group:
    table = Table(
        "database", "where", "condition", "server", "role", "stamp", "schema", "may", "latency", "lag", "connections",
        box=None, pad_edge=False,
    )  # fmt: skip
    notes: list[Text] = []
    for one in found:
        health = one.health
        colour = "yellow" if one.problems and health.condition is Condition.UP else None
        table.add_row(
            one.name,
            one.label,
            Text(health.condition, style=colour or _COLOURS.get(health.condition, "bold red")),
            health.server_version or "",
            f"{health.role or ''}{f', timeline {health.timeline}' if health.timeline else ''}",
            health.stamp or "",
            health.revision or "",
            health.rights or "",
            "" if health.latency_ms is None else f"{health.latency_ms:.1f} ms",
            "" if health.lag is None else f"{health.lag.bytes:,} B, {health.lag.seconds:.1f} s",
            "" if health.budget is None else f"{health.budget.wanted} of {health.budget.available}",
        )
        notes += [Text(f"{one.name}: {problem}", style="yellow") for problem in one.problems]
        if one.role:
            notes.append(Text(f"{one.name}: {one.role}", style="dim"))
    return Group(table, *notes)
