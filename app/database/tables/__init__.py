"""Every table of every database, and who owns it."""

from app.database.tables.ledgers import (
    overrides,
    promotion_failures,
    promotion_undo,
    promotions,
    runs,
    stage_runs,
    stamp,
)
from app.database.tables.owners import CONTROL, Owner, UnownedTableError, metadata, owner_of, tables_of
from app.database.tables.private import collected_reports, fetches, judgements, provenance, rejects, sightings
from app.database.tables.published import events, venues
from app.database.tables.reports import event_reports

__all__ = [
    "CONTROL",
    "Owner",
    "UnownedTableError",
    "collected_reports",
    "event_reports",
    "events",
    "fetches",
    "judgements",
    "metadata",
    "overrides",
    "owner_of",
    "promotion_failures",
    "promotion_undo",
    "promotions",
    "provenance",
    "rejects",
    "runs",
    "sightings",
    "stage_runs",
    "stamp",
    "tables_of",
    "venues",
]
