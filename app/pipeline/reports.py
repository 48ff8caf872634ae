"""What visitors reported: read from production, which is never written, and kept beside the sightings."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select

from app.database import tables
from app.database.handles import ReadOnlyDatabase, WriteTransaction
from app.pipeline import rows
from app.pipeline.working import Working

_COLUMNS: Final = ("id", "event_key", "kind", "message", "reported_at")
_OVERLAP: Final = timedelta(days=7)
"""Read again this far back: a report's number is drawn before its transaction ends."""


def pull(production: ReadOnlyDatabase, working: Working) -> int:
    """Copy the reports that are new.

    Returns:
        How many there were.

    Raises:
        AppError: production does not answer, or has no table of reports.
    """
    with working.database.read() as transaction:
        newest = transaction.select(select(func.max(tables.collected_reports.c.reported_at))).scalar_one()
    with production.read() as transaction:
        asked = select(*(tables.event_reports.c[name] for name in _COLUMNS))
        if isinstance(newest, datetime):
            asked = asked.where(tables.event_reports.c.reported_at >= newest - _OVERLAP)
        found = [tuple(row) for row in transaction.select(asked)]

    def unit(transaction: WriteTransaction) -> int:
        known = set(transaction.select(select(tables.collected_reports.c.id)).scalars())
        with transaction.cursor() as cursor:
            return rows.copy(
                cursor, tables.collected_reports, _COLUMNS, [row for row in found if row[0] not in known]
            )

    return working.write(unit)


def cancelled(working: Working) -> frozenset[str]:
    """Keys of the events that a visitor reported as cancelled."""
    told = tables.collected_reports.c
    asked = select(told.event_key).where(told.kind == "cancelled")
    return working.read(lambda transaction: frozenset(transaction.select(asked).scalars()))
