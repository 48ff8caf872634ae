"""The API: events as JSON, iCalendar and JSON-LD, and reports about them."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy import Row
from starlette.exceptions import HTTPException

from app.database.handles import ReadTransaction
from app.web import calendars, linked_data, reports
from app.web.conditional import etag_of, is_current, not_modified, respond, version_of
from app.web.cursors import Cursor
from app.web.filters import EventFilters
from app.web.listing import find_events, one_event
from app.web.schemas import Event, EventPage, Key, Problem, Receipt, Report
from app.web.service import Running, Service

LONGEST_CALENDAR: Final = 1000
"""Events; calendar applications take no second page."""
LONGEST_PAGE: Final = 200

_PROBLEM: Final = {"content": {"application/problem+json": {}}, "model": Problem}
_NOT_MODIFIED: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "What you have is current"}}
_AWAY: Final[dict[int | str, dict[str, Any]]] = {
    422: {"description": "A parameter or field cannot be used", **_PROBLEM},
    503: {"description": "The database is away", **_PROBLEM},
}
_NOT_FOUND: Final[dict[int | str, dict[str, Any]]] = {404: {"description": "No such event", **_PROBLEM}}

router = APIRouter(prefix="/api", responses=_AWAY)

EventKey = Annotated[Key, Path(description="an event's key")]


class PageOfEvents(EventFilters):
    """Which events, from where on and how many."""

    cursor: str | None = Query(default=None, max_length=400, description="`next` of the page before")
    limit: int = Query(default=50, ge=1, le=LONGEST_PAGE, description="at most so many events")


@router.get(
    "/events",
    response_model=EventPage,
    responses={**_NOT_MODIFIED, 400: {"description": "A cursor that was not given out", **_PROBLEM}},
)
def list_events(request: Request, asked: Annotated[PageOfEvents, Query()], service: Running) -> Response:
    """Events by day, from today on unless other days are asked for."""
    after = Cursor.parse(asked.cursor) if asked.cursor is not None else None
    today = service.today()
    settled = asked.starting(today)

    def answer(transaction: ReadTransaction) -> Response:
        version = version_of(transaction)
        etag = version and etag_of("page", version, service.code, str(today), request.url.query)
        if etag and is_current(request, etag):
            return not_modified(etag)
        page = page_of(find_events(transaction, settled, after, asked.limit + 1), asked.limit)
        content = page.model_dump_json().encode()
        etag = etag or etag_of("page", content)
        return respond(request, content, "application/json", etag, _following(request, page, service))

    return service.databases.ask(answer, snapshot=True)


@router.get(
    "/events.ics",
    response_class=Response,
    responses={**_NOT_MODIFIED, 200: {"content": {calendars.MEDIA_TYPE: {}}}},
)
def subscribe(request: Request, asked: Annotated[EventFilters, Query()], service: Running) -> Response:
    """The same events as a calendar to subscribe to."""
    settled = asked.starting(service.today())

    def answer(transaction: ReadTransaction) -> list[Event]:
        return [Event.of(row) for row in find_events(transaction, settled, None, LONGEST_CALENDAR)]

    events = service.databases.ask(answer, snapshot=True)
    # Weak: a calendar says when it was made.
    etag = "W/" + etag_of("calendar", service.code, *(event.model_dump_json() for event in events))
    if is_current(request, etag):
        return not_modified(etag)
    content = calendars.calendar_of(events, name="Dances", address=service.address(request))
    return respond(request, content, calendars.MEDIA_TYPE, etag)


@router.get(
    "/events/{key}.ics",
    response_class=Response,
    responses={**_NOT_FOUND, **_NOT_MODIFIED, 200: {"content": {calendars.MEDIA_TYPE: {}}}},
)
def event_as_calendar(request: Request, key: EventKey, service: Running) -> Response:
    """One event for a calendar."""
    event = _event(service, key)
    etag = "W/" + etag_of("calendar", service.code, event.model_dump_json())
    content = calendars.calendar_of([event], name=event.name, address=service.address(request))
    return respond(request, content, calendars.MEDIA_TYPE, etag)


@router.get(
    "/events/{key}.jsonld",
    response_class=Response,
    responses={**_NOT_FOUND, **_NOT_MODIFIED, 200: {"content": {linked_data.MEDIA_TYPE: {}}}},
)
def event_as_linked_data(request: Request, key: EventKey, service: Running) -> Response:
    """One event as schema.org JSON-LD."""
    said = linked_data.linked_data_of(_event(service, key), address=service.address(request))
    content = json.dumps(said, ensure_ascii=False).encode()
    return respond(request, content, linked_data.MEDIA_TYPE, etag_of(content))


@router.get("/events/{key}", response_model=Event, responses={**_NOT_FOUND, **_NOT_MODIFIED})
def get_event(request: Request, key: EventKey, service: Running) -> Response:
    """One event."""
    content = _event(service, key).model_dump_json().encode()
    return respond(request, content, "application/json", etag_of(content))


@router.post(
    "/events/{key}/reports",
    status_code=201,
    responses={
        **_NOT_FOUND,
        400: {"description": "This is no JSON", **_PROBLEM},
        413: {"description": "Too long", **_PROBLEM},
        429: {"description": "Too many reports", **_PROBLEM},
        503: {"description": "Reports are closed here, or the database is away", **_PROBLEM},
    },
)
def report_event(request: Request, key: EventKey, report: Report, service: Running) -> Receipt:
    """Say that an event is cancelled or that something about it is wrong."""
    service.count("report", request)
    return reports.file(service.databases, key, report)


def find_event(transaction: ReadTransaction, key: str) -> Event:
    """The event of a key.

    Raises:
        HTTPException: 404, there is none.
    """
    row = transaction.select(one_event(key)).first()
    if row is None:
        raise HTTPException(404, "There is no such event.")
    return Event.of(row)


def page_of(found: Sequence[Row[*tuple[Any, ...]]], limit: int) -> EventPage:
    """A page of at most `limit` events from one row more than that, if there is one."""
    events = [Event.of(row) for row in found[:limit]]
    if len(found) <= limit:
        return EventPage(events=events, next=None)
    last = events[-1]
    return EventPage(events=events, next=str(Cursor(last.local_start_date, last.starts_at, last.key)))


def _event(service: Service, key: str) -> Event:
    return service.databases.ask(lambda transaction: find_event(transaction, key))


def _following(request: Request, page: EventPage, service: Service) -> dict[str, str]:
    """The `Link` header that leads to the same question's next page (RFC 8288)."""
    if page.next is None:
        return {}
    kept = [(name, text) for name, text in request.query_params.multi_items() if name != "cursor"]
    query = urlencode([*kept, ("cursor", page.next)])
    return {"Link": f'<{service.address(request)}/api/events?{query}>; rel="next"'}
