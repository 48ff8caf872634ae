"""What the pipeline keeps for itself: it never leaves a working database and does not exist in production."""

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, Date, ForeignKey, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.database.tables.owners import Owner, instant, metadata

_OWNER: Final = {"owner": Owner.PIPELINE_PRIVATE}

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
    instant("first_seen_at"),
    instant("changed_at"),
    instant("gone_at", nullable=True),
    CheckConstraint("source <> ''", name="source"),
    info=_OWNER,
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
    instant("first_seen_at"),
    info=_OWNER,
)


provenance = Table(
    "provenance",
    metadata,
    Column("sighting_key", Text, ForeignKey(sightings.c.key), primary_key=True),
    Column("event_key", Text, index=True, comment="null: not published, `rule` says why"),
    Column("rule", Text, nullable=False, comment="what decided: unique, merged, a clean-up rule, ..."),
    Column("reason", Text, nullable=False, server_default=""),
    Column("notes", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    info=_OWNER,
)


fetches = Table(
    "fetches",
    metadata,
    Column("source", Text, primary_key=True),
    Column("place", Text, primary_key=True, comment="file or URL"),
    Column("reading", Text, nullable=False, comment="digest of all else that its findings depend on"),
    Column("digest", Text, nullable=False, comment="of the content"),
    Column("etag", Text),
    Column("last_modified", Text),
    Column("links", ARRAY(Text), nullable=False, comment="where a crawl went on from here"),
    info=_OWNER,
)


judgements = Table(
    "judgements",
    metadata,
    Column("key", Text, primary_key=True, comment="digest of the question, its content and the model"),
    Column("question", Text, nullable=False, comment="duplicate, relevance"),
    Column("model", Text, nullable=False),
    Column("answer", JSONB, nullable=False),
    instant("asked_at"),
    info=_OWNER,
)


collected_reports = Table(
    "collected_reports",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False, comment="event_reports.id in production"),
    Column("event_key", Text, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("message", Text, nullable=False),
    instant("reported_at"),
    info=_OWNER,
)
