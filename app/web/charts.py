"""The promotions as bars: three rows (inserted, updated, deleted), each on its own scale."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

WIDTH: Final = 720
ROW: Final = 64
"""Height of a row of bars, its label included."""
_LABEL: Final = 18
_MOST: Final = 50
"""Bars; as many as the list below has rows."""


@dataclass(frozen=True)
class Bar:
    """One bar: where it stands and what it says, in units of the drawing."""

    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True)
class BarRow:
    """The bars of one kind of change."""

    name: str
    most: int
    top: int
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Change:
    """What one promotion did, in rows of the published tables."""

    finished_at: datetime
    inserted: int
    updated: int
    deleted: int


def bars_of(changes: Sequence[Change]) -> list[BarRow]:
    """The rows of bars for these promotions.

    Args:
        changes: oldest first; the newest ones are drawn.
    """
    drawn = changes[-_MOST:]
    step = WIDTH / max(len(drawn), 12)
    rows = []
    for position, name in enumerate(("inserted", "updated", "deleted")):
        counts = [int(getattr(change, name)) for change in drawn]
        most = max(counts, default=0)
        bottom = (position + 1) * ROW
        bars = tuple(
            _bar(
                index * step,
                bottom,
                step,
                count / most,
                f"{change.finished_at:%-d %b %Y %H:%M}: {count:,} {name}",
            )
            for index, (count, change) in enumerate(zip(counts, drawn, strict=True))
            if count
        )
        rows.append(BarRow(name, most, position * ROW, bars))
    return rows


def _bar(x: float, bottom: int, step: float, share: float, title: str) -> Bar:
    height = max(2.0, share * (ROW - _LABEL - 6))
    return Bar(
        round(x + step * 0.1, 1), round(bottom - height, 1), round(step * 0.8, 1), round(height, 1), title
    )
