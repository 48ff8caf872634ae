"""As many events as a benchmark wants, the same every time, as the team's CSV files and a list of sources."""

import csv
import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from app.pipeline.sources import SourceList, read_sources

_WORDS: Final = [a + b for a in ("Bel", "Cor", "Dal", "Fen", "Gar", "Hol", "Lun", "Mar", "Nor", "Ros") for b in
                 ("ado", "bert", "dine", "ello", "field", "hurst", "mont", "ova", "quist", "wick")]  # fmt: skip
_STYLES: Final = ("Salsa", "Bachata", "Tango", "Swing", "Kizomba", "Zouk", "Contra", "Blues", "Lindy Hop", "Waltz")  # fmt: skip
_KINDS: Final = ("Social", "Night", "Party", "Class", "Workshop", "Milonga", "Ball", "Practica")
_CITIES: Final = ("Victoria", "Vancouver")
_FIRST: Final = date(2026, 6, 2)
_DAYS: Final = 260
_SOURCES: Final = 5
_LARGEST_FILE: Final = 20_000
"""Rows."""
_COLUMNS: Final = (
    "event_name", "start_date", "start_time", "end_time", "dance_style", "description", "price", "location", "url",
)  # fmt: skip
_WEEKS: Final = 26
CARDINALITY: Final = (
    "Half of the events are weekly (26 nights with one name, text, page, price and venue), the others have all of"
    " that to themselves; a venue for each 100 rows, 260 days, 8 hours, 35 prices, 10 styles; one row in eleven is"
    " another source's copy, in capitals, without text, page and price."
)

Row = tuple[object, ...]


def write(folder: Path, count: int) -> SourceList:
    """Write so many events of five sources and an export that repeats one in ten of them.

    Returns:
        The sources; each has a file for every 20,000 rows.
    """
    files: dict[str, list[str]] = defaultdict(list)
    rows: dict[str, list[Row]] = defaultdict(list)

    def flush(source: str) -> None:
        files[source].append(f"{source}-{len(files[source])}.csv")
        with (folder / files[source][-1]).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([_COLUMNS, *rows.pop(source)])

    for source, row in _rows(count):
        rows[source].append(row)
        if len(rows[source]) == _LARGEST_FILE:
            flush(source)
    for source in list(rows):
        flush(source)
    entries = (
        f'[[source]]\nname = "{name}"\nkind = "csv"\nplaces = {places}\n' for name, places in files.items()
    )
    (folder / "sources.toml").write_text("".join(entries))
    return read_sources(folder / "sources.toml")


def _rows(count: int) -> Iterator[tuple[str, Row]]:
    chance = random.Random(7)  # noqa: S311 - the same figures every time
    venues = [
        f"{chance.choice(_WORDS)} Hall {n}, {n + 1} {chance.choice(_WORDS)} St, {chance.choice(_CITIES)}, BC"
        for n in range(max(50, count // 100))
    ]
    made = number = 0
    while made < count:
        row = _row(number, chance, chance.choice(venues))
        nights = [_night(row, week) for week in range(_WEEKS)] if number % (_WEEKS + 1) == 0 else [row]
        latest = nights[0]
        for night in nights[: count - made]:
            made += 1
            if made % 11:
                yield f"source {number % _SOURCES}", night
                latest = night
            else:
                name, day, start, *_, place, _page = latest
                yield "export", (str(name).upper(), day, start, "", "", "", "", place, "")
        number += 1


def _night(row: Row, week: int) -> Row:
    """One night of the event that has its first in the first week."""
    name, day, *rest = row
    days = (date.fromisoformat(f"{day}") - _FIRST).days
    return (name, _FIRST + timedelta(days=days % 7, weeks=week), *rest)


def _row(number: int, chance: random.Random, venue: str) -> Row:
    style = chance.choice(_STYLES)
    return (
        f"{chance.choice(_WORDS)} {chance.choice(_WORDS)} {style} {chance.choice(_KINDS)}",
        _FIRST + timedelta(days=chance.randrange(_DAYS)),
        f"{chance.choice((18, 19, 20, 21))}:{chance.choice(('00', '30'))}",
        "23:30",
        style,
        f"An evening of dancing, number {number}. " * 8,
        f"${chance.randrange(5, 40)}",
        venue,
        f"https://dances.example/events/{number}",
    )
