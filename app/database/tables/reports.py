"""What the web service owns in production; promotion neither reads nor writes it."""

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Table, Text

from app.database.tables.owners import Owner, instant, metadata

_OWNER: Final = {"owner": Owner.WEB}

event_reports = Table(
    "event_reports",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("event_key", Text, nullable=False, index=True, comment="no foreign key: reports outlive events"),
    Column("kind", Text, nullable=False),
    Column("message", Text, nullable=False, server_default=""),
    instant("reported_at", default_now=True),
    CheckConstraint("kind IN ('wrong', 'cancelled')", name="kind"),
    CheckConstraint("char_length(message) <= 2000", name="message"),
    info=_OWNER,
)
