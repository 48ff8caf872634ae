"""Promotions and rollbacks that failed: production remembers them beside its ledger, in a transaction of their own."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from app.database.handles import WritableDatabase
from app.errors import AppError
from app.promotion.apply import UnknownOutcomeError
from app.promotion.ledger import Entry

logger = logging.getLogger(__name__)

_KEPT: Final = 1_000
"""Failures that are remembered."""


@contextmanager
def noted(production: WritableDatabase, entry: Entry) -> Iterator[None]:
    """Remember what goes wrong inside; the error goes on to the caller.

    What nobody can say the outcome of is no failure; what an interrupt ends is not noted, so that it ends at once.

    Args:
        production: where it was to be written.
        entry: the ledger's row that was to be written.
    """
    try:
        yield
    except UnknownOutcomeError:
        raise
    except AppError as error:
        _note(production, entry, str(error))
        raise


def _note(production: WritableDatabase, entry: Entry, error: str) -> None:
    try:
        with production.write() as transaction, transaction.cursor() as cursor:
            cursor.execute(
                f"{entry.insert_failure(error)} ON CONFLICT DO NOTHING;"
                " DELETE FROM control.promotion_failures WHERE run_id IN (SELECT run_id"
                f" FROM control.promotion_failures ORDER BY finished_at DESC OFFSET {_KEPT})"
            )
    except AppError as second:
        logger.warning("Production could not be told of the failure that follows: %s", second)
