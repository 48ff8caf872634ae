"""What the service reads from and writes reports to."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final, Self, TypeVar

from app.database.engines import open_production_reader, open_production_writer, open_routed
from app.database.failover import repeat
from app.database.handles import ReadOnlyDatabase, ReadTransaction, WritableDatabase
from app.database.permits import Production, Purpose, grant
from app.database.routing import RoutedDatabase
from app.errors import TemporaryFailure
from settings import Access, ConfigurationError, DatabaseSettings, DatabaseTarget, Settings
from settings.connections import ConnectionSettings

LONGEST_STATEMENT: Final = 10.0
"""Seconds; a visitor does not wait longer, and the pipeline's limit would hold a connection for minutes."""

PATIENCE: Final = 8.0
"""Seconds for which a visitor's question is asked again while the database is away: a failover takes a few."""

Answer = TypeVar("Answer")


class ReportsClosedError(TemporaryFailure):
    """Reports are taken only by the web service of production. Set DATABASE_TARGET=render_prod on Render."""


@dataclass(frozen=True)
class Databases:
    """The open databases of one running service.

    Attributes:
        reader: the active database, read-only: a replica when there is one, a backup when nothing else answers.
        reports: production, for visitors' reports and nothing else; None anywhere but in mode 4.
        why_closed: why there is no `reports`, for people.
        watched: every database whose health the status page shows, by what it is for.
        connections: how they were opened.
    """

    reader: RoutedDatabase
    reports: WritableDatabase[Production] | None
    why_closed: str
    watched: Mapping[str, ReadOnlyDatabase | WritableDatabase]
    connections: ConnectionSettings

    @classmethod
    @contextmanager
    def opened(cls, settings: Settings) -> Iterator[Self]:
        """Open what this process may have, and close it at the end of the block. Nothing connects yet."""
        database = settings.database
        given = settings.connections
        connections = given.model_copy(
            update={
                "statement_timeout": min(given.statement_timeout or LONGEST_STATEMENT, LONGEST_STATEMENT),
                "retry_for": min(given.retry_for, PATIENCE),
            }
        )
        with ExitStack() as stack:
            reader = open_routed(database, process="web", connections=connections)
            stack.callback(reader.dispose)
            watched: dict[str, ReadOnlyDatabase | WritableDatabase] = dict(
                zip(_uses(connections, database.target), reader.databases, strict=True)
            )
            reports = None
            why_closed = _why_closed(database)
            if not why_closed:
                permit = grant(Purpose.WEB_SERVICE, DatabaseTarget.RENDER_PROD)
                reports = open_production_writer(
                    database, permit, process="web reports", connections=connections
                )
                stack.callback(reports.dispose)
                watched["Reports"] = reports
            if database.target is not DatabaseTarget.RENDER_PROD and _has_production(database):
                production = open_production_reader(database, process="web", connections=connections)
                stack.callback(production.dispose)
                watched["Production"] = production
            yield cls(reader, reports, why_closed, watched, connections)

    def ask(self, question: Callable[[ReadTransaction], Answer], *, snapshot: bool = False) -> Answer:
        """Ask in a read-only transaction, and again on another node or a little later when that one is lost.

        Args:
            question: asks and returns rows that outlive the transaction; it may run several times.
            snapshot: all that it asks belongs to one moment.

        Raises:
            DatabaseUnreachableError: no node answered for as long as a visitor waits.
        """
        begin = partial(self.reader.read, snapshot=snapshot, allow_backup=True)
        return repeat(begin, question, self.connections)

    def open_for_reports(self) -> WritableDatabase[Production]:
        """Production, to write a report.

        Raises:
            ReportsClosedError: this is not production's web service.
        """
        if self.reports is None:
            raise ReportsClosedError(self.why_closed)
        return self.reports


def _uses(connections: ConnectionSettings, target: DatabaseTarget) -> list[str]:
    """What each node of the active database is for, in the order of `RoutedDatabase.databases`."""
    replicas = [f"Replica {number + 1}" for number in range(len(connections.replica_urls(target)))]
    return ["Events", *replicas, *(["Backup"] if connections.backup_url(target) else [])]


def _has_production(settings: DatabaseSettings) -> bool:
    try:
        settings.production_url  # noqa: B018 - asked whether it is configured
    except ConfigurationError:
        return False
    return True


def _why_closed(settings: DatabaseSettings) -> str:
    remedy = " ".join((ReportsClosedError.__doc__ or "").split())
    if settings.target is not DatabaseTarget.RENDER_PROD:
        return f"This service reads {settings.environment_name}. {remedy}"
    if settings.access is not Access.READ_WRITE:
        guessed = "" if settings.target_is_explicit else " and nobody named its database"
        where = "" if settings.on_render else " and does not run on Render"
        return f"This service only reads production{guessed}{where}. {remedy}"
    return ""
