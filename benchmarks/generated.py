"""As many sightings as a benchmark wants, the same every time."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Final

from app.pipeline.event import Sighting

_WORDS: Final = [a + b for a in ("Bel", "Cor", "Dal", "Fen", "Gar", "Hol", "Lun", "Mar", "Nor", "Ros") for b in
                 ("ado", "bert", "dine", "ello", "field", "hurst", "mont", "ova", "quist", "wick")]  # fmt: skip
_STYLES: Final = (
    "Salsa",
    "Bachata",
    "Tango",
    "Swing",
    "Kizomba",
    "Zouk",
    "Contra",
    "Blues",
    "Lindy Hop",
    "Waltz",
)
_KINDS: Final = ("Social", "Night", "Party", "Class", "Workshop", "Milonga", "Ball", "Practica")


@dataclass(frozen=True)
class Source:
    """A source that has read everything already: what reading costs is measured apart."""

    name: str
    says: Sequence[Sighting]

    def findings(self) -> Iterator[Sighting]:
        """All of it."""
        return iter(self.says)


def sightings(count: int) -> list[Sighting]:
    """So many sightings over 260 days; one in ten is a duplicate of another source's."""
    chance = random.Random(7)  # noqa: S311 - the same figures every time
    venues = [
        f"{chance.choice(_WORDS)} Hall {n}, {n + 1} {chance.choice(_WORDS)} St, {chance.choice(('Victoria', 'Vancouver'))}, BC"
        for n in range(max(50, count // 100))
    ]
    made: list[Sighting] = []
    while len(made) < count:
        number = len(made)
        made.append(_sighting(number, chance, chance.choice(venues)))
        if number % 10 == 0 and len(made) < count:
            made.append(_retold(made[-1], number))
    return made


def _sighting(number: int, chance: random.Random, venue: str) -> Sighting:
    style = chance.choice(_STYLES)
    return Sighting(
        source=f"source {number % 5}", kind="csv", place=f"{number % 7}.csv", reference=str(number),
        name=f"{chance.choice(_WORDS)} {chance.choice(_WORDS)} {style} {chance.choice(_KINDS)}",
        start_date=date(2026, 6, 2) + timedelta(days=chance.randrange(260)),
        start_time=time(chance.choice((18, 19, 20, 21)), chance.choice((0, 30))), end_time=time(23, 30),
        location=venue, price=f"${chance.randrange(5, 40)}", dance_style=style, organiser=chance.choice(_WORDS),
        description=f"An evening of dancing, number {number}. " * 8, url=f"https://dances.example/events/{number}",
    )  # fmt: skip


def _retold(said: Sighting, number: int) -> Sighting:
    return Sighting(
        source="export", kind="csv", place="export.csv", reference=str(number), name=said.name.upper(),
        start_date=said.start_date, start_time=said.start_time, location=said.location,
    )  # fmt: skip


def by_source(says: Sequence[Sighting]) -> list[Source]:
    """The sources that say it."""
    found: dict[str, list[Sighting]] = {}
    for said in says:
        found.setdefault(said.source, []).append(said)
    return [Source(name, said) for name, said in found.items()]
