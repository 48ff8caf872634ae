"""What the pipeline owns and promotion carries to production: venues and events."""

from typing import Final

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Numeric,
    Table,
    Text,
    Time,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.database.tables.owners import Owner, metadata

_OWNER: Final = {"owner": Owner.PIPELINE}

venues = Table(
    "venues",
    metadata,
    Column("key", Text, primary_key=True, comment="derived from what the venue is; kept for ever"),
    Column("name", Text, nullable=False),
    Column("street", Text),
    Column("city", Text),
    Column("region", Text, comment="province or state, as a code"),
    Column("postal_code", Text),
    Column("country", Text, comment="ISO 3166-1 alpha-2"),
    Column("latitude", Numeric(9, 6)),
    Column("longitude", Numeric(9, 6)),
    CheckConstraint("name <> ''", name="name"),
    CheckConstraint("country ~ '^[A-Z]{2}$'", name="country"),
    CheckConstraint("latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180", name="position"),
    CheckConstraint("(latitude IS NULL) = (longitude IS NULL)", name="whole_position"),
    info=_OWNER,
)


events = Table(
    "events",
    metadata,
    Column("key", Text, primary_key=True, comment="derived from what the event is; kept for ever"),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("starts_at", DateTime(timezone=True), nullable=False),
    Column("ends_at", DateTime(timezone=True)),
    Column("time_zone", Text, nullable=False, comment="IANA name; local_* are the same instants there"),
    Column("local_start_date", Date, nullable=False),
    Column("local_start_time", Time, comment="null: the source gives a day and no time"),
    Column("local_end_date", Date),
    Column("local_end_time", Time),
    Column("venue_key", Text, ForeignKey(venues.c.key), index=True),
    Column("event_type", Text, nullable=False, comment="social dance, class, workshop, ..."),
    Column("dance_styles", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("price_text", Text, nullable=False, server_default=""),
    Column("price_low", Numeric(10, 2)),
    Column("price_high", Numeric(10, 2)),
    Column("currency", Text, comment="ISO 4217"),
    Column("is_free", Boolean),
    Column("cancelled", Boolean, nullable=False, server_default=text("false")),
    Column("organiser", Text, nullable=False, server_default=""),
    Column("source", Text, nullable=False, comment="the source whose facts won"),
    Column("url", Text),
    CheckConstraint("name <> ''", name="name"),
    CheckConstraint("source <> ''", name="source"),
    CheckConstraint("ends_at >= starts_at", name="ends_after_start"),
    CheckConstraint("ends_at < starts_at + interval '31 days'", name="length"),
    CheckConstraint("local_end_date >= local_start_date", name="local_dates"),
    CheckConstraint("starts_at BETWEEN '2000-01-01+00' AND '2100-01-01+00'", name="era"),
    CheckConstraint("price_low >= 0 AND price_high >= price_low", name="prices"),
    CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
    CheckConstraint("url ~ '^https?://'", name="url"),
    info=_OWNER,
)

EVENT_TEXT: Final = "to_tsvector('simple', (((name || ' ') || left(description, 20000)) || ' ') || organiser)"
"""What full-text search finds an event by; a tsvector holds at most 1 MB."""
EVENT_LASTS: Final = (
    "local_end_date > local_start_date + 1 OR"
    " local_end_date > local_start_date AND (local_end_time IS NULL OR local_end_time > '06:00')"
)
"""Whether an event has a second day; a night that ends by six in the morning belongs to the day it began."""
VENUE_TEXT: Final = (
    "to_tsvector('simple', (((name || ' ') || COALESCE(city, '')) || ' ') || COALESCE(street, ''))"
)
"""What full-text search finds a venue by."""

Index("events_day_idx", events.c.local_start_date, events.c.starts_at, events.c.key)
Index("events_lasting_idx", events.c.local_start_date, postgresql_where=text(EVENT_LASTS))
Index("events_dance_styles_idx", events.c.dance_styles, postgresql_using="gin")
Index("events_text_idx", text(EVENT_TEXT), postgresql_using="gin", _table=events)
Index("venues_city_idx", func.lower(venues.c.city))
Index("venues_position_idx", venues.c.latitude, venues.c.longitude)
Index("venues_text_idx", text(VENUE_TEXT), postgresql_using="gin", _table=venues)
