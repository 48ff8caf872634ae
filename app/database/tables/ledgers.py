"""What describes a database itself: its stamp, and who did what to it when."""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Numeric,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.database.tables.owners import CONTROL, Owner, instant, metadata

_OWNER: Final = {"owner": Owner.SYSTEM}

runs = Table(
    "runs",
    metadata,
    Column("id", Uuid, primary_key=True),
    instant("started_at", default_now=True),
    instant("finished_at", nullable=True),
    Column("outcome", Text, nullable=False, server_default="running"),
    Column("target", Text, nullable=False),
    Column("commit", Text, nullable=False, comment="of the code; empty when unknown"),
    Column("host", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("detail", JSONB, nullable=False, server_default=text("'{}'")),
    CheckConstraint("outcome IN ('running', 'done', 'incomplete', 'failed')", name="outcome"),
    CheckConstraint("(outcome = 'running') = (finished_at IS NULL)", name="finished"),
    info=_OWNER,
    schema=CONTROL,
)


stage_runs = Table(
    "stage_runs",
    metadata,
    Column("run_id", Uuid, ForeignKey(runs.c.id, ondelete="CASCADE"), primary_key=True),
    Column("stage", Text, primary_key=True),
    Column("position", SmallInteger, nullable=False),
    instant("started_at", default_now=True),
    instant("finished_at", nullable=True),
    Column("outcome", Text, nullable=False, server_default="running"),
    Column("counts", JSONB, nullable=False, server_default=text("'{}'")),
    CheckConstraint("outcome IN ('running', 'done', 'incomplete', 'failed')", name="outcome"),
    info=_OWNER,
    schema=CONTROL,
)


def _attempt() -> list[Column[Any]]:
    """What is known of every promotion and rollback, whatever became of it."""
    return [
        instant("finished_at", default_now=True),
        Column("who", Text, nullable=False),
        Column("host", Text, nullable=False),
        Column("commit", Text, nullable=False),
        Column("from_environment", Text, nullable=False),
        Column("from_stamp", Uuid),
        Column("digest", Text, nullable=False),
    ]


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
    *_attempt(),
    Column("seed", BigInteger, nullable=False, comment="of the row hashes in promotion_undo"),
    Column("columns", JSONB, nullable=False, comment="by table, in the order of promotion_undo.before"),
    Column("source_as_of", DateTime(timezone=True), comment="end of the source's last finished run"),
    Column("counts", JSONB, nullable=False, comment="inserted, updated, deleted by table"),
    Column("seconds", JSONB, nullable=False, comment="by phase"),
    Column("overrides", JSONB, nullable=False, server_default=text("'{}'"), comment="gate: reason"),
    Column(
        "known", JSONB, nullable=False, server_default=text("'{}'"), comment="what the next one may rely on"
    ),
    Column("undone_by", BigInteger),
    CheckConstraint("kind IN ('promotion', 'rollback')", name="kind"),
    info=_OWNER,
    schema=CONTROL,
)


promotion_failures = Table(
    "promotion_failures",
    metadata,
    Column("run_id", Uuid, primary_key=True, comment="drawn by the client"),
    Column("kind", Text, nullable=False),
    *_attempt(),
    Column("error", Text, nullable=False, comment="what the person was told"),
    CheckConstraint("kind IN ('promotion', 'rollback')", name="kind"),
    info=_OWNER,
    schema=CONTROL,
)


promotion_undo = Table(
    "promotion_undo",
    metadata,
    Column("promotion_id", BigInteger, primary_key=True, comment="of control.promotions"),
    Column("position", BigInteger, primary_key=True),
    Column("table_name", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("row_key", Text, nullable=False, comment="the key as text, an array's text when composite"),
    Column("before", ARRAY(Text), comment="each column as text; null for an insert"),
    Column("after_hash", BigInteger, comment="null for a delete"),
    CheckConstraint("operation IN ('insert', 'update', 'delete', 'fill')", name="operation"),
    info=_OWNER,
    schema=CONTROL,
)


overrides = Table(
    "overrides",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    instant("at", default_now=True),
    Column("who", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("action", Text, nullable=False, comment="migrate, stamp, roles, promote, ..."),
    Column("reason", Text, nullable=False),
    Column("detail", JSONB, nullable=False, server_default=text("'{}'")),
    info=_OWNER,
    schema=CONTROL,
)


stamp = Table(
    "stamp",
    metadata,
    Column("one", Boolean, primary_key=True, server_default=text("true")),
    Column("environment", Text, nullable=False),
    Column("stamp_id", Uuid, nullable=False, unique=True),
    Column("system_identifier", Numeric(20, 0), comment="null where the role may not read it"),
    Column("database_oid", BigInteger, nullable=False),
    Column("database_name", Text, nullable=False),
    instant("stamped_at", default_now=True),
    Column("stamped_by", Text, nullable=False),
    CheckConstraint("one", name="one"),
    CheckConstraint("environment IN ('local', 'render_dev', 'render_prod')", name="environment"),
    info=_OWNER,
    schema=CONTROL,
)
