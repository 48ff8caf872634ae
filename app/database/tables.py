"""Every table, and who owns it: the owner decides where the table exists and who may write it."""

from enum import StrEnum
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Integer,
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    Text,
    Time,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

CONTROL: Final = "control"
"""The schema of what describes a database rather than the events in it."""

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)


class Owner(StrEnum):
    """Who a table belongs to (DR012)."""

    PIPELINE = "pipeline"
    """Written by the pipeline in a working database, promoted to production."""
    PIPELINE_PRIVATE = "pipeline-private"
    """Written by the pipeline, never leaves a working database, does not exist in production."""
    WEB = "web"
    """Written by the web service in production; promotion neither reads nor writes it."""
    SYSTEM = "system"
    """Describes the database itself: its stamp and its ledgers."""


class UnownedTableError(Exception):
    """A table says nothing of its owner. Give it info={"owner": Owner...} in app/database/tables.py."""


def owner_of(table: Table) -> Owner:
    """The owner of a table.

    Raises:
        UnownedTableError: the table's `info` names none.
    """
    owner = table.info.get("owner")
    if not isinstance(owner, Owner):
        raise UnownedTableError(f"{table.fullname}: {UnownedTableError.__doc__}")
    return owner


def tables_of(*owners: Owner) -> list[Table]:
    """The tables of these owners, parents before the tables that reference them."""
    return [table for table in metadata.sorted_tables if owner_of(table) in owners]


_PIPELINE = {"owner": Owner.PIPELINE}
_PRIVATE = {"owner": Owner.PIPELINE_PRIVATE}
_WEB = {"owner": Owner.WEB}
_SYSTEM = {"owner": Owner.SYSTEM}


def _instant(name: str, *, nullable: bool = False, default_now: bool = False) -> Column[object]:
    return Column(
        name,
        DateTime(timezone=True),
        nullable=nullable,
        server_default=func.now() if default_now else None,
    )


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
    info=_PIPELINE,
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
    info=_PIPELINE,
)

sightings = Table(
    "sightings",
    metadata,
    Column("key", Text, primary_key=True, comment="digest of source, place and reference"),
    Column("identity", Text, nullable=False, comment="of the event, as first seen: names it for ever"),
    Column("source", Text, nullable=False, index=True),
    Column("place", Text, nullable=False, comment="file or URL"),
    Column("reference", Text, nullable=False, comment="the source's own id of this occurrence"),
    Column("starts_on", Date, nullable=False, comment="as said"),
    Column("said", JSONB, nullable=False, comment="a Sighting, as collected"),
    Column("digest", Text, nullable=False, comment="of `said`: tells whether anything changed"),
    _instant("first_seen_at"),
    _instant("changed_at"),
    _instant("gone_at", nullable=True),
    CheckConstraint("source <> ''", name="source"),
    info=_PRIVATE,
)

rejects = Table(
    "rejects",
    metadata,
    Column("key", Text, primary_key=True, comment="digest of where and what"),
    Column("source", Text, nullable=False, index=True),
    Column("place", Text, nullable=False, comment="file or URL"),
    Column("line", Integer),
    Column("reason", Text, nullable=False),
    Column("raw", Text, nullable=False),
    _instant("first_seen_at"),
    info=_PRIVATE,
)

provenance = Table(
    "provenance",
    metadata,
    Column("sighting_key", Text, ForeignKey(sightings.c.key), primary_key=True),
    Column("event_key", Text, index=True, comment="null: not published, `rule` says why"),
    Column("rule", Text, nullable=False, comment="what decided: unique, merged, a clean-up rule, ..."),
    Column("reason", Text, nullable=False, server_default=""),
    Column("notes", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    info=_PRIVATE,
)

fetches = Table(
    "fetches",
    metadata,
    Column("url", Text, primary_key=True),
    Column("etag", Text),
    Column("last_modified", Text),
    Column("digest", Text, nullable=False, comment="of the body"),
    Column("gave", JSONB, nullable=False, comment="what was parsed from that body"),
    _instant("fetched_at"),
    info=_PRIVATE,
)

judgements = Table(
    "judgements",
    metadata,
    Column("key", Text, primary_key=True, comment="digest of the question, its content and the model"),
    Column("question", Text, nullable=False, comment="duplicate, relevance"),
    Column("model", Text, nullable=False),
    Column("answer", JSONB, nullable=False),
    _instant("asked_at"),
    info=_PRIVATE,
)

collected_reports = Table(
    "collected_reports",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False, comment="event_reports.id in production"),
    Column("event_key", Text, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("message", Text, nullable=False),
    _instant("reported_at"),
    info=_PRIVATE,
)

runs = Table(
    "runs",
    metadata,
    Column("id", Uuid, primary_key=True),
    _instant("started_at", default_now=True),
    _instant("finished_at", nullable=True),
    Column("outcome", Text, nullable=False, server_default="running"),
    Column("target", Text, nullable=False),
    Column("commit", Text, nullable=False, comment="of the code; empty when unknown"),
    Column("host", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("detail", JSONB, nullable=False, server_default=text("'{}'")),
    CheckConstraint("outcome IN ('running', 'done', 'incomplete', 'failed')", name="outcome"),
    CheckConstraint("(outcome = 'running') = (finished_at IS NULL)", name="finished"),
    info=_SYSTEM,
    schema=CONTROL,
)

stage_runs = Table(
    "stage_runs",
    metadata,
    Column("run_id", Uuid, ForeignKey(runs.c.id, ondelete="CASCADE"), primary_key=True),
    Column("stage", Text, primary_key=True),
    Column("position", SmallInteger, nullable=False),
    _instant("started_at", default_now=True),
    _instant("finished_at", nullable=True),
    Column("outcome", Text, nullable=False, server_default="running"),
    Column("counts", JSONB, nullable=False, server_default=text("'{}'")),
    CheckConstraint("outcome IN ('running', 'done', 'incomplete', 'failed')", name="outcome"),
    info=_SYSTEM,
    schema=CONTROL,
)

promotions = Table(
    "promotions",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column(
        "run_id",
        Uuid,
        nullable=False,
        unique=True,
        comment="drawn by the client: tells whether COMMIT happened",
    ),
    Column("kind", Text, nullable=False, server_default="promotion"),
    _instant("finished_at", default_now=True),
    Column("who", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("commit", Text, nullable=False),
    Column("from_environment", Text, nullable=False),
    Column("from_stamp", Uuid),
    Column("digest", Text, nullable=False),
    Column("counts", JSONB, nullable=False, comment="inserted, updated, deleted by table"),
    Column("seconds", JSONB, nullable=False, comment="by phase"),
    Column("overrides", JSONB, nullable=False, server_default=text("'{}'"), comment="gate: reason"),
    Column(
        "known", JSONB, nullable=False, server_default=text("'{}'"), comment="what the next one may rely on"
    ),
    Column("undone_by", BigInteger),
    CheckConstraint("kind IN ('promotion', 'rollback')", name="kind"),
    info=_SYSTEM,
    schema=CONTROL,
)

promotion_undo = Table(
    "promotion_undo",
    metadata,
    Column("promotion_id", BigInteger, ForeignKey(promotions.c.id, ondelete="CASCADE"), primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("table_name", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("row_key", JSONB, nullable=False),
    Column("before", JSONB, comment="null for an insert"),
    Column("after_hash", BigInteger, comment="null for a delete"),
    CheckConstraint("operation IN ('insert', 'update', 'delete')", name="operation"),
    info=_SYSTEM,
    schema=CONTROL,
)

overrides = Table(
    "overrides",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _instant("at", default_now=True),
    Column("who", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("action", Text, nullable=False, comment="migrate, stamp, roles, promote, ..."),
    Column("reason", Text, nullable=False),
    Column("detail", JSONB, nullable=False, server_default=text("'{}'")),
    info=_SYSTEM,
    schema=CONTROL,
)

stamp = Table(
    "stamp",
    metadata,
    Column("one", Boolean, primary_key=True, server_default=text("true")),
    Column("environment", Text, nullable=False),
    Column("stamp_id", Uuid, nullable=False, unique=True),
    Column("system_identifier", Numeric(20, 0), nullable=False),
    Column("database_oid", BigInteger, nullable=False),
    Column("database_name", Text, nullable=False),
    _instant("stamped_at", default_now=True),
    Column("stamped_by", Text, nullable=False),
    CheckConstraint("one", name="one"),
    CheckConstraint("environment IN ('local', 'render_dev', 'render_prod')", name="environment"),
    info=_SYSTEM,
    schema=CONTROL,
)

event_reports = Table(
    "event_reports",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("event_key", Text, nullable=False, index=True, comment="no foreign key: reports outlive events"),
    Column("kind", Text, nullable=False),
    Column("message", Text, nullable=False, server_default=""),
    _instant("reported_at", default_now=True),
    CheckConstraint("kind IN ('wrong', 'cancelled')", name="kind"),
    CheckConstraint("char_length(message) <= 2000", name="message"),
    info=_WEB,
)
