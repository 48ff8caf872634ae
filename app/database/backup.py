"""A backup database: a separate copy, not a replica, that is only ever read.

Writing it while the primary is away would leave two truths that nothing can merge. So nothing is
queued and nothing redirected: a read says where it comes from and how old it is, a write fails.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import func, select

from app.database.guards import StampGuard
from app.database.handles import ReadTransaction
from app.database.stamp import Declaration, Identity
from app.database.tables import promotions, runs
from app.errors import Refused, TemporaryFailure

_COPIED: Final = select(
    func.greatest(
        select(func.max(promotions.c.finished_at)).scalar_subquery(),
        select(func.max(runs.c.finished_at)).where(runs.c.outcome == "done").scalar_subquery(),
    )
)


class BackupIsTheDatabaseError(Refused):
    """The backup is the database itself, a replica of it, or in the same cluster, and would fail together with it. List a replica under the replicas; a backup is a separate copy on a server of its own."""


class BackupTooOldError(TemporaryFailure):
    """The backup is too old to be shown, or does not say how old it is. Bring the database back, or raise DATABASE_BACKUP_MAX_AGE."""


def refuse_same_cluster(backup: Identity, primary: Identity, label: str) -> None:
    """Refuse a backup on the primary's own server, by the system identifiers as far as both are known.

    Raises:
        BackupIsTheDatabaseError: they are the same.
    """
    if primary.system_identifier is not None and backup.system_identifier == primary.system_identifier:
        raise BackupIsTheDatabaseError(f"{label}: {BackupIsTheDatabaseError.__doc__}")


class BackupGuard(StampGuard):
    """Lets any stamp pass but the one of the database that this stands in for."""

    def _verify(self, declared: Declaration) -> None:
        stamp = declared.stamp
        if stamp is None or stamp.environment is not self.environment:
            return
        if stamp.identity.matches(declared.identity):
            raise BackupIsTheDatabaseError(f"{self.label}: {BackupIsTheDatabaseError.__doc__}")


def age_of(transaction: ReadTransaction, *, max_hours: float) -> datetime:
    """When the copy was made, as its own ledgers say: the last promotion or finished run in it.

    Raises:
        BackupTooOldError: it is older than that, or says nothing.
    """
    as_of = transaction.select(_COPIED).scalar_one()
    if as_of is None or as_of < datetime.now(UTC) - timedelta(hours=max_hours):
        said = f"of {as_of:%Y-%m-%d %H:%M} UTC" if as_of else "of an unknown time"
        raise BackupTooOldError(f"The backup is {said}. {BackupTooOldError.__doc__}")
    moment: datetime = as_of
    return moment
