"""Pages for visitors: the events by day, one event, and what they want to say about it."""

from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request, Response
from pydantic import ValidationError
from starlette.responses import RedirectResponse

from app.database.handles import ReadTransaction
from app.web import reports
from app.web.api import EventKey, find_event, page_of
from app.web.calendars import place_of
from app.web.cursors import Cursor
from app.web.facets import Facets
from app.web.filters import EventFilters, When
from app.web.linked_data import linked_data_of
from app.web.listing import find_events
from app.web.problems import said_of
from app.web.rendering import page
from app.web.schemas import EventPage, Report, ReportKind
from app.web.service import Running

EVENTS_ON_A_PAGE = 50
FIELDS = tuple(field.alias or name for name, field in EventFilters.model_fields.items())

router = APIRouter()


@router.get("/")
def events_by_day(request: Request, service: Running) -> Response:
    """The events that fit the form, by day."""
    # A form sends its empty fields too, and links from elsewhere bring parameters of their own.
    given = {name: text for name in FIELDS if (text := request.query_params.get(name, "").strip())}
    today = service.today()
    wrong: list[str] = []
    try:
        filters = EventFilters.model_validate(given)
    except ValidationError as error:
        wrong = [f"{item['loc'][0]}: {said_of(item)}" for item in error.errors()]
        filters = EventFilters()
    cursor = request.query_params.get("cursor")
    after = Cursor.parse(cursor) if cursor else None
    settled = filters.starting(today)

    def ask(transaction: ReadTransaction) -> tuple[Facets, EventPage, datetime | None]:
        facets = service.facets.read(transaction, today)
        found = [] if wrong else find_events(transaction, settled, after, EVENTS_ON_A_PAGE + 1)
        return facets, page_of(found, EVENTS_ON_A_PAGE), transaction.as_of

    facets, events, as_of = service.databases.ask(ask, snapshot=True)
    context: dict[str, Any] = {
        "given": given,
        "wrong": wrong,
        "facets": facets,
        "whens": list(When),
        "days": [
            (day, list(of_day)) for day, of_day in groupby(events.events, attrgetter("local_start_date"))
        ],
        "first": settled.first,
        "today": today,
        "query": urlencode(given),
        "later": urlencode(given | {"cursor": events.next}) if events.next else None,
        "begun": after is not None,
        "as_of": as_of and as_of.astimezone(service.settings.web.zone),
    }
    return page(request, "events.html", context, status=422 if wrong else 200)


@router.get("/events/{key}")
def event(request: Request, key: EventKey, service: Running) -> Response:
    """One event, with a form to report that something is wrong with it."""
    found = service.databases.ask(lambda transaction: find_event(transaction, key))
    context = {
        "event": found,
        "place": place_of(found.venue) if found.venue else None,
        "linked_data": linked_data_of(found, address=service.address(request)),
        "kinds": list(ReportKind),
        "closed": service.databases.why_closed,
        "reported": "reported" in request.query_params,
    }
    return page(request, "event.html", context)


@router.post("/events/{key}/reports")
def report(request: Request, key: EventKey, said: Annotated[Report, Form()], service: Running) -> Response:
    """Take a report from the form and lead back to the event."""
    service.count("report", request)
    reports.file(service.databases, key, said)
    return RedirectResponse(f"/events/{key}?reported=1", 303)
