"""Everything at the start.

Revision: 0001, after nothing.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from app.database.schema import exists_here
from app.database.tables import Owner

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    _create_system()
    _create_pipeline()
    if exists_here(Owner.PIPELINE_PRIVATE):
        _create_pipeline_private()
    _create_web()
    _guard_stamp()


def _create_system() -> None:
    op.create_table(
        "overrides",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False, comment="migrate, stamp, roles, promote, ..."),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "detail", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("overrides_pkey")),
        schema="control",
    )
    op.create_table(
        "promotions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "run_id", sa.Uuid(), nullable=False, comment="drawn by the client: tells whether COMMIT happened"
        ),
        sa.Column("kind", sa.Text(), server_default="promotion", nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("commit", sa.Text(), nullable=False),
        sa.Column("from_environment", sa.Text(), nullable=False),
        sa.Column("from_stamp", sa.Uuid(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False, comment="of the row hashes in promotion_undo"),
        sa.Column(
            "columns",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="by table, in the order of promotion_undo.before",
        ),
        sa.Column(
            "source_as_of",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="end of the source's last finished run",
        ),
        sa.Column(
            "counts",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="inserted, updated, deleted by table",
        ),
        sa.Column("seconds", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="by phase"),
        sa.Column(
            "overrides",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="gate: reason",
        ),
        sa.Column(
            "known",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="what the next one may rely on",
        ),
        sa.Column("undone_by", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind IN ('promotion', 'rollback')", name=op.f("promotions_kind_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("promotions_pkey")),
        sa.UniqueConstraint("run_id", name=op.f("promotions_run_id_key")),
        schema="control",
    )
    op.create_table(
        "promotion_failures",
        sa.Column("run_id", sa.Uuid(), nullable=False, comment="drawn by the client"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("commit", sa.Text(), nullable=False),
        sa.Column("from_environment", sa.Text(), nullable=False),
        sa.Column("from_stamp", sa.Uuid(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False, comment="what the person was told"),
        sa.CheckConstraint("kind IN ('promotion', 'rollback')", name=op.f("promotion_failures_kind_check")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("promotion_failures_pkey")),
        schema="control",
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), server_default="running", nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("commit", sa.Text(), nullable=False, comment="of the code; empty when unknown"),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column(
            "detail", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.CheckConstraint("(outcome = 'running') = (finished_at IS NULL)", name=op.f("runs_finished_check")),
        sa.CheckConstraint(
            "outcome IN ('running', 'done', 'incomplete', 'failed')", name=op.f("runs_outcome_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("runs_pkey")),
        schema="control",
    )
    op.create_table(
        "stamp",
        sa.Column("one", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("stamp_id", sa.Uuid(), nullable=False),
        sa.Column(
            "system_identifier",
            sa.Numeric(precision=20, scale=0),
            nullable=True,
            comment="null where the role may not read it",
        ),
        sa.Column("database_oid", sa.BigInteger(), nullable=False),
        sa.Column("database_name", sa.Text(), nullable=False),
        sa.Column("stamped_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("stamped_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "environment IN ('local', 'render_dev', 'render_prod')", name=op.f("stamp_environment_check")
        ),
        sa.CheckConstraint("one", name=op.f("stamp_one_check")),
        sa.PrimaryKeyConstraint("one", name=op.f("stamp_pkey")),
        sa.UniqueConstraint("stamp_id", name=op.f("stamp_stamp_id_key")),
        schema="control",
    )
    op.create_table(
        "promotion_undo",
        sa.Column("promotion_id", sa.BigInteger(), nullable=False, comment="of control.promotions"),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column(
            "row_key",
            sa.Text(),
            nullable=False,
            comment="the key as text, an array's text when composite",
        ),
        sa.Column(
            "before",
            postgresql.ARRAY(sa.Text()),
            nullable=True,
            comment="each column as text; null for an insert",
        ),
        sa.Column("after_hash", sa.BigInteger(), nullable=True, comment="null for a delete"),
        sa.CheckConstraint(
            "operation IN ('insert', 'update', 'delete', 'fill')", name=op.f("promotion_undo_operation_check")
        ),
        sa.PrimaryKeyConstraint("promotion_id", "position", name=op.f("promotion_undo_pkey")),
        schema="control",
    )
    op.create_table(
        "stage_runs",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), server_default="running", nullable=False),
        sa.Column(
            "counts", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.CheckConstraint(
            "outcome IN ('running', 'done', 'incomplete', 'failed')", name=op.f("stage_runs_outcome_check")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["control.runs.id"], name=op.f("stage_runs_run_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "stage", name=op.f("stage_runs_pkey")),
        schema="control",
    )


def _create_pipeline() -> None:
    op.create_table(
        "venues",
        sa.Column("key", sa.Text(), nullable=False, comment="derived from what the venue is; kept for ever"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("street", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("region", sa.Text(), nullable=True, comment="province or state, as a code"),
        sa.Column("postal_code", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True, comment="ISO 3166-1 alpha-2"),
        sa.Column("latitude", sa.Numeric(precision=9, scale=6), nullable=True),
        sa.Column("longitude", sa.Numeric(precision=9, scale=6), nullable=True),
        sa.CheckConstraint("country ~ '^[A-Z]{2}$'", name=op.f("venues_country_check")),
        sa.CheckConstraint("name <> ''", name=op.f("venues_name_check")),
        sa.CheckConstraint(
            "(latitude IS NULL) = (longitude IS NULL)", name=op.f("venues_whole_position_check")
        ),
        sa.CheckConstraint(
            "latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180",
            name=op.f("venues_position_check"),
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("venues_pkey")),
    )
    op.create_table(
        "events",
        sa.Column("key", sa.Text(), nullable=False, comment="derived from what the event is; kept for ever"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "time_zone", sa.Text(), nullable=False, comment="IANA name; local_* are the same instants there"
        ),
        sa.Column("local_start_date", sa.Date(), nullable=False),
        sa.Column(
            "local_start_time", sa.Time(), nullable=True, comment="null: the source gives a day and no time"
        ),
        sa.Column("local_end_date", sa.Date(), nullable=True),
        sa.Column("local_end_time", sa.Time(), nullable=True),
        sa.Column("venue_key", sa.Text(), nullable=True),
        sa.Column("event_type", sa.Text(), nullable=False, comment="social dance, class, workshop, ..."),
        sa.Column(
            "dance_styles", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("price_text", sa.Text(), server_default="", nullable=False),
        sa.Column("price_low", sa.Numeric(precision=10, scale=2), nullable=True),
        sa.Column("price_high", sa.Numeric(precision=10, scale=2), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True, comment="ISO 4217"),
        sa.Column("is_free", sa.Boolean(), nullable=True),
        sa.Column("cancelled", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("organiser", sa.Text(), server_default="", nullable=False),
        sa.Column("source", sa.Text(), nullable=False, comment="the source whose facts won"),
        sa.Column("url", sa.Text(), nullable=True),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("events_currency_check")),
        sa.CheckConstraint("ends_at < starts_at + interval '31 days'", name=op.f("events_length_check")),
        sa.CheckConstraint("name <> ''", name=op.f("events_name_check")),
        sa.CheckConstraint("source <> ''", name=op.f("events_source_check")),
        sa.CheckConstraint(
            "starts_at BETWEEN '2000-01-01+00' AND '2100-01-01+00'", name=op.f("events_era_check")
        ),
        sa.CheckConstraint("url ~ '^https?://'", name=op.f("events_url_check")),
        sa.CheckConstraint("ends_at >= starts_at", name=op.f("events_ends_after_start_check")),
        sa.CheckConstraint("local_end_date >= local_start_date", name=op.f("events_local_dates_check")),
        sa.CheckConstraint("price_low >= 0 AND price_high >= price_low", name=op.f("events_prices_check")),
        sa.ForeignKeyConstraint(["venue_key"], ["venues.key"], name=op.f("events_venue_key_fkey")),
        sa.PrimaryKeyConstraint("key", name=op.f("events_pkey")),
    )
    op.create_index(op.f("events_venue_key_idx"), "events", ["venue_key"], unique=False)
    _index_for_visitors()


def _index_for_visitors() -> None:
    op.create_index("events_day_idx", "events", ["local_start_date", "starts_at", "key"])
    op.create_index(
        "events_lasting_idx",
        "events",
        ["local_start_date"],
        postgresql_where=sa.text(
            "local_end_date > local_start_date + 1 OR"
            " local_end_date > local_start_date AND (local_end_time IS NULL OR local_end_time > '06:00')"
        ),
    )
    op.create_index("events_dance_styles_idx", "events", ["dance_styles"], postgresql_using="gin")
    op.create_index(
        "events_text_idx",
        "events",
        [sa.text("to_tsvector('simple', name || ' ' || left(description, 20000) || ' ' || organiser)")],
        postgresql_using="gin",
    )
    op.create_index("venues_city_idx", "venues", [sa.text("lower(city)")])
    op.create_index("venues_position_idx", "venues", ["latitude", "longitude"])
    op.create_index(
        "venues_text_idx",
        "venues",
        [sa.text("to_tsvector('simple', name || ' ' || coalesce(city, '') || ' ' || coalesce(street, ''))")],
        postgresql_using="gin",
    )


def _create_pipeline_private() -> None:
    op.create_table(
        "collected_reports",
        sa.Column(
            "id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="event_reports.id in production",
        ),
        sa.Column("event_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("collected_reports_pkey")),
    )
    op.create_index(op.f("collected_reports_event_key_idx"), "collected_reports", ["event_key"], unique=False)
    op.create_table(
        "fetches",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False, comment="file or URL"),
        sa.Column(
            "reading", sa.Text(), nullable=False, comment="digest of all else that its findings depend on"
        ),
        sa.Column("digest", sa.Text(), nullable=False, comment="of the content"),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.Column(
            "links", postgresql.ARRAY(sa.Text()), nullable=False, comment="where a crawl went on from here"
        ),
        sa.PrimaryKeyConstraint("source", "place", name=op.f("fetches_pkey")),
    )
    op.create_table(
        "judgements",
        sa.Column(
            "key", sa.Text(), nullable=False, comment="digest of the question, its content and the model"
        ),
        sa.Column("question", sa.Text(), nullable=False, comment="duplicate, relevance"),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("judgements_pkey")),
    )
    op.create_table(
        "rejects",
        sa.Column("key", sa.Text(), nullable=False, comment="digest of where and what"),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False, comment="file or URL"),
        sa.Column("line", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("rejects_pkey")),
    )
    op.create_index(op.f("rejects_source_idx"), "rejects", ["source"], unique=False)
    op.create_table(
        "sightings",
        sa.Column("key", sa.Text(), nullable=False, comment="digest of source, place and reference"),
        sa.Column(
            "identity", sa.Text(), nullable=False, comment="of the event, as first seen: names it for ever"
        ),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False, comment="file or URL"),
        sa.Column("reference", sa.Text(), nullable=False, comment="the source's own id of this occurrence"),
        sa.Column("starts_on", sa.Date(), nullable=False, comment="as said"),
        sa.Column(
            "said",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="a Sighting, as collected",
        ),
        sa.Column("digest", sa.Text(), nullable=False, comment="of `said`: tells whether anything changed"),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("source <> ''", name=op.f("sightings_source_check")),
        sa.PrimaryKeyConstraint("key", name=op.f("sightings_pkey")),
    )
    op.create_index(op.f("sightings_source_idx"), "sightings", ["source"], unique=False)
    op.create_table(
        "provenance",
        sa.Column("sighting_key", sa.Text(), nullable=False),
        sa.Column("event_key", sa.Text(), nullable=True, comment="null: not published, `rule` says why"),
        sa.Column(
            "rule", sa.Text(), nullable=False, comment="what decided: unique, merged, a clean-up rule, ..."
        ),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("notes", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.ForeignKeyConstraint(
            ["sighting_key"], ["sightings.key"], name=op.f("provenance_sighting_key_fkey")
        ),
        sa.PrimaryKeyConstraint("sighting_key", name=op.f("provenance_pkey")),
    )
    op.create_index(op.f("provenance_event_key_idx"), "provenance", ["event_key"], unique=False)


def _create_web() -> None:
    op.create_table(
        "event_reports",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_key", sa.Text(), nullable=False, comment="no foreign key: reports outlive events"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), server_default="", nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('wrong', 'cancelled')", name=op.f("event_reports_kind_check")),
        sa.CheckConstraint("char_length(message) <= 2000", name=op.f("event_reports_message_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("event_reports_pkey")),
    )
    op.create_index(op.f("event_reports_event_key_idx"), "event_reports", ["event_key"], unique=False)


def _guard_stamp() -> None:
    # Overwriting a stamp is never an accident: whoever means it drops the trigger first.
    op.execute("""
        CREATE FUNCTION control.keep_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'the stamp of a database is kept; dance stamp --replace is the way to change it';
        END
        $$
    """)
    op.execute("""
        CREATE TRIGGER keep_stamp BEFORE UPDATE OR DELETE OR TRUNCATE ON control.stamp
        FOR EACH STATEMENT EXECUTE FUNCTION control.keep_stamp()
    """)
    op.execute("GRANT USAGE ON SCHEMA control TO PUBLIC")
    op.execute("GRANT SELECT ON control.stamp TO PUBLIC")
