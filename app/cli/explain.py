"""`dance explain`: where an event came from, what was merged into it, which rule dropped it."""

from itertools import groupby
from typing import Annotated

import typer
from rich.console import Console

from app.cli.watching import where
from app.database.engines import open_reader
from app.errors import AppError
from app.pipeline.history import Origin, explain, rejected
from settings import Settings


class NothingFoundError(AppError):
    """No sighting fits. Give an event's key, a sighting's key or words of a name as a source wrote it."""


def command(
    what: Annotated[
        str, typer.Argument(metavar="[EVENT]", help="An event's key, or words of its name.")
    ] = "",
    *,
    rejects: Annotated[bool, typer.Option("--rejects", help="What sources gave that is no event.")] = False,
) -> None:
    """Tell where an event came from, what was merged, and which rule dropped what is not published."""
    if bool(what) == rejects:
        raise typer.BadParameter("name an event, or ask for --rejects")
    console = Console(highlight=False, soft_wrap=True, markup=False)
    settings = Settings()
    database = open_reader(settings.database, process="explain", connections=settings.connections)
    if rejects:
        for reject in rejected(database):
            console.print(f"{reject.source}: {where(reject.place, reject.line)}: {reject.reason}")
        return
    found = explain(database, what)
    database.dispose()
    if not found:
        raise NothingFoundError
    published = [one for one in found if one.event_key]
    for key, members in groupby(published, key=lambda one: one.event_key):
        console.print(f"Event {key}")
        for member in members:
            _show(console, member)
    dropped = [one for one in found if not one.event_key]
    if dropped:
        console.print("Not published")
        for one in dropped:
            _show(console, one)


def _show(console: Console, one: Origin) -> None:
    console.print(f"  {one.starts}  {one.name}")
    console.print(f"    {one.source}, {one.place}; first seen {one.first_seen_at:%Y-%m-%d %H:%M} UTC")
    console.print(f"    {one.rule}" + (f": {one.reason}" if one.reason else ""))
    if one.gone_at:
        console.print(f"    gone since {one.gone_at:%Y-%m-%d %H:%M} UTC")
    for note in one.notes:
        console.print(f"    note: {note}")
