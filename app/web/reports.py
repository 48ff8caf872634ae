"""What visitors say about events: written to production's own table, and nothing else is."""

import hmac
import secrets
from ipaddress import ip_address

from fastapi import Request
from limits import parse_many
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from sqlalchemy import insert, select
from starlette.exceptions import HTTPException

from app.database.handles import WritableDatabase
from app.database.permits import Production
from app.database.tables import event_reports, events
from app.web.databases import Databases
from app.web.schemas import Receipt, Report
from settings.web import WebSettings


class Throttle:
    """Counts what each visitor does and stops those who do too much.

    It counts within this process; a service of several instances lets as many times more through.
    """

    def __init__(self, limits: str) -> None:
        self._limits = parse_many(limits)
        self._counts = MovingWindowRateLimiter(MemoryStorage())
        self._salt = secrets.token_bytes(16)

    def count(self, action: str, visitor: str) -> None:
        """Count one action of one visitor.

        Raises:
            HTTPException: 429: one too many.
        """
        # Addresses are nobody's business, not even in a memory dump.
        name = hmac.digest(self._salt, visitor.encode(), "sha256").hex()
        for limit in self._limits:
            if not self._counts.hit(limit, action, name):
                wait = str(limit.get_expiry())
                raise HTTPException(429, f"At most {limit}. Try again later.", {"Retry-After": wait})


def visitor_of(request: Request, settings: WebSettings) -> str:
    """The network address to count a visitor by; an IPv6 subscriber has all of a /64."""
    said = request.headers.get(settings.visitor_header, "") if settings.visitor_header else ""
    peer = request.client.host if request.client else ""
    try:
        address = ip_address(said.strip() or peer)
    except ValueError:
        return peer
    return str(address) if address.version == 4 else address.exploded[:19]  # noqa: PLR2004 - IPv4


def file(databases: Databases, key: str, report: Report) -> Receipt:
    """Write one report, once: a report whose COMMIT got no answer may be there, so it is not sent again.

    Raises:
        ReportsClosedError: this service may not write production.
        HTTPException: 404, there is no such event.
        DatabaseUnreachableError: nobody knows whether it was written; the visitor may send it again.
    """
    production = databases.open_for_reports()
    known = select(events.c.key).where(events.c.key == key)
    if databases.ask(lambda transaction: transaction.select(known).first()) is None:
        raise HTTPException(404, "There is no such event.")
    return _insert(production, key, report)


def _insert(production: WritableDatabase[Production], key: str, report: Report) -> Receipt:
    statement = (
        insert(event_reports)
        .values(event_key=key, kind=report.kind.value, message=report.message)
        .returning(event_reports.c.id, event_reports.c.reported_at)
    )
    with production.write() as transaction:
        row = transaction.execute(statement).one()
    return Receipt(id=row.id, event_key=key, kind=report.kind, reported_at=row.reported_at)
