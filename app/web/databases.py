"""What the service reads from and writes reports to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from app.database.engines import open_production_writer, open_reader
from app.database.handles import ReadOnlyDatabase, ReadTransaction, WritableDatabase
from app.database.permits import Active, Production, Purpose, grant
from app.errors import TemporaryFailure
from settings import Access, DatabaseSettings, DatabaseTarget, Settings


class ReportsClosedError(TemporaryFailure):
    """Reports are taken only by the web service of production. Set DATABASE_TARGET=render_prod on Render."""


@dataclass(frozen=True)
class Databases:
    """The open databases of one running service.

    Attributes:
        reader: the active database, read-only.
        reports: production, for visitors' reports and nothing else; None anywhere but in mode 4.
        why_closed: why there is no `reports`, for people.
    """

    reader: ReadOnlyDatabase[Active]
    reports: WritableDatabase[Production] | None
    why_closed: str

    @classmethod
    @contextmanager
    def opened(cls, settings: Settings) -> Iterator[Self]:
        """Open what this process may have, and close it at the end of the block. Nothing connects yet."""
        database = settings.database
        reader = open_reader(database, process="web", connections=settings.connections)
        why_closed = _why_closed(database)
        reports = None
        if not why_closed:
            permit = grant(Purpose.WEB_SERVICE, DatabaseTarget.RENDER_PROD)
            reports = open_production_writer(
                database, permit, process="web reports", connections=settings.connections
            )
        try:
            yield cls(reader, reports, why_closed)
        finally:
            reader.dispose()
            if reports is not None:
                reports.dispose()

    @contextmanager
    def read(self, *, snapshot: bool = False) -> Iterator[ReadTransaction]:
        """A read-only transaction.

        Raises:
            DatabaseUnreachableError: no connection, or it was lost.
        """
        with self.reader.read(snapshot=snapshot) as transaction:
            yield transaction

    def open_for_reports(self) -> WritableDatabase[Production]:
        """Production, to write a report.

        Raises:
            ReportsClosedError: this is not production's web service.
        """
        if self.reports is None:
            raise ReportsClosedError(self.why_closed)
        return self.reports


def _why_closed(settings: DatabaseSettings) -> str:
    if settings.target is not DatabaseTarget.RENDER_PROD:
        return f"This service reads {settings.environment_name}; {_mend()}"
    if settings.access is not Access.READ_WRITE:
        guessed = "" if settings.target_is_explicit else " and nobody named its database"
        where = "" if settings.on_render else " and does not run on Render"
        return f"This service only reads production{guessed}{where}. {_mend()}"
    return ""


def _mend() -> str:
    return " ".join((ReportsClosedError.__doc__ or "").split())
