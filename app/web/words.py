"""What visitors type into the search box, as conditions: every word has to be there somewhere."""

import re
from collections.abc import Iterator
from typing import Final

from sqlalchemy import ColumnElement, func, literal_column, or_, select

from app.database.tables import events, venues
from app.database.tables.published import EVENT_TEXT, VENUE_TEXT

MOST: Final = 8
"""Words that count; the ninth and later ones would cost time and find nothing more."""

_PART: Final = re.compile(r'(?P<without>-?)(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))')


def conditions_of(typed: str) -> Iterator[ColumnElement[bool]]:
    """A condition for each word: it begins a word of the event or its venue, or is one of its styles.

    `"quoted words"` stand together, `-word` must not be there.
    """
    parts = [part for part in _PART.finditer(typed) if re.search(r"\w", part[0])]
    for part in parts[:MOST]:
        found = _found(part["phrase"] or part["word"], whole=part["phrase"] is not None)
        if part["without"]:
            # Asked by index and looked up for each event: NOT alone would read every event's words.
            yield events.c.key.not_in(select(events.c.key).where(found).correlate(None))
        else:
            yield found


def _found(words: str, *, whole: bool) -> ColumnElement[bool]:
    if whole:
        query = func.phraseto_tsquery(literal_column("'simple'::regconfig"), words)
    else:
        # The quoting of tsquery: what is inside cannot be an operator.
        quoted = words.replace("\\", "\\\\").replace("'", "''")
        query = func.to_tsquery(literal_column("'simple'::regconfig"), f"'{quoted}':*")
    places = select(venues.c.key).where(literal_column(VENUE_TEXT).op("@@")(query))
    # An array, because PostgreSQL joins `OR` of conditions on indexes, and IN (SELECT ...) is none.
    return or_(
        literal_column(EVENT_TEXT).op("@@")(query),
        events.c.venue_key == func.any(func.array(places.scalar_subquery())),
        events.c.dance_styles.contains([words.lower()]),
    )
