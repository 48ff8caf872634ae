"""The questions that visitors' requests ask the database."""

from collections.abc import Sequence
from datetime import date, timedelta
from math import cos, radians
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select, text, tuple_, union_all

from app.database.handles import ReadTransaction
from app.database.tables import events, venues
from app.database.tables.published import EVENT_LASTS
from app.web.cursors import Cursor
from app.web.filters import EventFilters, Point
from app.web.schemas import Venue
from app.web.words import conditions_of

LONGEST: Final = timedelta(days=31)
"""No event is longer: a check of the table `events`."""
EARLIEST: Final = date(2000, 1, 1)
"""No event is earlier: another check of it."""
EARTH_RADIUS: Final = 6371.0088
"""Kilometres, the mean radius R1 of the IUGG."""
DEGREE: Final = radians(1) * EARTH_RADIUS
"""Kilometres of a degree of latitude."""

WALKED: Final = 20
"""Events that are walked for each one of a page: whatever one in twenty events has fills it on the way."""

_ORDER: Final = (events.c.local_start_date, events.c.starts_at, events.c.key)
# Made once: SQLAlchemy takes as long to put 30 columns together as PostgreSQL to find the rows.
_EVENTS: Final[Select[*tuple[Any, ...]]] = (
    select(
        *(column for column in events.c if column.name != "venue_key"),
        *(venues.c[name].label(f"venue_{name}") for name in Venue.model_fields),
    )
    .outerjoin_from(events, venues, venues.c.key == events.c.venue_key)
    .order_by(*_ORDER)
)


def find_events(
    transaction: ReadTransaction, filters: EventFilters, after: Cursor | None, limit: int
) -> Sequence[Row[*tuple[Any, ...]]]:
    """The events that fit, in the order of their days, each with its venue.

    Which way is quick depends on how many fit, and no statistics tell: so the next events are walked day
    by day, where frequent words fill the page at once, and only for what is rare are the indexes asked.

    Args:
        transaction: of one snapshot.
        filters: with settled days (`EventFilters.starting`).
        after: the last event of the page before.
        limit: at most so many.
    """
    horizon = transaction.select(_horizon(filters, after, limit)).scalar() if filters.narrow else None
    found = transaction.select(page_of_events(filters, after, limit, horizon)).all()
    if horizon is None or len(found) == limit:
        return found
    return [*found, *transaction.select(_page_beyond(filters, horizon, limit - len(found)))]


def page_of_events(
    filters: EventFilters, after: Cursor | None, limit: int, horizon: date | None = None
) -> Select[*tuple[Any, ...]]:
    """The events that fit until a day, found along the index of days.

    Args:
        filters: with settled days.
        after: the last event of the page before.
        limit: at most so many.
        horizon: the last day; None: no last day but the one of the filters.
    """
    assert filters.first is not None  # noqa: S101 - settled
    first = max(filters.first, EARLIEST)
    fitting = select(events.c.key).where(*_conditions(filters)).order_by(*_ORDER).limit(limit)
    if (last := min(filter(None, (filters.last, horizon)), default=None)) is not None:
        fitting = fitting.where(events.c.local_start_date <= last)
    if after is not None:
        fitting = fitting.where(tuple_(*_ORDER) > tuple_(after.day, after.starts_at, after.key))
    # Two branches, because one condition with OR could not stop early along the index of days.
    starting = fitting.where(events.c.local_start_date >= first)
    if after is not None and after.day >= first:
        return _EVENTS.where(events.c.key.in_(starting))
    running = fitting.where(
        events.c.local_start_date.between(first - LONGEST, first - timedelta(days=1)),
        text(f"({EVENT_LASTS})"),
        events.c.local_end_date >= first,
    )
    return _EVENTS.where(events.c.key.in_(union_all(running, starting))).limit(limit)


def one_event(key: str) -> Select[*tuple[Any, ...]]:
    """The event of a key with its venue."""
    return _EVENTS.where(events.c.key == key)


def cities(first: date) -> Select[str]:
    """The cities with events from a day on, in alphabetical order."""
    with_events = select(events.c.venue_key).where(events.c.local_start_date >= first)
    return (
        select(venues.c.city)
        .where(venues.c.city.is_not(None), venues.c.key.in_(with_events))
        .distinct()
        .order_by(venues.c.city)
    )


def styles(first: date) -> Select[str]:
    """The dance styles of the events from a day on, in alphabetical order."""
    style = func.unnest(events.c.dance_styles).label("style")
    return select(style).where(events.c.local_start_date >= first).distinct().order_by(style)


def _horizon(filters: EventFilters, after: Cursor | None, limit: int) -> Select[date]:
    """The day until which there are many more events than `limit`; no row: there are fewer."""
    assert filters.first is not None  # noqa: S101 - settled
    first = max(filters.first, EARLIEST, after.day if after else EARLIEST)
    day = events.c.local_start_date
    return select(day).where(day >= first).order_by(day).offset(limit * WALKED).limit(1)


def _page_beyond(filters: EventFilters, horizon: date, limit: int) -> Select[*tuple[Any, ...]]:
    """The events that fit after a day, found by what they are asked for."""
    fitting = select(*_ORDER).where(*_conditions(filters), events.c.local_start_date > horizon)
    if filters.last is not None:
        fitting = fitting.where(events.c.local_start_date <= filters.last)
    # Materialized: with the limit in sight PostgreSQL would walk along the days here, too.
    found = fitting.cte("fitting").prefix_with("MATERIALIZED")
    keys = select(found.c.key).order_by(*(found.c[column.name] for column in _ORDER)).limit(limit)
    return _EVENTS.where(events.c.key.in_(keys))


def _conditions(filters: EventFilters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.style is not None:
        conditions.append(events.c.dance_styles.contains([filters.style.strip().lower()]))
    if filters.city is not None:
        conditions.append(_at(func.lower(venues.c.city) == filters.city.strip().lower()))
    if filters.q is not None:
        conditions.extend(conditions_of(filters.q))
    if (centre := filters.centre) is not None:
        conditions.append(_at(_within(centre, filters.within)))
    return conditions


def _at(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return events.c.venue_key.in_(select(venues.c.key).where(condition))


def _within(centre: Point, kilometres: float) -> ColumnElement[bool]:
    """Whether a venue is near: a box for the index, then the great circle (haversine formula)."""
    south, north = centre.latitude - kilometres / DEGREE, centre.latitude + kilometres / DEGREE
    box: ColumnElement[bool] = venues.c.latitude.between(south, north)
    if south > -89 and north < 89:  # noqa: PLR2004 - nearer to a pole a circle holds all longitudes
        width = kilometres / DEGREE / cos(radians(max(abs(south), abs(north))))
        west, east = centre.longitude - width, centre.longitude + width
        sides: list[ColumnElement[bool]] = [venues.c.longitude.between(west, east)]
        if west < -180:  # noqa: PLR2004 - across the antimeridian
            sides.append(venues.c.longitude >= west + 360)
        if east > 180:  # noqa: PLR2004 - across the antimeridian
            sides.append(venues.c.longitude <= east - 360)
        box = and_(box, or_(*sides))
    up = func.sin(func.radians(venues.c.latitude - centre.latitude) / 2)
    along = func.sin(func.radians(venues.c.longitude - centre.longitude) / 2)
    chord = up * up + along * along * cos(radians(centre.latitude)) * func.cos(
        func.radians(venues.c.latitude)
    )
    distance = func.asin(func.sqrt(func.least(1.0, chord))) * 2 * EARTH_RADIUS
    return and_(box, distance <= kilometres)
