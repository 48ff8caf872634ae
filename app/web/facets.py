"""The cities and styles that the form offers."""

from dataclasses import dataclass
from datetime import date
from time import monotonic
from typing import Final

from app.database.handles import ReadTransaction
from app.web.listing import cities, styles

LIFETIME: Final = 60.0
"""Seconds; a new city may take that long to be offered, and is found by typing its name meanwhile."""


@dataclass(frozen=True)
class Facets:
    """What the coming events have to choose from."""

    cities: tuple[str, ...]
    styles: tuple[str, ...]


class RememberedFacets:
    """Asks all events for their cities and styles once a minute instead of for each visitor."""

    def __init__(self) -> None:
        self._kept: tuple[date, float, Facets] | None = None

    def read(self, transaction: ReadTransaction, today: date) -> Facets:
        """The facets of the events from today on."""
        kept = self._kept
        if kept is None or kept[0] != today or monotonic() - kept[1] > LIFETIME:
            found = Facets(
                tuple(transaction.select(cities(today)).scalars()),
                tuple(transaction.select(styles(today)).scalars()),
            )
            kept = (today, monotonic(), found)
            self._kept = kept
        return kept[2]
